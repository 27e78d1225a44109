"""Weights from one Keras model to another, by layer name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from archscope.errors import GraphError
from archscope.interop.weights import copy_weights

if TYPE_CHECKING:
    import keras


def model(width: int = 4, *, extra: bool = False, classifier: str = "dense") -> keras.Model:
    from keras import Input, Model, layers

    image = x = Input((6, 6, 3))
    x = layers.Conv2D(width, 3, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    if extra:
        x = layers.Conv2D(width, 1, name="extra")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(image, layers.Dense(2, name=classifier)(x))


def same(one: keras.Model, other: keras.Model) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_every_weight_is_copied() -> None:
    source, target = model(), model()
    source.get_layer("norm").moving_mean.assign(np.arange(4.0))
    assert not same(source, target)
    copy_weights(source, target)
    assert same(source, target)


def test_numbers_that_keras_appends_do_not_matter() -> None:
    source, target = model(classifier="dense_7"), model()
    copy_weights(source, target)
    assert same(source, target)


def test_a_part_takes_its_weights_from_the_whole() -> None:
    source, target = model(extra=True), model()
    copy_weights(source, target)
    np.testing.assert_array_equal(target.get_layer("conv").kernel, source.get_layer("conv").kernel)


def test_a_layer_that_is_missing_is_named_and_nothing_is_copied() -> None:
    source, target = model(), model(extra=True)
    before = target.get_weights()
    with pytest.raises(GraphError, match="has no layer 'extra' to copy weights from"):
        copy_weights(source, target)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True))


def test_weights_of_another_shape_are_named_and_nothing_is_copied() -> None:
    source, target = model(5), model(4)
    before = target.get_weights()
    with pytest.raises(
        GraphError, match=r"the weights of 'conv' are \[\(3, 3, 3, 5\), \(5,\)\] in .*, and \[\(3, 3, 3, 4\)"
    ):
        copy_weights(source, target)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True))
