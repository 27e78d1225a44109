"""Gradients of one number with regard to some weights, in the words of each of Keras' backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt


def gradients(
    model: keras.Model,
    weights: Sequence[Any],
    images: npt.NDArray[np.floating],
    value: Callable[[Any], Any],
    training: bool,
) -> list[npt.NDArray[np.floating]]:
    """The gradients of `value(model(images))`, a scalar, with regard to each of the model's trainable `weights`."""
    import keras

    ways = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    found: list[Any] = ways[keras.backend.backend()](model, weights, images, value, training)
    return found


@contextmanager
def double_precision() -> Iterator[None]:
    """While this is open, new layers compute in float64."""
    import keras

    before = keras.config.dtype_policy()
    with ExitStack() as open_ones:
        if keras.backend.backend() == "jax":
            import jax

            open_ones.enter_context(jax.enable_x64(True))
        keras.config.set_dtype_policy("float64")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)


def _tensorflow(model: Any, weights: Any, images: Any, value: Any, training: bool) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        result = value(model(tf.constant(images), training=training))
    return [_filled(found, weight) for found, weight in zip(tape.gradient(result, weights), weights, strict=True)]


def _torch(model: Any, weights: Any, images: Any, value: Any, training: bool) -> Any:
    import keras
    import torch

    result = value(model(keras.ops.convert_to_tensor(images), training=training))
    found = torch.autograd.grad(result, [weight.value for weight in weights], allow_unused=True)
    return [_filled(one, weight) for one, weight in zip(found, weights, strict=True)]


def _jax(model: Any, weights: Any, images: Any, value: Any, training: bool) -> Any:
    import jax

    wanted = {id(weight) for weight in weights}
    others = [variable.value for variable in model.non_trainable_variables]

    def result(values: Any) -> Any:
        return value(model.stateless_call(values, others, images, training=training)[0])

    found = jax.grad(result)([variable.value for variable in model.trainable_variables])
    pairs = zip(model.trainable_variables, found, strict=True)
    return [_filled(one, weight) for weight, one in pairs if id(weight) in wanted]


def _filled(found: Any, weight: Any) -> Any:
    """As NumPy has it; a weight that the value does not hang on has a gradient of 0."""
    import keras
    import numpy as np

    return np.zeros(weight.shape) if found is None else keras.ops.convert_to_numpy(found)
