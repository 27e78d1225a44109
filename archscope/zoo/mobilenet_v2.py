"""MobileNetV2: Sandler et al. 2018 (arXiv:1801.04381), Table 2, as keras.applications.MobileNetV2 builds it."""

from __future__ import annotations

from collections.abc import Mapping

from archscope.graph import (
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Graph,
    ReLU,
    Shape,
    make_divisible,
)
from archscope.zoo.builder import Chain, dense_head, stride_padding
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, dropout_argument

STEM_FILTERS, LAST_FILTERS = 32, 1280

# (t: expansion factor, c: output channels, n: repeats, s: stride of the first), one row a stage.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

_RELU6 = ReLU(max_value=6.0)
_NORM = BatchNormalization(momentum=0.999)


def build_mobilenet_v2(input_shape: Shape, arguments: Mapping[str, float]) -> Graph:
    """The graph for `alpha`, `classes`, `top` and `dropout`; verify it before use.

    Channels are make_divisible(int(c * alpha)) in the blocks, make_divisible(c * alpha) in the stem; the last 1x1 conv
    is widened by alpha above 1 and never narrowed. Source of names and order: keras.applications.MobileNetV2, which
    has no dropout; where it is asked for, it stands before the classifier, as in the paper's training set-up.
    """
    alpha = arguments["alpha"]
    chain = Chain(input_shape)
    chain.at("stem", stage="stem")
    chain.add("Conv1", Conv2D(filters=make_divisible(STEM_FILTERS * alpha), kernel=(3, 3), strides=(2, 2)))
    chain.add("bn_Conv1", _NORM)
    chain.add("Conv1_relu", _RELU6)
    block = 0
    for number, (expansion, channels, repeats, stride) in enumerate(STAGES, 1):
        for repeat in range(repeats):
            chain.at(f"block_{block}", stage=f"stage_{number}")
            filters = make_divisible(int(channels * alpha))
            _inverted_residual(chain, block, expansion, filters, stride if repeat == 0 else 1)
            block += 1
    chain.at("last_conv", stage="last")
    chain.add("Conv_1", Conv2D(filters=make_divisible(LAST_FILTERS * max(alpha, 1.0)), kernel=(1, 1), padding="valid"))
    chain.add("Conv_1_bn", _NORM)
    chain.add("out_relu", _RELU6)
    dense_head(chain, arguments, "global_average_pooling2d")
    return chain.graph()


def _inverted_residual(chain: Chain, block: int, expansion: int, filters: int, stride: int) -> None:
    """Expand (not in block 0), depthwise, project; and the Add iff the stride is 1 and the rounded channels agree."""
    prefix = f"block_{block}_" if block else "expanded_conv_"
    entry, channels = chain.last, chain.shape[2]
    if block:
        chain.add(f"{prefix}expand", Conv2D(filters=expansion * channels, kernel=(1, 1)))
        chain.add(f"{prefix}expand_BN", _NORM)
        chain.add(f"{prefix}expand_relu", _RELU6)
    if stride > 1:
        chain.add(f"{prefix}pad", stride_padding(chain.shape, 3))
    window = DepthwiseConv2D(kernel=(3, 3), strides=(stride, stride), padding="same" if stride == 1 else "valid")
    chain.add(f"{prefix}depthwise", window)
    chain.add(f"{prefix}depthwise_BN", _NORM)
    chain.add(f"{prefix}depthwise_relu", _RELU6)
    chain.add(f"{prefix}project", Conv2D(filters=filters, kernel=(1, 1)))
    end = chain.add(f"{prefix}project_BN", _NORM)
    if stride == 1 and channels == filters:
        chain.add(f"{prefix}add", Add(), entry, end)


MODELS = (
    Model(
        "mobilenet_v2",
        "MobileNetV2",
        "Sandler et al. 2018, arXiv:1801.04381",
        (ALPHA, CLASSES, TOP, dropout_argument(0.0)),
        build_mobilenet_v2,
    ),
)
