"""Every op's shape, weights and MACs against answers derived by hand, and against counting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import windows

from archscope.graph import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Effect,
    GlobalAveragePooling2D,
    Input,
    Op,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Shape,
    Weight,
    ZeroPadding2D,
    shape_text,
)

MOVING = (Weight("moving_mean", (5,), False), Weight("moving_variance", (5,), False))


@pytest.mark.parametrize(
    ("op", "inputs", "shape", "weights", "macs"),
    [
        (Input(shape=(7, 5, 3)), [], (7, 5, 3), [], 0),
        (Rescaling(scale=2.0, offset=1.0), [(7, 5, 3)], (7, 5, 3), [], 0),
        (ReLU(max_value=6.0), [(4,)], (4,), [], 0),
        (Activation(function="softmax"), [(10,)], (10,), [], 0),
        (Dropout(rate=0.5), [(2, 2, 8)], (2, 2, 8), [], 0),
        # 7x5 at stride 2, "same": ceil(7/2) x ceil(5/2) = 4x3; 4*3*8*3*3*3 = 2,592.
        (
            Conv2D(filters=8, kernel=(3, 3), strides=(2, 2)),
            [(7, 5, 3)],
            (4, 3, 8),
            [Weight("kernel", (3, 3, 3, 8))],
            2592,
        ),
        # "valid": floor((7-3)/2)+1 = 3, floor((5-3)/2)+1 = 2.
        (
            Conv2D(filters=8, kernel=(3, 3), strides=(2, 2), padding="valid", use_bias=True),
            [(7, 5, 3)],
            (3, 2, 8),
            [Weight("kernel", (3, 3, 3, 8)), Weight("bias", (8,))],
            3 * 2 * 8 * 27,
        ),
        # Other strides and kernels per axis: height floor((7-1)/3)+1 = 3, width floor((5-5)/1)+1 = 1.
        (
            Conv2D(filters=2, kernel=(1, 5), strides=(3, 1), padding="valid"),
            [(7, 5, 1)],
            (3, 1, 2),
            [Weight("kernel", (1, 5, 1, 2))],
            3 * 1 * 2 * 5,
        ),
        # Separable, 4x3 outputs: 3 channels x 2 windows of 9 taps, then 6 channels into 8 filters.
        (
            SeparableConv2D(filters=8, kernel=(3, 3), strides=(2, 2), depth_multiplier=2),
            [(7, 5, 3)],
            (4, 3, 8),
            [Weight("depthwise_kernel", (3, 3, 3, 2)), Weight("pointwise_kernel", (1, 1, 6, 8))],
            12 * (3 * 2 * 9 + 6 * 8),
        ),
        # Dense on a map: a 1x1 convolution; 12 positions of 8 channels into 32 units.
        (
            Dense(units=32),
            [(4, 3, 8)],
            (4, 3, 32),
            [Weight("kernel", (8, 32)), Weight("bias", (32,))],
            12 * 8 * 32,
        ),
        # Two groups: each filter sees 4/2 channels.
        (
            Conv2D(filters=6, kernel=(3, 3), groups=2),
            [(4, 4, 4)],
            (4, 4, 6),
            [Weight("kernel", (3, 3, 2, 6))],
            4 * 4 * 6 * 9 * 2,
        ),
        (
            DepthwiseConv2D(kernel=(3, 3), strides=(2, 2)),
            [(5, 5, 6)],
            (3, 3, 6),
            [Weight("kernel", (3, 3, 6, 1))],
            9 * 9 * 6,
        ),
        (
            DepthwiseConv2D(kernel=(3, 3), depth_multiplier=2, use_bias=True, padding="valid"),
            [(5, 4, 6)],
            (3, 2, 12),
            [Weight("kernel", (3, 3, 6, 2)), Weight("bias", (12,))],
            3 * 2 * 9 * 12,
        ),
        (
            BatchNormalization(),
            [(2, 3, 5)],
            (2, 3, 5),
            [Weight("gamma", (5,)), Weight("beta", (5,)), *MOVING],
            0,
        ),
        (ZeroPadding2D(padding=((0, 1), (2, 3))), [(4, 4, 2)], (5, 9, 2), [], 0),
        (GlobalAveragePooling2D(), [(4, 4, 7)], (7,), [], 0),
        (GlobalAveragePooling2D(keepdims=True), [(4, 4, 7)], (1, 1, 7), [], 0),
        (Reshape(shape=(12,)), [(2, 2, 3)], (12,), [], 0),
        (Dense(units=10), [(96,)], (10,), [Weight("kernel", (96, 10)), Weight("bias", (10,))], 960),
        (Dense(units=10, use_bias=False), [(96,)], (10,), [Weight("kernel", (96, 10))], 960),
        (Add(), [(2, 2, 3)] * 3, (2, 2, 3), [], 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Op) else "",
)
def test_rules(op: Op, inputs: list[Shape], shape: Shape, weights: list[Weight], macs: int) -> None:
    assert op.effect(*inputs) == Effect(shape, tuple(weights), macs, True)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (Input(shape=(0, 4, 3)), []),
        (Input(shape=(4, 4, -1)), []),
        (Conv2D(filters=1, kernel=(3, 3), padding="valid"), [(2, 5, 1)]),
        (Conv2D(filters=0, kernel=(1, 1)), [(2, 2, 1)]),
        (Conv2D(filters=4, kernel=(1, 1), groups=2), [(2, 2, 3)]),
        (Conv2D(filters=3, kernel=(1, 1), groups=2), [(2, 2, 4)]),
        (DepthwiseConv2D(kernel=(1, 1), depth_multiplier=0), [(2, 2, 4)]),
        (ZeroPadding2D(padding=((0, -1), (0, 0))), [(2, 2, 4)]),
        (Reshape(shape=(5,)), [(2, 2, 1)]),
        (Reshape(shape=(-2, -2)), [(2, 2, 1)]),
        (Dense(units=0), [(4,)]),
        (Add(), [(2, 2, 4), (2, 2, 5)]),
        (Add(), [(4,), (2, 2, 4)]),
    ],
)
def test_rules_say_what_does_not_fit_and_do_not_raise(op: Op, inputs: list[Shape]) -> None:
    assert not op.effect(*inputs).fits


def positions(size: int, kernel: int, stride: int, padding: str) -> Iterator[int]:
    """Where windows start: on every stride-th position, those that stick out only when padding is "same"."""
    return (start for start in range(0, size, stride) if padding == "same" or start + kernel <= size)


@given(st.data())
def test_windows_agree_with_counting(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4)))
    op = data.draw(windows(shape))
    assert isinstance(op, (Conv2D, DepthwiseConv2D))
    height, width = (
        len(list(positions(size, kernel, stride, op.padding)))
        for size, kernel, stride in zip(shape, op.kernel, op.strides, strict=False)
    )
    effect = op.effect(shape)
    if isinstance(op, Conv2D):
        filters, seen = op.filters, shape[2] // op.groups
    else:
        filters, seen = shape[2] * op.depth_multiplier, 1
    taps = op.kernel[0] * op.kernel[1] * seen
    assert effect.fits
    assert effect.shape == (height, width, filters)
    assert effect.macs == height * width * filters * taps
    assert sum(weight.size for weight in effect.weights) == filters * taps + filters * op.use_bias


def test_shapes_are_spelled_with_a_cross() -> None:
    assert shape_text((2, 2, 96)) == "2x2x96"
    assert shape_text((10,)) == "10"
