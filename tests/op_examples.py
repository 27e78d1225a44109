"""One op of each kind, what it may read, and another value for each field. A new op or field is entered here."""

from __future__ import annotations

from typing import Any

from archscope.graph import (
    ELU,
    Activation,
    Add,
    Average,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Identity,
    Input,
    LayerNormalization,
    LayerScale,
    LeakyReLU,
    Maximum,
    MaxPooling2D,
    Minimum,
    Multiply,
    Normalization,
    Op,
    Opaque,
    Permute,
    PReLU,
    ReLU,
    Rescaling,
    Reshape,
    RMSNormalization,
    ScaledAdd,
    SeparableConv2D,
    Shape,
    Softmax,
    SpatialDropout2D,
    StochasticDepth,
    Subtract,
    UnitNormalization,
    UpSampling2D,
    Weight,
    ZeroPadding2D,
)

MAP: Shape = (8, 6, 4)
_POOLED = {"kernel": (2, 3), "strides": (2, 2), "padding": "valid"}
_BIAS = {"use_bias": True, "activation": "sigmoid"}
_WINDOW = {"kernel": (3, 1), "strides": (2, 1), "padding": "valid", "dilation": (2, 1)}
_NORM = {"epsilon": 1e-5, "center": False, "scale": False}

EXAMPLES: dict[Op, tuple[tuple[Shape, ...], dict[str, Any]]] = {
    Activation(function="softmax"): ((MAP,), {"function": "hard_silu"}),
    Add(): ((MAP, MAP, MAP), {}),
    Average(): ((MAP, MAP), {}),
    AveragePooling2D(kernel=(2, 2)): ((MAP,), _POOLED | {"dilation": (2, 1)}),
    BatchNormalization(): ((MAP,), _NORM | {"momentum": 0.9}),
    Concatenate(): ((MAP, (8, 6, 3)), {}),
    Conv2D(filters=4, kernel=(3, 3)): ((MAP,), {"filters": 6, "groups": 2} | _WINDOW | _BIAS),
    Conv2DTranspose(filters=4, kernel=(4, 4), strides=(2, 2)): (
        (MAP,),
        {"filters": 5, "kernel": (3, 4), "strides": (2, 1), "padding": "valid"} | _BIAS,
    ),
    Cropping2D(cropping=((0, 1), (0, 1))): ((MAP,), {"cropping": ((1, 0), (2, 1))}),
    Dense(units=4): ((MAP,), {"units": 5, "use_bias": False, "activation": "softmax"}),
    DepthwiseConv2D(kernel=(3, 3)): ((MAP,), {"depth_multiplier": 2} | _WINDOW | _BIAS),
    Dropout(rate=0.2): ((MAP,), {"rate": 0.3, "noise_shape": (None, 1, 1, 1)}),
    ELU(): ((MAP,), {"alpha": 0.5}),
    Flatten(): ((MAP,), {}),
    GaussianDropout(rate=0.2): ((MAP,), {"rate": 0.3}),
    GaussianNoise(stddev=0.2): ((MAP,), {"stddev": 0.3}),
    GlobalAveragePooling2D(): ((MAP,), {"keepdims": True}),
    GlobalMaxPooling2D(): ((MAP,), {"keepdims": True}),
    GroupNormalization(groups=2): ((MAP,), {"groups": 4} | _NORM),
    Identity(): ((MAP,), {}),
    LayerNormalization(): ((MAP,), _NORM),
    LayerScale(): ((MAP,), {"init": 0.1}),
    LeakyReLU(): ((MAP,), {"negative_slope": 0.1}),
    Maximum(): ((MAP, MAP), {}),
    MaxPooling2D(kernel=(2, 2)): ((MAP,), _POOLED | {"dilation": (2, 1)}),
    Minimum(): ((MAP, MAP), {}),
    Multiply(): ((MAP, (1, 1, 4)), {}),
    Normalization(): ((MAP,), {"mean": (1.0, 2.0, 3.0, 4.0), "variance": (4.0, 1.0, 2.0, 3.0), "invert": True}),
    Permute(dims=(2, 1, 3)): ((MAP,), {"dims": (3, 2, 1)}),
    PReLU(): ((MAP,), {"shared_axes": (1, 2)}),
    ReLU(): ((MAP,), {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.5}),
    RMSNormalization(): ((MAP,), {"epsilon": 1e-5}),
    Rescaling(scale=1.0, offset=0.0): ((MAP,), {"scale": 2.0, "offset": (1.0, 2.0, 0.0, 1.0)}),
    Reshape(shape=(4, 12, 4)): ((MAP,), {"shape": (192,)}),
    ScaledAdd(scale=0.1): ((MAP, MAP), {"scale": 0.2}),
    SeparableConv2D(filters=4, kernel=(3, 3)): (
        (MAP,),
        {"filters": 5, "depth_multiplier": 2} | _WINDOW | {"strides": (2, 2), "dilation": (2, 2)} | _BIAS,
    ),
    Softmax(): ((MAP,), {}),
    SpatialDropout2D(rate=0.2): ((MAP,), {"rate": 0.3}),
    StochasticDepth(rate=0.2): ((MAP,), {"rate": 0.3}),
    Subtract(): ((MAP, MAP), {}),
    UnitNormalization(): ((MAP,), {}),
    UpSampling2D(size=(2, 2)): ((MAP,), {"size": (2, 4), "interpolation": "bilinear"}),
    ZeroPadding2D(padding=((0, 1), (0, 1))): ((MAP,), {"padding": ((1, 0), (0, 1))}),
}
"""Every op that Keras has a layer for."""

ODD: dict[Op, tuple[tuple[Shape, ...], dict[str, Any]]] = {
    Input(shape=(8, 8, 3)): ((), {"shape": (8, 9, 3)}),
    Opaque(kind="Odd", shape=(4, 4, 2)): (
        (MAP,),
        {"kind": "Other", "shape": (4, 4, 3), "weights": (Weight("kernel", (3,)),), "reads": ((8, 6, 4),)},
    ),
}
