"""Small Keras networks whose answers are far from degenerate, so that parity means something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import keras


@pytest.fixture(scope="session")
def small_model() -> keras.Model:
    """[N, 8, 6, 3] -> 5 classes: rescaling, padded stride-2 convolution, norm, depthwise, residual, pool, softmax."""
    from archscope.interop.quiet import quiet

    with quiet():
        import keras
    import numpy as np

    layers = keras.layers
    image = keras.Input((8, 6, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    model = keras.Model(image, layers.Dense(5, activation="softmax")(x), name="small")
    generator = np.random.default_rng(3)
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(
                generator.uniform(0.2, 1.0, variable.shape) * generator.choice([-1, 1], variable.shape[-1:])
            )
    normalisation = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    normalisation.moving_variance.assign(generator.uniform(0.5, 1.5, normalisation.moving_variance.shape))
    return model
