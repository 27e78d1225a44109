"""The flat rules against Keras' own optimizers, five steps on random gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.train import Recipe
from archscope.train.optimizer import RMSPROP_RHO, optimizer_of

SHAPES = ((3, 3, 2, 4), (4,), (5, 2), (2,))  # two kernels, two biases
RATE = 0.02


def keras_optimizer(recipe: Recipe) -> Any:
    import keras

    decay = recipe.weight_decay or None
    match recipe.optimizer:
        case "sgd":
            return keras.optimizers.SGD(RATE, momentum=recipe.momentum, nesterov=True, weight_decay=decay)
        case "rmsprop":
            return keras.optimizers.RMSprop(RATE, RMSPROP_RHO, momentum=recipe.momentum, weight_decay=decay)
        case _:
            return keras.optimizers.AdamW(RATE, beta_1=recipe.momentum, weight_decay=recipe.weight_decay)


def by_keras(recipe: Recipe, weights: list[np.ndarray], gradients: list[list[np.ndarray]]) -> np.ndarray:
    import keras

    variables = [keras.Variable(value, name=f"v{place}") for place, value in enumerate(weights)]
    optimizer = keras_optimizer(recipe)
    optimizer.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) == 1])
    for gradient in gradients:
        optimizer.apply(gradient, variables)
    return flat([variable.numpy() for variable in variables])


def flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adamw"])
def test_five_steps_are_keras(name: str, momentum: float, weight_decay: float) -> None:
    recipe = Recipe.choose(optimizer=name, momentum=momentum, weight_decay=weight_decay)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    gradients = [[rng.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(5)]

    optimizer, ours = optimizer_of(recipe), flat(weights)
    slots = tuple(np.zeros_like(ours) for _ in range(optimizer.slots))
    decayed = flat([np.full(shape, float(len(shape) > 1), np.float32) for shape in SHAPES])
    for step, gradient in enumerate(gradients, 1):
        ours, slots = optimizer.update(ours, flat(gradient), slots, decayed, np.float32(RATE), np.float32(step))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, by_keras(recipe, weights, gradients), rtol=2e-5, atol=2e-6)


@given(st.sampled_from(["sgd", "rmsprop", "adamw"]), st.floats(1e-4, 0.5), st.floats(0, 0.9))
@settings(max_examples=30)
def test_without_a_gradient_only_kernels_shrink(name: str, rate: float, decay: float) -> None:
    optimizer = optimizer_of(Recipe.choose(optimizer=name, weight_decay=decay))
    weights, nothing = np.array([2.0, -3.0]), np.zeros(2)
    slots = tuple(nothing for _ in range(optimizer.slots))
    after, _ = optimizer.update(weights, nothing, slots, np.array([1.0, 0.0]), rate, 1)
    assert after[0] == pytest.approx(2.0 * (1 - rate * decay))
    assert after[1] == -3.0
