from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from archscope.train import seed_everything


@pytest.fixture(scope="session")
def tiny_model() -> Callable[..., Any]:
    """A factory of one small network with all that a training touches: batch norm, depthwise, dropout, softmax."""

    def build(seed: int = 0, classes: int = 4, channels: int = 3) -> Any:
        import keras

        seed_everything(seed)
        layers = keras.layers
        image = x = keras.Input((16, 16, channels))
        x = layers.Rescaling(1 / 127.5, -1)(x)
        x = layers.Conv2D(8, 3, use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.999)(x)
        x = layers.ReLU()(x)
        x = layers.DepthwiseConv2D(3)(x)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dropout(0.3)(x)
        return keras.Model(image, layers.Dense(classes, activation="softmax")(x))

    return build


@pytest.fixture(scope="session")
def brightness() -> tuple[np.ndarray, np.ndarray]:
    """500 noisy images of four classes that differ in brightness: a few epochs learn them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 500)
    images = rng.integers(0, 160, (500, 16, 16, 3)) + labels[:, None, None, None] * 20
    return images.astype(np.uint8), labels


@pytest.fixture(scope="session")
def splits(brightness: tuple[np.ndarray, np.ndarray]) -> Any:
    images, labels = brightness
    return (images[:400], labels[:400]), (images[400:], labels[400:])
