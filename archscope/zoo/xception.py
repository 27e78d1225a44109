"""Xception: Chollet 2017 (arXiv:1610.02357), Figure 5, as keras.applications.Xception builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archscope.graph import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Graph,
    MaxPooling2D,
    SeparableConv2D,
    Shape,
    make_divisible,
)
from archscope.zoo.builder import Chain, dense_head
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, dropout_argument

# (c: output channels of the two 3x3 convolutions, s: their strides), block 1 in Keras' count.
STEM = ((32, 2), (64, 1))

# (c: output channels of a block's separable convolutions, n: repeats, s: stride of its pooling and its shortcut), one
# row a stage: the entry flow's three blocks, the middle flow, and the exit flow's first block.
STAGES = (
    ((128, 128), 1, 2),
    ((256, 256), 1, 2),
    ((728, 728), 1, 2),
    ((728, 728, 728), 8, 1),
    ((728, 1024), 1, 2),
)
LAST = (1536, 2048)

_NORM = BatchNormalization()
_RELU = Activation(function="relu")


def build_xception(input_shape: Shape, arguments: Mapping[str, float]) -> Graph:
    """The graph for `alpha`, `classes`, `top` and `dropout`; verify it before use.

    Channels are make_divisible(c * alpha). Source of names and order: keras.applications.Xception, which has no
    dropout; where it is asked for, it stands before the classifier, as in the paper's ImageNet training.
    """
    alpha = arguments["alpha"]
    chain = Chain(input_shape)
    chain.at("stem", stage="stem")
    for number, (channels, stride) in enumerate(STEM, 1):
        name, filters = f"block1_conv{number}", make_divisible(channels * alpha)
        chain.add(name, Conv2D(filters=filters, kernel=(3, 3), strides=(stride, stride), padding="valid"))
        chain.add(f"{name}_bn", _NORM)
        chain.add(f"{name}_act", _RELU)
    block = 1
    for number, (widths, repeats, stride) in enumerate(STAGES, 1):
        for _ in range(repeats):
            block += 1
            chain.at(f"block_{block}", stage=f"stage_{number}")
            _residual(chain, block, [make_divisible(channels * alpha) for channels in widths], stride)
    block += 1
    chain.at(f"block_{block}", stage="last")
    for number, channels in enumerate(LAST, 1):
        name = f"block{block}_sepconv{number}"
        _separable(chain, name, make_divisible(channels * alpha))
        chain.add(f"{name}_act", _RELU)
    dense_head(chain, arguments)
    return chain.graph()


def _residual(chain: Chain, block: int, widths: Sequence[int], stride: int) -> None:
    """Separable convolutions, each behind a ReLU; with a stride, a pooling behind them and a 1x1 shortcut around."""
    entry = shortcut = chain.last
    if stride > 1:
        projection = Conv2D(filters=widths[-1], kernel=(1, 1), strides=(stride, stride))
        shortcut = chain.add(chain.auto("conv2d"), projection)
        shortcut = chain.add(chain.auto("batch_normalization"), _NORM)
    source = entry
    for number, filters in enumerate(widths, 1):
        name = f"block{block}_sepconv{number}"
        # The stem ends in a ReLU of its own.
        if block > 2 or number > 1:
            source = chain.add(f"{name}_act", _RELU, source)
        source = _separable(chain, name, filters, source)
    if stride > 1:
        source = chain.add(f"block{block}_pool", MaxPooling2D(kernel=(3, 3), strides=(stride, stride)))
    chain.add(chain.auto("add"), Add(), source, shortcut)


def _separable(chain: Chain, name: str, filters: int, *source: str) -> str:
    chain.add(name, SeparableConv2D(filters=filters, kernel=(3, 3)), *source)
    return chain.add(f"{name}_bn", _NORM)


MODELS = (
    Model(
        "xception",
        "Xception",
        "Chollet 2017, arXiv:1610.02357",
        (ALPHA, CLASSES, TOP, dropout_argument(0.0)),
        build_xception,
    ),
)
