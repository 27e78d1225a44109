"""What a Keras model is made of, read from its layers, and what our graphs say of theirs: to be held side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from archscope.graph import Graph, verify

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-5


class Layer(NamedTuple):
    name: str
    kind: str
    shape: tuple[int, ...]
    weights: tuple[tuple[str, tuple[int, ...], bool], ...]


def of_keras(model: keras.Model) -> list[Layer]:
    """Every layer but the input and the preprocessing, as Keras built it; auto-numbered names without their number."""
    layers = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("InputLayer", "Rescaling"):
            continue
        trainable = {id(weight) for weight in layer.trainable_weights}
        weights = [
            (weight.name, tuple(weight.shape), id(weight) in trainable)
            for weight in layer.weights
            if weight.name != "seed_generator_state"
        ]
        name = re.sub(r"^(global_average_pooling2d|dense)_\d+$", r"\1", layer.name)
        layers.append(Layer(name, kind, tuple(layer.output.shape[1:]), tuple(weights)))
    return layers


def of_graph(graph: Graph) -> list[Layer]:
    return [
        Layer(row.name, row.node.kind, row.output, tuple((w.name, w.shape, w.trainable) for w in row.weights))
        for row in verify(graph)
        if row.node.kind not in ("Input", "Rescaling")
    ]


SPREAD = {
    "gamma": (0.8, 1.2),
    "moving_variance": (0.8, 1.2),
    "beta": (0.1, 0.5),
    "moving_mean": (-0.2, 0.2),
    "bias": (-0.1, 0.1),
}


def randomise(model: keras.Model, rng: np.random.Generator) -> None:
    """Give every weight a value that reaches the output.

    As Keras makes them, biases and statistics are zeros and ones, and the signal dies on its way down: two networks
    that differ would agree. Kernels that keep the variance (He et al. 2015) and a positive beta keep it alive.
    """
    for layer in model.layers:
        for weight in layer.weights:
            if weight.name == "kernel":
                fan_in = weight.shape[0] * weight.shape[1] if "Depthwise" in type(layer).__name__ else None
                fan_in = fan_in or int(np.prod(weight.shape[:-1]))
                weight.assign(rng.normal(0, np.sqrt(2 / fan_in), weight.shape).astype("float32"))
            elif weight.name in SPREAD:
                weight.assign(rng.uniform(*SPREAD[weight.name], weight.shape).astype("float32"))


def pixels(model: keras.Model, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.integers(0, 256, (2, *model.input_shape[1:])).astype("float32")


def difference(ours: keras.Model, theirs: keras.Model, rng: np.random.Generator) -> float:
    """max|a - b| / max|b| on random pixels, which `theirs` gets preprocessed, to the bit as inside `ours`."""
    import keras

    images = pixels(ours, rng)
    a = keras.ops.convert_to_numpy(ours(images, training=False))
    b = keras.ops.convert_to_numpy(theirs(ours.get_layer("preprocess")(images), training=False))
    assert np.abs(b).max() > 0
    return float(np.abs(a - b).max() / np.abs(b).max())


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Set every weighted layer of `target` from the layer of that name in `source`, but for numbers Keras appends."""
    twins = {_bare(layer.name): layer for layer in source.layers if layer.count_params()}
    for layer in target.layers:
        if layer.count_params():
            layer.set_weights(twins[_bare(layer.name)].get_weights())


def _bare(name: str) -> str:
    match = re.match(r"^(global_average_pooling2d|dropout|dense|add|rescaling|input_layer)_\d+$", name)
    return match[1] if match else name
