"""EfficientNet: Tan & Le 2019 (arXiv:1905.11946), Table 1, as keras.applications builds B0 to B7.

B1 to B7 are B0 made wider, by `alpha`, and deeper, by `depth`: the compound scaling of the paper's section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil, sqrt

from archscope.graph import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Multiply,
    Normalization,
    Op,
    Rescaling,
    Reshape,
    Shape,
    make_divisible,
)
from archscope.zoo.builder import Chain, dense_head, stride_padding
from archscope.zoo.model import ALPHA, CLASSES, TOP, Argument, Model, dropout_argument, flag_argument

STEM_FILTERS, LAST_FILTERS, SQUEEZE, DROP_CONNECT = 32, 1280, 0.25, 0.2

# (t: expansion factor, c: output channels, n: repeats, s: stride of the first, k: window), one row a stage.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)

# (alpha, depth, dropout) of B0 to B7.
VERSIONS = (
    (1.0, 1.0, 0.2),
    (1.0, 1.1, 0.2),
    (1.1, 1.2, 0.3),
    (1.2, 1.4, 0.3),
    (1.4, 1.8, 0.4),
    (1.6, 2.2, 0.4),
    (1.8, 2.6, 0.5),
    (2.0, 3.1, 0.5),
)

MAX_DEPTH = 6
"""The blocks of a stage are lettered; at this depth the longest has 24."""

_NORM = BatchNormalization()
_SWISH = Activation(function="silu")
_STDDEV_RGB = (0.229, 0.224, 0.225)


def build_efficientnet(input_shape: Shape, arguments: Mapping[str, float]) -> Graph:
    """The graph for `alpha`, `depth`, `imagenet`, `classes`, `top` and `dropout`; verify it before use.

    Channels are make_divisible(c * alpha), repeats ceil(n * depth). Source of names and order:
    keras.applications.EfficientNetB0 and its kin.
    """
    alpha, depth = arguments["alpha"], arguments["depth"]
    chain = Chain(input_shape, _preprocessing(bool(arguments["imagenet"])))
    chain.at("stem", stage="stem")
    chain.add("stem_conv_pad", stride_padding(input_shape, 3))
    stem = Conv2D(filters=make_divisible(STEM_FILTERS * alpha), kernel=(3, 3), strides=(2, 2), padding="valid")
    chain.add("stem_conv", stem)
    chain.add("stem_bn", _NORM)
    chain.add("stem_activation", _SWISH)
    block, blocks = 0, sum(ceil(depth * repeats) for _, _, repeats, _, _ in STAGES)
    for number, (expansion, channels, repeats, stride, kernel) in enumerate(STAGES, 1):
        for repeat in range(ceil(depth * repeats)):
            name = f"block{number}{chr(ord('a') + repeat)}"
            chain.at(name, stage=f"stage_{number}")
            window = DepthwiseConv2D(kernel=(kernel, kernel))
            if repeat == 0 and stride > 1:
                window = replace(window, strides=(stride, stride), padding="valid")
            # Residuals are dropped in training the more often, the deeper they stand.
            drop = DROP_CONNECT * block / blocks
            _inverted_residual(chain, name, expansion, window, make_divisible(channels * alpha), drop)
            block += 1
    chain.at("top_conv", stage="last")
    chain.add("top_conv", Conv2D(filters=make_divisible(LAST_FILTERS * alpha), kernel=(1, 1)))
    chain.add("top_bn", _NORM)
    chain.add("top_activation", _SWISH)
    dense_head(chain, arguments, drop="top_dropout")
    return chain.graph()


def _preprocessing(imagenet: bool) -> Iterator[tuple[str, Op]]:
    """Pixels to 0..1, mean and variance of the data set (weights), and what Keras adds for its ImageNet weights.

    Those were trained behind (x - mean) / variance where Keras' layer gives (x - mean) / sqrt(variance).
    """
    yield "rescaling", Rescaling(scale=1 / 255)
    yield "normalization", Normalization()
    if imagenet:
        yield "rescaling_1", Rescaling(scale=tuple(1 / sqrt(stddev) for stddev in _STDDEV_RGB))


def _inverted_residual(
    chain: Chain, name: str, expansion: int, window: DepthwiseConv2D, filters: int, drop: float
) -> None:
    """Expand (not by 1), depthwise, squeeze-excite, project; the Add where stride and channels allow it."""
    entry, channels = chain.last, chain.shape[2]
    if expansion != 1:
        chain.add(f"{name}_expand_conv", Conv2D(filters=channels * expansion, kernel=(1, 1)))
        chain.add(f"{name}_expand_bn", _NORM)
        chain.add(f"{name}_expand_activation", _SWISH)
    if window.padding == "valid":
        chain.add(f"{name}_dwconv_pad", stride_padding(chain.shape, window.kernel[0]))
    chain.add(f"{name}_dwconv", window)
    chain.add(f"{name}_bn", _NORM)
    chain.add(f"{name}_activation", _SWISH)
    _squeeze_excite(chain, name, max(1, int(channels * SQUEEZE)))
    chain.add(f"{name}_project_conv", Conv2D(filters=filters, kernel=(1, 1)))
    end = chain.add(f"{name}_project_bn", _NORM)
    if window.strides == (1, 1) and channels == filters:
        if drop > 0:
            end = chain.add(f"{name}_drop", Dropout(rate=drop, noise_shape=(None, 1, 1, 1)))
        chain.add(f"{name}_add", Add(), end, entry)


def _squeeze_excite(chain: Chain, name: str, squeezed: int) -> None:
    """The map, each channel times a gate in 0..1 that all channels' means give."""
    source, channels = chain.last, chain.shape[2]
    chain.add(f"{name}_se_squeeze", GlobalAveragePooling2D())
    chain.add(f"{name}_se_reshape", Reshape(shape=(1, 1, channels)))
    chain.add(f"{name}_se_reduce", Conv2D(filters=squeezed, kernel=(1, 1), use_bias=True, activation="silu"))
    gate = Conv2D(filters=channels, kernel=(1, 1), use_bias=True, activation="sigmoid")
    chain.add(f"{name}_se_excite", Multiply(), source, chain.add(f"{name}_se_expand", gate))


_DEPTH = Argument(
    "depth",
    1.0,
    f"a number above 0, up to {MAX_DEPTH}: the depth multiplier",
    lambda value: 0 < value <= MAX_DEPTH,
)
_IMAGENET = flag_argument("imagenet", False, "with the rescaling that Keras puts before its ImageNet weights")

MODELS = tuple(
    Model(
        f"efficientnet_b{number}",
        f"EfficientNetB{number}",
        "Tan & Le 2019, arXiv:1905.11946",
        (
            replace(ALPHA, default=alpha),
            replace(_DEPTH, default=depth),
            _IMAGENET,
            CLASSES,
            TOP,
            dropout_argument(dropout),
        ),
        build_efficientnet,
    )
    for number, (alpha, depth, dropout) in enumerate(VERSIONS)
)
