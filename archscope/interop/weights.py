"""Copy weights between Keras models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archscope.errors import GraphError

if TYPE_CHECKING:
    import keras


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Set every weighted layer of `target` from the layer of the same name in `source`, numbers Keras appends apart.

    Raises GraphError where a layer is missing or shaped otherwise; `target` is then unchanged.
    """
    by_name = {_bare(layer.name): layer for layer in source.layers if layer.count_params()}
    pairs = []
    for layer in target.layers:
        if not layer.count_params():
            continue
        twin = by_name.get(_bare(layer.name))
        if twin is None:
            raise GraphError(f"{source.name!r} has no layer {layer.name!r} to copy weights from")
        theirs, ours = ([tuple(weight.shape) for weight in one.weights] for one in (twin, layer))
        if theirs != ours:
            raise GraphError(f"the weights of {layer.name!r} are {theirs} in {source.name!r}, and {ours} here")
        pairs.append((layer, twin))
    for layer, twin in pairs:
        layer.set_weights(twin.get_weights())


_NUMBERED = re.compile(r"^(?P<auto>(?:global_average_pooling2d|dropout|dense|add|rescaling|input_layer))_\d+$")


def _bare(name: str) -> str:
    match = _NUMBERED.match(name)
    return match["auto"] if match else name
