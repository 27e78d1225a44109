"""Faster equal formulations of what a training step spends its time in, for Keras on TensorFlow's CPU kernels.

Keras computes a batch norm from some ten operators, each a pass over memory, and the depthwise filter gradient of a
2x2 map is several times slower than its forward pass. While a step is traced, the layers named here compute the same
values by other operators; the model itself, its weights and its saved form stay as they are. Sums are taken in another
order, so that results differ by rounding, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from archscope.train.kernels import depthwise, norm, pointwise
from archscope.train.kernels.wiring import Wiring

if TYPE_CHECKING:
    import keras

__all__ = ["fast_layers"]


@contextmanager
def fast_layers(model: keras.Model) -> Iterator[None]:
    """While this is open, calling `model` in training uses the formulations of this package."""
    specs = []
    try:
        for layer, call in _faster(model).items():
            specs.append((layer, layer.input_spec))
            # Plain attributes: one shadows the method, and Keras' own __setattr__ would track both. A layer that does
            # its neighbour's work is given the neighbour's input.
            object.__setattr__(layer, "call", call)
            object.__setattr__(layer, "input_spec", None)
        yield
    finally:
        for layer, spec in specs:
            object.__delattr__(layer, "call")
            object.__setattr__(layer, "input_spec", spec)


def _faster(model: keras.Model) -> dict[keras.Layer, Callable[..., Any]]:
    """Layer -> what it calls instead. What a formulation takes over from its neighbours, those hand on untouched."""
    import keras

    wiring = Wiring(model)
    calls: dict[keras.Layer, Callable[..., Any]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            calls |= _faster(layer)
        elif pointwise.is_pointwise(layer):
            calls |= pointwise.expansion(layer, wiring) or {layer: pointwise.product(layer)}
        elif norm.is_batch_norm(layer):
            calls.setdefault(layer, norm.batch_norm(layer))
        elif depthwise.is_depthwise(layer):
            calls |= depthwise.windows(layer, wiring)
    return calls
