"""Live and dead taps on small graphs with answers derived by hand. The gradients are asked in tests/interop."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

import pytest
from hypothesis import given

from archscope.analysis import taps
from archscope.analysis.axes import Region, full
from archscope.design import build, parse_spec
from archscope.graph import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Input,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    Opaque,
    ReLU,
    Rescaling,
    UpSampling2D,
    ZeroPadding2D,
    verify,
)

sys.path.append(str(Path(__file__).parents[1] / "graph"))
from strategies import any_graphs

AROUND = ZeroPadding2D(padding=((1, 1), (1, 1)))
BEHIND = ZeroPadding2D(padding=((0, 1), (0, 1)))
BEFORE = ZeroPadding2D(padding=((1, 0), (1, 0)))
POINT = Conv2D(filters=1, kernel=(1, 1))


def window(side: int, stride: int = 1, padding: str = "same", bias: bool = False) -> DepthwiseConv2D:
    return DepthwiseConv2D(kernel=(side, side), strides=(stride, stride), padding=padding, use_bias=bias)  # type: ignore[arg-type]


def chain(side: int, *ops: Op, channels: int = 1) -> Graph:
    nodes = [Node("image", Input(shape=(side, side, channels)))]
    for number, op in enumerate(ops):
        nodes.append(Node(f"op_{number}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes))


def joined(one: Op, other: Op, join: Op, *behind: Op, side: int = 1) -> Graph:
    """Two branches of one map, joined, and what comes behind: op_0, op_1 ..."""
    nodes = [
        Node("image", Input(shape=(side, side, 1))),
        Node("one", one, ("image",)),
        Node("other", other, ("image",)),
    ]
    nodes.append(Node("join", join, ("one", "other")))
    for number, op in enumerate(behind):
        nodes.append(Node(f"op_{number}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes))


def live(graph: Graph, layer: str) -> set[tuple[int, int]]:
    return set(taps(verify(graph))[layer].live)


def square(*sides: int) -> set[tuple[int, int]]:
    return {(y, x) for y in sides for x in sides}


# The figures of the study's networks.


def test_mobilenet_v1_at_32() -> None:
    found = taps(verify(build(parse_spec("mobilenet_v1@32"))))
    assert {name: one.dead for name, one in found.items() if one.dead} == {"conv_dw_12": 5, "conv_dw_13": 8}
    assert found["conv_dw_12"].live == square(0, 1)
    assert found["conv_dw_13"].live == {(1, 1)}
    assert found["conv_dw_13"].dead_weights == 8 * 1024
    # A 3x3 window on 2x2: each output meets 4 of 9. On 4x4: (2 + 3 + 3 + 2)^2 of 9 * 16.
    assert found["conv_dw_11"].padding_share == 1 - 16 / 36
    assert found["conv_dw_6"].padding_share == pytest.approx(1 - 5 * 5 / (2 * 2 * 9))
    assert [name for name, one in found.items() if one.cramped] == [f"conv_dw_{number}" for number in range(7, 14)]


def test_mobilenet_v2_at_32_has_25920_dead_weights() -> None:
    found = taps(verify(build(parse_spec("mobilenet_v2@32"))))
    assert sum(one.dead_weights for one in found.values()) == 25_920 == 576 * 5 + 960 * 8 * 3
    assert {name: one.dead for name, one in found.items() if one.dead} == {
        "block_13_depthwise": 5,
        "block_14_depthwise": 8,
        "block_15_depthwise": 8,
        "block_16_depthwise": 8,
    }


@pytest.mark.parametrize("model", ["mobilenet_v1", "mobilenet_v2"])
def test_at_224_nothing_is_dead_or_cramped(model: str) -> None:
    found = taps(verify(build(parse_spec(f"{model}@224"))))
    assert not any(one.dead_weights or one.cramped for one in found.values())


# Where structural zeros come from, pass and end.


def test_padding_behind_padding() -> None:
    """One pixel amid 5x5: the window at 0 meets it with its tap 2, the one at 2 with its tap 0."""
    assert live(chain(1, AROUND, AROUND, window(3, 2, "valid")), "op_2") == square(0, 2)


@pytest.mark.parametrize(
    "op",
    [
        ReLU(max_value=6.0),
        Dropout(rate=0.5),
        Activation(function="tanh"),
        Rescaling(scale=2.0, offset=0.0),
        POINT,
        window(1),
        MaxPooling2D(kernel=(1, 1)),
        AveragePooling2D(kernel=(1, 1)),
        UpSampling2D(size=(1, 1)),
    ],
    ids=lambda op: type(op).__name__,
)
def test_zeros_pass_through_what_makes_zero_of_zeros(op: Op) -> None:
    assert live(chain(1, AROUND, op, window(3, 1, "valid")), "op_2") == {(1, 1)}


@pytest.mark.parametrize(
    "op",
    [
        BatchNormalization(),
        Activation(function="sigmoid"),
        Activation(function="something_new"),
        Rescaling(scale=1.0, offset=1.0),
        Conv2D(filters=1, kernel=(1, 1), use_bias=True),
        window(1, bias=True),
        Conv2DTranspose(filters=1, kernel=(1, 1), strides=(1, 1), use_bias=True),
        # A layer without a rule may do anything.
        Opaque(kind="Odd", shape=(3, 3, 1)),
    ],
    ids=lambda op: type(op).__name__,
)
def test_zeros_end_where_something_is_added(op: Op) -> None:
    assert live(chain(1, AROUND, op, window(3, 1, "valid")), "op_2") == square(0, 1, 2)


@pytest.mark.parametrize("pool", [MaxPooling2D, AveragePooling2D])
def test_a_pool_of_nothing_but_padding_is_zero(pool: type[Op]) -> None:
    """2x2 amid 6x6, pooled by twos: 3x3 with only the middle alive."""
    halved = pool(kernel=(2, 2), strides=(2, 2))  # type: ignore[call-arg]
    assert live(chain(2, AROUND, AROUND, halved, window(3, 1, "valid")), "op_3") == {(1, 1)}


def test_a_kernel_that_reads_zeros_only_makes_zeros() -> None:
    """3x3 with a pixel in the middle; every second position, from the corner: four zeros, and zeros behind them."""
    found = taps(verify(chain(1, AROUND, Conv2D(filters=2, kernel=(1, 1), strides=(2, 2)), window(2, 1, "valid"))))
    assert (found["op_1"].dead, found["op_1"].padding_share, found["op_1"].cramped) == (1, 1.0, True)
    assert (found["op_2"].dead, found["op_2"].dead_weights) == (4, 8)


def test_transposed_convolutions_leave_holes_and_crop() -> None:
    """Stride 3, kernel 1: values at 0 and 3, and windows at 0 and 3 meet them with tap 0."""
    holes = Conv2DTranspose(filters=1, kernel=(1, 1), strides=(3, 3))
    assert live(chain(2, holes, window(2, 3, "valid")), "op_1") == {(0, 0)}
    cropped = taps(verify(chain(1, Conv2DTranspose(filters=2, kernel=(3, 3), strides=(1, 1)))))["op_0"]
    assert cropped.live == {(1, 1)}
    assert (cropped.dead_weights, cropped.padding_macs) == (16, 0)
    padded = taps(verify(chain(1, AROUND, Conv2DTranspose(filters=2, kernel=(2, 2), strides=(2, 2)))))["op_1"]
    assert (padded.dead, padded.macs, padded.padding_macs) == (0, 9 * 4 * 2, 8 * 4 * 2)


# Which positions reach the output.


def test_a_1x1_convolution_with_a_stride_discards_positions() -> None:
    """Of 2x2 only (0, 0) goes on, where the window's first row and column stand on padding."""
    assert live(chain(2, window(3), Conv2D(filters=1, kernel=(1, 1), strides=(2, 2))), "op_0") == square(1, 2)


def test_leftover_rows_of_a_valid_window_are_discarded() -> None:
    """Dilated by 2, tap 0 meets row 0 from row 2 alone, and a window of 2 by twos leaves row 2 of 3 over."""
    dilated = DepthwiseConv2D(kernel=(3, 1), dilation=(2, 1))
    rows = MaxPooling2D(kernel=(2, 1), strides=(2, 1), padding="valid")
    graph = chain(3, dilated, rows)
    assert live(graph, "op_0") == {(1, 0), (2, 0)}
    assert live(chain(3, dilated), "op_0") == {(0, 0), (1, 0), (2, 0)}
    # The discarded positions are computed all the same: of 9 * 3 products, tap 1 meets the map in 9, the others in 3.
    assert taps(verify(graph))["op_0"].padding_macs == 27 - 9 - 3 - 3


def test_a_second_consumer_keeps_a_position_alive() -> None:
    nodes = chain(2, window(3), Conv2D(filters=1, kernel=(1, 1), strides=(2, 2)), GlobalAveragePooling2D()).nodes
    other = Node("other", GlobalAveragePooling2D(), ("op_0",))
    assert live(Graph((*nodes, other, Node("sum", Add(), ("op_2", "other")))), "op_0") == square(0, 1, 2)


# Branches.


def test_where_branches_meet_regions_are_no_products() -> None:
    """A pixel at (0, 0) or at (1, 1): a window over both has those two taps alive, not all four."""
    assert live(joined(BEHIND, BEFORE, Add(), window(2, 1, "valid")), "op_0") == {(0, 0), (1, 1)}


def test_a_product_is_zero_where_a_factor_is() -> None:
    graph = joined(BEHIND, BEFORE, Multiply(), window(2, 1, "valid"))
    assert live(graph, "op_0") == set()


def test_what_a_factor_blots_out_does_not_reach_the_output() -> None:
    """2x2 around a pixel at (0, 0), times one with the pixel at (1, 1): nothing of either gets through."""
    nodes = (
        Node("image", Input(shape=(1, 1, 1))),
        Node("point", POINT, ("image",)),
        Node("one", BEHIND, ("point",)),
        Node("other", BEFORE, ("image",)),
        Node("product", Multiply(), ("one", "other")),
    )
    assert taps(verify(Graph(nodes)))["point"].dead_weights == 1


def test_a_gate_of_one_factor_a_channel_blots_out_nothing() -> None:
    nodes = chain(2, window(3)).nodes
    gate = Node("gate", GlobalAveragePooling2D(keepdims=True), ("op_0",))
    assert live(Graph((*nodes, gate, Node("scaled", Multiply(), ("op_0", "gate")))), "op_0") == square(0, 1, 2)


ENLARGED = UpSampling2D(size=(3, 3))


def test_concatenated_channels_keep_their_own_zeros() -> None:
    """A pixel amid 3x3 beside a full 3x3: 8 of 9 taps are dead for the first channel, none for the second."""
    found = taps(verify(joined(AROUND, ENLARGED, Concatenate(), Conv2D(filters=5, kernel=(3, 3), padding="valid"))))[
        "op_0"
    ]
    assert (found.dead, found.weights, found.dead_weights) == (0, 90, 8 * 5)
    assert (found.macs, found.padding_macs, found.cramped) == (90, 40, False)
    assert [(part.inputs, part.outputs, len(part.live)) for part in found.parts] == [
        (range(1), range(5), 1),
        (range(1, 2), range(5), 9),
    ]


def test_groups_read_their_own_channels() -> None:
    """Channels pixel, pixel, pixel, full in two groups: the second reads one of each."""
    nodes = (
        Node("image", Input(shape=(1, 1, 3))),
        Node("pad", AROUND, ("image",)),
        Node("point", POINT, ("image",)),
        Node("enlarged", ENLARGED, ("point",)),
        Node("join", Concatenate(), ("pad", "enlarged")),
        Node("grouped", Conv2D(filters=4, kernel=(3, 3), padding="valid", groups=2), ("join",)),
        Node("wide", DepthwiseConv2D(kernel=(1, 1), depth_multiplier=2), ("join",)),
        Node("both", Conv2D(filters=1, kernel=(3, 3), padding="valid", groups=1), ("wide",)),
        Node("sum", Concatenate(), ("grouped", "both")),
    )
    found = taps(verify(Graph(nodes)))
    parts = [(part.inputs, part.outputs, part.weights_per_tap, len(part.live)) for part in found["grouped"].parts]
    assert parts == [
        (range(2), range(2), 4, 1),
        (range(2, 3), range(2, 4), 2, 1),
        (range(3, 4), range(2, 4), 2, 9),
    ]
    assert found["grouped"].dead_weights == 8 * 6
    assert found["both"].dead_weights == 8 * 6


# What holds on all graphs.


@given(any_graphs())
def test_figures_are_parts_of_their_wholes(graph: Graph) -> None:
    trace = verify(graph)
    for name, found in taps(trace).items():
        row = trace.row(name)
        assert found.macs == row.macs
        assert found.weights == row.weights[0].size
        assert 0 <= found.padding_macs <= found.macs
        assert (
            found.dead * found.weights <= found.dead_weights * prod(found.kernel) <= found.weights * prod(found.kernel)
        )


def test_regions_are_sets() -> None:
    """Union and intersection against sets of pairs; equal sets are equal however they were put together."""
    pieces = [(0b011, 0b110), (0b110, 0b011), (0b100, 0b110), (0b001, 0b110), (0b010, 0), (0, 0b1)]
    for cut in range(len(pieces)):
        one, other = Region.union(pieces[:cut]), Region.union(pieces[cut:])
        assert set(one | other) == set(one) | set(other)
        assert set(one & other) == set(one) & set(other)
        assert one | other == Region.union(reversed(pieces)) == other | one
        assert len(list(one)) == len(set(one))
    assert Region.union(pieces[2:]).box == ((0, 2), (1, 2))
    assert Region().box is None
    assert Region.full(2, 3).products == ((full(2), full(3)),)
