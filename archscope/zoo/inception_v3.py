"""InceptionV3: Szegedy et al. 2016 (arXiv:1512.00567), Table 1, as keras.applications.InceptionV3 builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from archscope.graph import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Graph,
    MaxPooling2D,
    Shape,
    make_divisible,
)
from archscope.zoo.builder import Chain, dense_head
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, dropout_argument

Step = tuple[int, str]
"""Filters and window of a convolution; "1x3|3x1" are two side by side."""


class Block(NamedTuple):
    """The branches of a block; the filters behind its pooling, or 0 for a block that halves the map.

    There each branch ends in a "valid" window of stride 2, and the pooling, a maximum, is a branch by itself.
    """

    branches: Sequence[Sequence[Step]]
    pooled: int


def _square(pooled: int) -> Block:
    """Figure 5: two 3x3 windows for a 5x5 one."""
    five, twice = ((48, "1x1"), (64, "5x5")), ((64, "1x1"), (96, "3x3"), (96, "3x3"))
    return Block((((64, "1x1"),), five, twice), pooled)


def _factored(c: int) -> Block:
    """Figure 6: 1x7 and 7x1 windows for a 7x7 one, c channels between them."""
    once = ((c, "1x1"), (c, "1x7"), (192, "7x1"))
    twice = ((c, "1x1"), (c, "7x1"), (c, "1x7"), (c, "7x1"), (192, "1x7"))
    return Block((((192, "1x1"),), once, twice), 192)


_HALVING_1 = Block((((384, "3x3"),), ((64, "1x1"), (96, "3x3"), (96, "3x3"))), 0)
_HALVING_2 = Block((((192, "1x1"), (320, "3x3")), ((192, "1x1"), (192, "1x7"), (192, "7x1"), (192, "3x3"))), 0)
# Figure 7: windows side by side, for many channels on few positions.
_WIDE = Block((((320, "1x1"),), ((384, "1x1"), (384, "1x3|3x1")), ((448, "1x1"), (384, "3x3"), (384, "1x3|3x1"))), 192)

# (c: output channels, k: window, s: stride, padding), a "valid" maximum pooling of stride 2 behind each row.
STEM: Sequence[Sequence[tuple[int, int, int, Literal["same", "valid"]]]] = (
    ((32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3, 1, "same")),
    ((80, 1, 1, "valid"), (192, 3, 1, "valid")),
)
STAGES: Sequence[Sequence[Block]] = (
    (_square(32), _square(64), _square(64)),
    (_HALVING_1, _factored(128), _factored(160), _factored(160), _factored(192)),
    (_HALVING_2, _WIDE, _WIDE),
)

_NORM = BatchNormalization(scale=False)
_RELU = Activation(function="relu")
_HALVE = MaxPooling2D(kernel=(3, 3), strides=(2, 2), padding="valid")
_POOL = AveragePooling2D(kernel=(3, 3))
# Keras names the first of a block's two concatenated splits, and counts the second.
_FIRST_SPLIT = 9


def build_inception_v3(input_shape: Shape, arguments: Mapping[str, float]) -> Graph:
    """The graph for `alpha`, `classes`, `top` and `dropout`; verify it before use.

    Channels are make_divisible(c * alpha). Source of names and order: keras.applications.InceptionV3, which has no
    dropout; where it is asked for, it stands before the classifier, as in the authors' implementation.
    """
    alpha = arguments["alpha"]
    chain = Chain(input_shape)
    chain.at("stem", stage="stem")
    for convolutions in STEM:
        for channels, size, stride, padding in convolutions:
            filters = make_divisible(channels * alpha)
            _convolve(chain, Conv2D(filters=filters, kernel=(size, size), strides=(stride, stride), padding=padding))
        chain.add(chain.auto("max_pooling2d"), _HALVE)
    block = 0
    for number, blocks in enumerate(STAGES, 1):
        for each in blocks:
            chain.at(f"mixed{block}", stage=f"stage_{number}")
            _mixed(chain, block, each, alpha)
            block += 1
    dense_head(chain, arguments)
    return chain.graph()


def _mixed(chain: Chain, block: int, of: Block, alpha: float) -> None:
    """The branches one after the other, the pooling last; and side by side what they make."""
    entry, splits = chain.last, 0
    ends = []
    for branch in of.branches:
        end = entry
        for number, (channels, window) in enumerate(branch, 1):
            filters = make_divisible(channels * alpha)
            halves = not of.pooled and number == len(branch)
            parts = [_convolve(chain, _window(filters, kernel, halves), end) for kernel in window.split("|")]
            end = parts[0]
            if len(parts) > 1:
                name = chain.auto("concatenate") if splits else f"mixed9_{block - _FIRST_SPLIT}"
                end, splits = chain.add(name, Concatenate(), *parts), splits + 1
        ends.append(end)
    if of.pooled:
        pool = chain.add(chain.auto("average_pooling2d"), _POOL, entry)
        ends.append(_convolve(chain, _window(make_divisible(of.pooled * alpha), "1x1"), pool))
    else:
        ends.append(chain.add(chain.auto("max_pooling2d"), _HALVE, entry))
    chain.add(f"mixed{block}", Concatenate(), *ends)


def _window(filters: int, kernel: str, halves: bool = False) -> Conv2D:
    height, width = map(int, kernel.split("x"))
    if halves:
        return Conv2D(filters=filters, kernel=(height, width), strides=(2, 2), padding="valid")
    return Conv2D(filters=filters, kernel=(height, width))


def _convolve(chain: Chain, op: Conv2D, *source: str) -> str:
    chain.add(chain.auto("conv2d"), op, *source)
    chain.add(chain.auto("batch_normalization"), _NORM)
    return chain.add(chain.auto("activation"), _RELU)


MODELS = (
    # At 32x32 its map is 1x1 before the first block that halves it.
    Model(
        "inception_v3",
        "InceptionV3",
        "Szegedy et al. 2016, arXiv:1512.00567",
        (ALPHA, CLASSES, TOP, dropout_argument(0.0)),
        build_inception_v3,
        (299, 299, 3),
    ),
)
