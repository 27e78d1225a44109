"""A Keras model's configuration, as `model.to_json()` and `config.json` hold it -> Graph. Keras is not needed.

Models inside models are laid flat. A layer without a rule becomes an Opaque with the output shape that the wires
record; where not even that is known, and where a network is no chain of image operations from one input to one output,
a GraphError says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archscope.configs.blocks import placed
from archscope.configs.layers import UnknownLayerError, op_of
from archscope.configs.operations import operation_of
from archscope.configs.wires import (
    Wire,
    batch_shape,
    built_for,
    name_of,
    options_in,
    ordered,
    recorded_shapes,
    tensors_in,
    wires_in,
)
from archscope.errors import GraphError
from archscope.graph import Graph, Input, Node, Op, Opaque, Shape, Weight


class AnySizeError(GraphError):
    """A network that takes images of any size, read without one; `channels` is what it records of them."""

    def __init__(self, message: str, remedy: str, channels: int) -> None:
        super().__init__(message, remedy)
        self.channels = channels


RGB = 3
MAX_DEPTH = 20
"""Models inside models inside models ..."""

Weights = Callable[[tuple[str, ...]], tuple[Weight, ...] | None]
"""The weights of the layer at a path of names (the models around it, and its own), None where they are not known."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor between layers: the node that makes it, its shape, and the one that was recorded for it.

    The two differ where the network is read at another size; each is None where nobody knows it.
    """

    node: str
    shape: Shape | None
    recorded: Shape | None


def graph_of(
    config: Mapping[str, Any], input_shape: Shape | None = None, weights: Weights = lambda path: None
) -> Graph:
    """The graph of a Keras model's configuration; verify it before use.

    `input_shape` takes the place of the recorded one. `weights` knows those of layers without a rule.
    Raises AnySizeError where neither says a size, GraphError for what is no network from one image to one tensor, or
    cannot be understood.
    """
    reader = _Reader(weights)
    try:
        outputs = reader.model(config, None, (), input_shape)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        # What a damaged or hostile file holds in place of names, lists and numbers.
        raise GraphError(
            f"the configuration is no model's: {type(error).__name__} at {reader.at}", "save the model again"
        ) from error
    if len(outputs) != 1:
        raise GraphError(
            f"the model has {len(outputs)} outputs, and archscope reads networks with one",
            "save the model up to one of them",
        )
    graph = Graph(tuple(reader.nodes)).ancestors(outputs[0].node)
    return placed(graph)


def layer_paths(config: Mapping[str, Any], input_shape: Shape) -> dict[str, tuple[str, ...]]:
    """Where each layer of the graph stands: the names of the models around it, and its own. Raises as `graph_of`."""
    reader = _Reader(lambda path: None)
    reader.model(config, None, (), input_shape)
    return reader.paths


@dataclass(slots=True)
class _Reader:
    """Collects the nodes of a model and of the models in it."""

    weights: Weights
    nodes: list[Node] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)
    at: str = "its beginning"

    def model(
        self,
        config: Mapping[str, Any],
        inputs: Sequence[Tensor] | None,
        path: tuple[str, ...],
        size: Shape | None = None,
        made: Shape | None = None,
    ) -> list[Tensor]:
        """Read a model, fed with `inputs`, or with an Input of its own where there are none; return its outputs.

        `made` is the shape that is recorded for its output, outside.
        """
        if len(path) > MAX_DEPTH:
            raise GraphError(f"more than {MAX_DEPTH} models stand inside each other", "save the model laid flat")
        inner = config["config"]
        if config["class_name"] == "Sequential":
            return self._sequential(inner, inputs, path, size, made)
        if not isinstance(inner, Mapping) or "layers" not in inner or "output_layers" not in inner:
            raise GraphError(
                f"a {config['class_name']} does not record what its layers read",
                "import the live model, or save a functional or sequential one",
            )
        return self._functional(inner, inputs, path, size, made)

    def _sequential(
        self,
        config: Mapping[str, Any],
        inputs: Sequence[Tensor] | None,
        path: tuple[str, ...],
        size: Shape | None,
        made: Shape | None,
    ) -> list[Tensor]:
        layers = list(config["layers"])
        recorded = tuple(config.get("build_input_shape") or ())[1:] or None
        if layers and layers[0]["class_name"] == "InputLayer":
            recorded = batch_shape(layers.pop(0)["config"])
        tensors = list(inputs) if inputs is not None else [self._input("input", recorded, size)]
        for number, layer in enumerate(layers):
            # The shape that the next layer was built for is this one's output.
            after = built_for(layers[number + 1]) if number + 1 < len(layers) else made
            tensors = self._layer(layer, tensors, (), path, after)
        return tensors

    def _functional(
        self,
        config: Mapping[str, Any],
        inputs: Sequence[Tensor] | None,
        path: tuple[str, ...],
        size: Shape | None,
        made: Shape | None,
    ) -> list[Tensor]:
        entries = list(wires_in(config["input_layers"]))
        if inputs is None and len(entries) != 1:
            raise GraphError(
                f"the model has {len(entries)} inputs, and archscope reads networks of one image",
                "save the part behind one of them",
            )
        tensors: dict[Wire, Tensor] = {}
        ends = list(wires_in(config["output_layers"]))
        recorded = {**dict.fromkeys(ends, made), **recorded_shapes(config["layers"])}
        fed = dict(zip((wire[0] for wire in entries), inputs, strict=True)) if inputs is not None else {}
        for layer, number, arguments in ordered(config["layers"]):
            name = name_of(layer)
            if layer["class_name"] == "InputLayer":
                shape = batch_shape(layer["config"])
                tensors[name, 0, 0] = fed[name] if name in fed else self._input(name, shape, size)
                continue
            given = [tensors[wire] for wire in tensors_in(arguments)]
            if not given:
                raise GraphError(f"{name!r} reads no layer, and is no input", "save the model again")
            outputs = self._layer(layer, given, arguments, path, recorded.get((name, number, 0)), number)
            tensors.update({(name, number, place): tensor for place, tensor in enumerate(outputs)})
        return [tensors[wire] for wire in ends]

    def _input(self, name: str, recorded: Shape | None, size: Shape | None) -> Tensor:
        self.at = f"layer {name!r}"
        shape = size or recorded
        if shape is None or len(shape) != 3 or not all(isinstance(part, int) and part > 0 for part in shape):
            spelled = "x".join("?" if part is None else str(part) for part in shape or ("?",))
            message = f"the model takes {spelled}, and an image is height x width x channels"
            sides = shape or (None, None, RGB)
            known = all(part is None or (isinstance(part, int) and part > 0) for part in sides)
            if len(sides) == 3 and known and sides[2]:
                raise AnySizeError(message, "--input gives a size", sides[2])
            raise GraphError(message, "--input gives a size")
        name = self._named(name, ())
        self.nodes.append(Node(name, Input(shape=tuple(shape))))
        return Tensor(name, tuple(shape), recorded)

    def _layer(
        self,
        layer: Mapping[str, Any],
        inputs: Sequence[Tensor],
        arguments: object,
        path: tuple[str, ...],
        recorded: Shape | None,
        call: int = 0,
    ) -> list[Tensor]:
        """The node of one call of a layer, or the nodes of a model that stands there."""
        config = layer["config"]
        own = name_of(layer)
        self.at = f"layer {own!r}"
        if layer["class_name"] in ("Functional", "Sequential") or ("layers" in config and "output_layers" in config):
            if call:
                raise self._shared(own)
            return self.model(layer, inputs, (*path, own), made=recorded)
        shapes = tuple(tensor.shape for tensor in inputs)
        before = tuple(tensor.recorded for tensor in inputs)
        op = self._op(layer, shapes, before, arguments, (*path, own), recorded)
        if call and _has_weights(op, shapes):
            raise self._shared(own)
        name = self._named(own, path)
        self.paths[name] = (*path, own)
        self.nodes.append(Node(name, op, tuple(tensor.node for tensor in inputs)))
        return [Tensor(name, _shape_after(op, shapes), recorded or _shape_after(op, before))]

    def _op(
        self,
        layer: Mapping[str, Any],
        shapes: tuple[Shape | None, ...],
        before: tuple[Shape | None, ...],
        arguments: object,
        path: tuple[str, ...],
        recorded: Shape | None,
    ) -> Op:
        module, kind = f"{layer.get('module') or 'keras'}.", layer["class_name"]
        function = module.startswith(("keras.src.ops.", "keras.ops."))
        try:
            if function:
                return operation_of(str(kind), layer["config"], arguments, shapes)
            if not module.startswith("keras."):
                raise UnknownLayerError(f"no rule for a {kind}")
            for key, value in options_in(arguments):
                raise UnknownLayerError(f"no rule for a {kind} called with {key}={value!r:.60}")
            return op_of(kind, layer["config"], shapes)
        except UnknownLayerError as error:
            if recorded is None or None in recorded:
                raise GraphError(
                    f"{path[-1]!r}: archscope has {error}, and its output shape is not recorded",
                    "import the live model, which knows it",
                ) from error
            known = tuple(shape for shape in before if shape is not None and None not in shape)
            reads = known if len(known) == len(before) else None
            weights = () if function else self.weights(path) or ()
            return Opaque(kind=str(layer["class_name"]), shape=recorded, weights=weights, reads=reads)

    def _named(self, name: str, path: tuple[str, ...]) -> str:
        """A name that is still free: the layer's own, or else with the models around it, or else numbered.

        What joins them is no slash: Keras takes none in a layer's name.
        """
        for candidate in (name, "_".join((*path, name))):
            if candidate not in self.names:
                self.names.add(candidate)
                return candidate
        number = 2
        while f"{name}_call_{number}" in self.names:
            number += 1
        self.names.add(f"{name}_call_{number}")
        return f"{name}_call_{number}"

    def _shared(self, name: str) -> GraphError:
        return GraphError(
            f"{name!r} has weights and is called more than once, and archscope counts a layer where it stands",
            "save a model in which each layer with weights stands once",
        )


def _shape_after(op: Op, shapes: tuple[Shape | None, ...]) -> Shape | None:
    """The output shape by the op's own rule; None where what it reads is not known."""
    known = [shape for shape in shapes if shape is not None and None not in shape]
    fits_arity = len(known) == len(shapes) >= op.arity[0]
    fits_rank = op.rank is None or all(len(shape) == op.rank for shape in known)
    return op.effect(*known).shape if fits_arity and fits_rank and known else None


def _has_weights(op: Op, shapes: tuple[Shape | None, ...]) -> bool:
    known = [shape for shape in shapes if shape is not None]
    return isinstance(op, Opaque) or bool(len(known) == len(shapes) and op.effect(*known).weights)
