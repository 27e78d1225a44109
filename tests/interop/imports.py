"""A Keras model against the graph imported from it: layer by layer, in sum, and in what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from archscope.graph import Opaque, digest, verify
from archscope.interop.importing import import_model
from archscope.interop.lower import lower

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-5


def operations(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Every layer and operation of a model and of the models in it, with its name; inputs of inner models apart."""
    import keras

    # A functional model's `operations` has what stands there as an operation and is no layer, too.
    for operation in model.layers if isinstance(model, keras.Sequential) else model.operations:
        if isinstance(operation, keras.Model):
            yield from ((name, inner) for name, inner in operations(operation) if type(inner).__name__ != "InputLayer")
        else:
            yield operation.name, operation


def check_import(model: keras.Model, seed: int = 0) -> None:
    """Assert that the graph has the model's layers, shapes, weights and totals, and computes the same once lowered."""
    graph = import_model(model)
    traced = verify(graph)
    theirs = dict(operations(model))
    assert not [row.name for row in traced if isinstance(row.node.op, Opaque)]
    assert {row.name for row in traced} == set(theirs)
    for row in traced:
        output = theirs[row.name].output
        assert tuple(output.shape[1:]) == row.output, row.name
        weights = [tuple(w.shape) for w in getattr(theirs[row.name], "weights", []) if "seed" not in w.path]
        assert weights == [weight.shape for weight in row.weights], row.name
    assert traced.params == model.count_params()
    assert traced.trainable_params == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)

    ours = lower(graph)
    assert digest(import_model(ours)) == digest(graph)
    rng = np.random.default_rng(seed)
    for layer in ours.layers:
        for weight, given in zip(layer.weights, getattr(theirs[layer.name], "weights", []), strict=False):
            # Variances stay positive, and kernels keep the signal alive (He et al. 2015).
            kernel, fan_in = len(weight.shape) > 1, max(np.prod(weight.shape[:-1]), 1)
            values = rng.normal(0, np.sqrt(2 / fan_in), weight.shape) if kernel else rng.uniform(0.5, 1.5, weight.shape)
            given.assign(values.astype("float32"))
            weight.assign(values.astype("float32"))
    image = rng.uniform(0, 255, (2, *traced.input)).astype("float32")
    a, b = (np.asarray(net(image, training=False)) for net in (ours, model))
    assert np.abs(b).max() > 0
    assert np.abs(a - b).max() <= TOLERANCE * np.abs(b).max()
