"""What `test_backends.py` has done in a process of its own, since Keras takes its backend once: COMMAND FILE.npz."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

STRONG = {"rotation": 15.0, "sharpness": 0.5, "jitter": 0.3, "cutout": 4, "mixup": 0.4}
Arrays = dict[str, np.ndarray]


def build(dropout: float = 0.0, filters: int = 8) -> Any:
    """A small network with all that a training touches."""
    import keras

    from archscope.train import seed_everything

    seed_everything(3)
    layers = keras.layers
    image = x = keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.999)(x)
    x = layers.ReLU(max_value=6)(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


def images(count: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images of four classes that differ in brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 4
    coarse = rng.integers(0, 160, (count, 4, 4, 3)) + labels[:, None, None, None] * 30
    return coarse.repeat(3, axis=1).repeat(3, axis=2).astype(np.uint8), labels


def recipe_of(**knobs: Any) -> Any:
    from archscope.train import Recipe

    return Recipe.choose(**{"batch_size": 32, "ema": 0.9, "weight_decay": 0.01, "label_smoothing": 0.1} | knobs)


def stepped(recipe: Any, weights: list[np.ndarray], teacher: Any = None, steps: int = 3) -> Iterator[np.ndarray]:
    """All variables behind three steps from `weights`, and behind them those of the averaged model."""
    from archscope.train.augment import Augmenter
    from archscope.train.state import snapshot
    from archscope.train.step import training_step

    # The others divide by the gradient's size, and magnify what is rounding in a small one.
    rate = 0.05 if recipe.optimizer == "sgd" else 1e-3
    model = build()
    model.set_weights(weights)
    augmenter = Augmenter(*images(), 4, recipe)
    step = training_step(model, recipe, augmenter, teacher)
    order = augmenter.order(1)
    for place in range(steps):
        chosen = order[place * 32 : (place + 1) * 32]
        step(step.prepare(chosen, augmenter.draw(chosen, 1, place, 0.5)), rate)
    totals = step.totals()
    yield np.array([totals.loss, totals.correct, totals.images, totals.diverged_at or 0])
    yield from snapshot(step.variables)
    with step.averaged():
        yield from snapshot(model.variables)


def steps(given: Arrays) -> Arrays:
    """Three steps of each optimizer, one with all augmentation, one distilled; and in mixed precision."""
    from archscope.train import step

    weights = [given[f"weights_{i:03d}"] for i in range(len(given))]
    plain = {"crop": 0.0, "flip": "none"}
    teacher = build(filters=6)
    teacher.set_weights([np.full_like(value, 0.1) for value in teacher.get_weights()])
    found = {
        "sgd": stepped(recipe_of(optimizer="sgd", **plain), weights),
        "rmsprop": stepped(recipe_of(optimizer="rmsprop", **STRONG), weights),
        "groups": stepped(recipe_of(optimizer="sgd", bn_groups=4, **plain), weights),
        "adamw": stepped(recipe_of(optimizer="adamw", distill=0.7, **plain), weights, teacher),
    }
    with patch.object(step._backend(), "has_bfloat16", return_value=True):  # every processor emulates it
        found["mixed"] = iter(list(stepped(recipe_of(precision="mixed", **plain), weights)))
    out = {f"{name}_{i:03d}": value for name, values in found.items() for i, value in enumerate(values)}
    return out | {"tensorflow": np.array("tensorflow" in sys.modules)}


def whole(given: Arrays) -> Arrays:
    """The weights that a training ends with, and the state behind its step 4."""
    from archscope.train import Checkpoint, train
    from archscope.train.state import encode_state

    model, split = build(dropout=0.3), images()
    recipe = recipe_of(epochs=2, patience=0, **STRONG)
    events = list(train(model, split, split, recipe, due=lambda: True))
    state = next(event.state for event in events if isinstance(event, Checkpoint) and event.state.step == 2)
    best = np.array([record.validation_accuracy for record in events[-1].history])
    return _ended(model) | {"state": np.frombuffer(encode_state(state), np.uint8), "accuracy": best}


def resumed(given: Arrays) -> Arrays:
    """The weights that the training of that state ends with."""
    from archscope.train import train
    from archscope.train.state import decode_state

    state = decode_state(given["state"].tobytes(), "state")
    model, split = build(dropout=0.3), images()
    model.set_weights([value * 0 for value in model.get_weights()])
    list(train(model, split, split, state.recipe, resume=state))
    return _ended(model)


def pixels(given: Arrays) -> Arrays:
    """Batches augmented by JAX."""
    import jax

    from archscope.train.augment import Augmenter, Draws, apply

    recipe = recipe_of(**STRONG)
    out = {}
    for name, only in single_augmentations(recipe):
        augmenter = Augmenter(*images(), 4, only)
        draws = augmenter.draw(np.arange(96), 1, 0, 1.0)
        numbers = tuple(getattr(draws, field) for field in Draws.__dataclass_fields__)
        out[name] = np.asarray(jax.jit(lambda x, n, only=only: apply(x, Draws(*n), only))(augmenter.images, numbers))
    return out


def single_augmentations(recipe: Any) -> Iterator[tuple[str, Any]]:
    """Recipes with one augmentation each, and with all."""
    none = replace(recipe, crop=0.0, flip="none", rotation=0.0, sharpness=0.0, jitter=0.0, cutout=0, mixup=0.0)
    for knob in ("crop", "flip", *STRONG):
        yield knob, replace(none, **{knob: getattr(recipe, knob)})
    yield "all", recipe


def _ended(model: Any) -> Arrays:
    return {f"weights_{i:03d}": np.array(variable.numpy()) for i, variable in enumerate(model.variables)}


COMMANDS = {"steps": steps, "whole": whole, "resumed": resumed, "pixels": pixels}


def main(arguments: list[str]) -> None:
    """Does all commands named, each with the arrays of the file, which then holds what they found."""
    *commands, name = arguments
    path = Path(name)
    with np.load(path) as archive:
        given = dict(archive)
    found: Arrays = {}
    for command in commands:
        found |= {f"{command}/{key}": value for key, value in COMMANDS[command](given).items()}
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1:])
