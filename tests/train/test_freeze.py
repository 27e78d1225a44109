"""What is frozen stays, bit for bit, whatever else a step changes: decay, moving average, statistics, a resume."""

from __future__ import annotations

from typing import Any

import numpy as np

from archscope.interop.carry import freeze
from archscope.train import Checkpoint, Recipe, train
from archscope.train.augment import Augmenter
from archscope.train.state import snapshot
from archscope.train.step import training_step

RECIPE = Recipe.choose(epochs=2, batch_size=40, ema=0.9, weight_decay=0.05, learning_rate=0.05, patience=0)


def frozen_model(tiny_model: Any) -> tuple[Any, list[Any]]:
    """The network with its convolution and batch norm frozen, their statistics far from any batch's; and those two."""
    import keras

    model = tiny_model()
    kinds = (keras.layers.Conv2D, keras.layers.BatchNormalization)
    prefix = [layer for layer in model.layers if type(layer) in kinds]
    prefix[1].moving_mean.assign(np.linspace(-1, 1, 8))
    prefix[1].moving_variance.assign(np.linspace(0.3, 3, 8))
    freeze(model, [layer.name for layer in prefix])
    return model, prefix


def test_a_frozen_prefix_is_bit_identical_behind_a_training(tiny_model: Any, splits: Any) -> None:
    model, prefix = frozen_model(tiny_model)
    before = [layer.get_weights() for layer in prefix]
    rest = snapshot(model.trainable_variables)
    states = [event.state for event in train(model, *splits, RECIPE, due=lambda: True) if isinstance(event, Checkpoint)]
    after = [layer.get_weights() for layer in prefix]
    assert all(np.array_equal(a, b) for x, y in zip(before, after, strict=True) for a, b in zip(x, y, strict=True))
    ended = snapshot(model.trainable_variables)
    assert len(ended) == 4  # depthwise kernel and bias, dense kernel and bias
    assert all((a != b).any() for a, b in zip(rest, ended, strict=True))

    # The same again, from its middle, by another process' network: bit for bit the uninterrupted run.
    again, _ = frozen_model(tiny_model)
    middle = next(state for state in states if 0 < state.step < 10 and not state.history)
    list(train(again, *splits, RECIPE, resume=middle))
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(again.variables, model.variables, strict=True))


def test_a_frozen_batch_norm_computes_with_its_statistics(tiny_model: Any, splits: Any) -> None:
    """The loss of a first step is that of the network in inference, dropout apart: the fast formulations honour it."""
    model, _ = frozen_model(tiny_model)
    for layer in model.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.0
    images, labels = splits[0]
    recipe = Recipe.choose(batch_size=40, crop=0.0, flip="none")
    augmenter = Augmenter(images, labels, 4, recipe)
    step = training_step(model, recipe, augmenter)
    chosen = np.arange(40)
    probabilities = np.asarray(model(images[:40].astype("float32"), training=False))
    step(step.prepare(chosen, augmenter.draw(chosen, 1, 0, 0.0)), 0.0)
    wanted = -np.log(probabilities[np.arange(40), labels[:40]]).mean()
    np.testing.assert_allclose(step.totals().loss / 40, wanted, rtol=1e-4)
