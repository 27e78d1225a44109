"""MobileNetV1: Howard et al. 2017 (arXiv:1704.04861), Table 1, as keras.applications.MobileNet builds it."""

from __future__ import annotations

from collections.abc import Mapping

from archscope.graph import (
    HEAD,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    ReLU,
    Reshape,
    Shape,
    ZeroPadding2D,
)
from archscope.zoo.builder import SOFTMAX, Chain
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, count_argument, dropout_argument

STEM_FILTERS = 32

# (c: output channels, n: repeats, s: stride of the first), one row a resolution-and-width stage.
STAGES = (
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 6, 2),
    (1024, 2, 2),
)

_RELU6 = ReLU(max_value=6.0)


def build_mobilenet_v1(input_shape: Shape, arguments: Mapping[str, float]) -> Graph:
    """The graph for `alpha`, `depth_multiplier`, `classes`, `top` and `dropout`; verify it before use.

    Channels are int(c * alpha). Source of names and order: keras.applications.MobileNet.
    """
    alpha, multiplier = arguments["alpha"], int(arguments["depth_multiplier"])
    chain = Chain(input_shape)
    chain.at("stem", stage="stem")
    chain.add("conv1", Conv2D(filters=int(STEM_FILTERS * alpha), kernel=(3, 3), strides=(2, 2)))
    _normalise(chain, "conv1")
    block = 0
    for number, (channels, repeats, stride) in enumerate(STAGES, 1):
        for repeat in range(repeats):
            block += 1
            chain.at(f"block_{block}", stage=f"stage_{number}")
            _separable_block(chain, block, int(channels * alpha), multiplier, stride if repeat == 0 else 1)
    if arguments["top"]:
        chain.at(HEAD, stage=HEAD)
        _top(chain, int(arguments["classes"]), arguments["dropout"])
    return chain.graph()


def _separable_block(chain: Chain, block: int, filters: int, multiplier: int, stride: int) -> None:
    if stride > 1:
        chain.add(f"conv_pad_{block}", ZeroPadding2D(padding=((0, 1), (0, 1))))
    chain.add(
        f"conv_dw_{block}",
        DepthwiseConv2D(
            kernel=(3, 3),
            strides=(stride, stride),
            padding="same" if stride == 1 else "valid",
            depth_multiplier=multiplier,
        ),
    )
    _normalise(chain, f"conv_dw_{block}")
    chain.add(f"conv_pw_{block}", Conv2D(filters=filters, kernel=(1, 1)))
    _normalise(chain, f"conv_pw_{block}")


def _normalise(chain: Chain, name: str) -> None:
    chain.add(f"{name}_bn", BatchNormalization())
    chain.add(f"{name}_relu", _RELU6)


def _top(chain: Chain, classes: int, dropout: float) -> None:
    chain.add("global_average_pooling2d", GlobalAveragePooling2D(keepdims=True))
    chain.add("dropout", Dropout(rate=dropout))
    chain.add("conv_preds", Conv2D(filters=classes, kernel=(1, 1), use_bias=True))
    chain.add("reshape_2", Reshape(shape=(classes,)))
    chain.add("predictions", SOFTMAX)


MODELS = (
    Model(
        "mobilenet_v1",
        "MobileNetV1",
        "Howard et al. 2017, arXiv:1704.04861",
        (ALPHA, count_argument("depth_multiplier"), CLASSES, TOP, dropout_argument(0.001)),
        build_mobilenet_v1,
    ),
)
