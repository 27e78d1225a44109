"""The wires of a Keras configuration: what each call of a layer reads, the order to read calls in, and what shapes
are recorded along the way. As Keras 3 writes them, and as Keras 2 did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

from archscope.errors import GraphError
from archscope.graph import Shape

Wire = tuple[str, int, int]
"""A layer's name, which of its calls, and which of that call's outputs."""
Call = tuple[Mapping[str, Any], int, Any]
"""A layer, which of its calls, and that call's arguments."""


def ordered(layers: Sequence[Mapping[str, Any]]) -> Iterator[Call]:
    """Every call of every layer, behind what it reads, and else in the order given."""
    calls = [
        (layer, number, arguments)
        for layer in layers
        for number, arguments in enumerate(layer.get("inbound_nodes") or [()])
    ]
    made_by = {(name_of(layer), number): place for place, (layer, number, _) in enumerate(calls)}
    missing, readers = [], defaultdict(list)
    for place, (_, _, arguments) in enumerate(calls):
        sources = {made_by.get(wire[:2], -1) for wire in tensors_in(arguments)}
        missing.append(len(sources))
        for source in sources:
            readers[source].append(place)
    ready = [place for place, count in enumerate(missing) if not count]
    left = len(calls)
    while ready:
        place, left = heappop(ready), left - 1
        yield calls[place]
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    if left:
        stuck = sorted({repr(name_of(layer)) for (layer, _, _), count in zip(calls, missing, strict=True) if count})
        raise GraphError(
            f"what {', '.join(stuck[:3])} read comes from nowhere, or from themselves", "save the model again"
        )


def name_of(layer: Mapping[str, Any]) -> str:
    """The name of a layer."""
    config = layer["config"]
    return str(config["name"] if isinstance(config, Mapping) and "name" in config else layer["name"])


def tensors_in(arguments: Any) -> Iterator[Wire]:
    """The wires among a call's arguments, in order: as Keras 3 writes them, and as Keras 2 did."""
    if isinstance(arguments, Mapping):
        if arguments.get("class_name") == "__keras_tensor__":
            name, call, place = arguments["config"]["keras_history"]
            yield str(name), int(call), int(place)
            return
        for value in arguments.values():
            yield from tensors_in(value)
    elif isinstance(arguments, (list, tuple)):
        if len(arguments) in (3, 4) and isinstance(arguments[0], str) and isinstance(arguments[1], int):
            yield arguments[0], int(arguments[1]), int(arguments[2])
            return
        for value in arguments:
            yield from tensors_in(value)


def options_in(arguments: Any) -> Iterator[tuple[str, object]]:
    """What a call of a layer says beside its tensors, with the names of it, as far as it is anything.

    `training=True` is: a dropout or a batch normalisation that is called so computes another thing.
    """
    if not isinstance(arguments, Mapping):
        # Keras 2: a list of wires, each with what is said by name as its fourth entry.
        wires = [value for value in arguments if isinstance(value, (list, tuple))]
        given = [pair for wire in wires if len(wire) == 4 for pair in dict(wire[3] or {}).items()]
    else:
        given = [(f"argument {place}", value) for place, value in enumerate(arguments.get("args") or (), 1)]
        given += dict(arguments.get("kwargs") or {}).items()
    for key, value in given:
        if value is not None and value is not False and not any(True for _ in tensors_in(value)):
            yield str(key), value


def wires_in(value: Any) -> Iterator[Wire]:
    """The wires of `input_layers` or `output_layers`: one, a list of them, or lists of lists."""
    yield from tensors_in(value.values() if isinstance(value, Mapping) else value)


def recorded_shapes(layers: Sequence[Mapping[str, Any]]) -> dict[Wire, Shape]:
    """The shape of each wire, as those who read it record it."""
    found: dict[Wire, Shape] = {}
    waiting: list[Any] = [layer.get("inbound_nodes") for layer in layers]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if value.get("class_name") == "__keras_tensor__":
                (wire,) = tensors_in(value)
                found[wire] = checked(value["config"]["shape"][1:])
            else:
                waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
    return found


def batch_shape(config: Mapping[str, Any]) -> Shape | None:
    """The shape of an InputLayer, without the batch."""
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return tuple(shape[1:]) if shape else None


def checked(shape: Sequence[object]) -> Shape:
    """A recorded shape. Raises ValueError for what is none: sizes are whole and at least 1, or open."""
    if not all(size is None or (isinstance(size, int) and size > 0) for size in shape):
        raise ValueError(shape)
    return tuple(shape)  # type: ignore[arg-type]


def built_for(layer: Mapping[str, Any]) -> Shape | None:
    """The input shape that a layer was built for, where that is one and recorded."""
    shape = (layer.get("build_config") or {}).get("input_shape")
    return checked(shape[1:]) if shape and not isinstance(shape[0], list) else None
