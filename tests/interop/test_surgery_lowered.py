"""Surgery, lowered: Keras counts what the trace counts, and a dilated network computes what the strided one did."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from edit_strategies import edits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_twins import TOLERANCE, copy_weights, randomise
from strategies import any_graphs

from archscope.errors import ArchscopeError
from archscope.graph import (
    Add,
    BatchNormalization,
    Conv2D,
    Cropping2D,
    DepthwiseConv2D,
    Graph,
    Input,
    MaxPooling2D,
    Node,
    Op,
    ReLU,
    Windowed,
    ZeroPadding2D,
    verify,
)
from archscope.interop.lower import lower
from archscope.surgery import dilate


@given(any_graphs(max_steps=6), st.data())
@settings(max_examples=8)
def test_keras_counts_what_the_trace_counts(graph: Graph, data: st.DataObject) -> None:
    for _ in range(4):
        try:
            graph = data.draw(edits_of(graph)).apply(graph, 3)
        except ArchscopeError:
            continue
    traced, model = verify(graph), lower(graph)
    assert model.count_params() == traced.params
    assert tuple(model.output_shape[1:]) == traced.output


def strided(side: int, first: Op, pad: tuple[int, int] | None) -> Graph:
    """A strided layer, and behind it windows with and without padding of their own, a residual and a gap in the map."""
    nodes = [Node("image", Input(shape=(side, side, 3)))]

    def add(name: str, op: Op, *inputs: str) -> None:
        nodes.append(Node(name, op, inputs or (nodes[-1].name,)))

    if pad is not None:
        add("pad", ZeroPadding2D(padding=(pad, pad)))
    add("first", first)
    add("norm", BatchNormalization())
    add("relu", ReLU(max_value=6.0))
    add("depthwise", DepthwiseConv2D(kernel=(3, 3)))
    add("dilated", Conv2D(filters=4, kernel=(3, 1), dilation=(2, 2)))
    add("margin", ZeroPadding2D(padding=((2, 1), (1, 1))))
    add("valid", Conv2D(filters=4, kernel=(3, 3), padding="valid"))
    add("crop", Cropping2D(cropping=((1, 0), (0, 0))))
    add("sum", Add(), "dilated", "crop")
    add("last", Conv2D(filters=2, kernel=(1, 1), use_bias=True))
    return Graph(tuple(nodes))


def conv(kernel: int, stride: int, padding: str = "same") -> Conv2D:
    return Conv2D(filters=4, kernel=(kernel, kernel), strides=(stride, stride), padding=padding)


# How far the first of the old positions lies in the new map: by how much stride 1 pads more in front.
@pytest.mark.parametrize(
    ("side", "first", "pad", "offset"),
    [
        (9, conv(3, 2), None, 0),
        (12, conv(3, 2), None, 1),
        (12, conv(3, 2, "valid"), (0, 1), 1),
        (11, conv(3, 2, "valid"), (1, 1), 0),
        (13, conv(5, 3), None, 0),
        (13, conv(3, 2, "valid"), None, 0),
        (10, MaxPooling2D(kernel=(2, 2), strides=(2, 2), padding="valid"), None, 0),
    ],
)
def test_a_dilated_network_computes_on_the_old_positions_what_it_did(
    side: int, first: Op, pad: tuple[int, int] | None, offset: int
) -> None:
    graph = strided(side, first, pad)
    assert (offset, offset) in phases_of_the_old(graph, "first")


def phases_of_the_old(graph: Graph, name: str) -> set[tuple[int, int]]:
    """Where the old map starts in the dilated one, so that every r-th value is the old one's, borders included."""
    rng = np.random.default_rng(len(graph.nodes))
    before, after = lower(graph), lower(dilate(graph, name))
    randomise(before, rng)
    copy_weights(before, after)
    image = rng.uniform(-1, 1, (2, *verify(graph).input)).astype("float32")
    old, new = (np.asarray(model(image, training=False)) for model in (before, after))
    assert new.shape[1] >= old.shape[1]
    assert np.abs(old).max() > 0
    (rate,) = {max(node.op.strides) for node in graph.nodes if isinstance(node.op, Windowed)} - {1}
    found = set()
    for row, column in product(range(rate), repeat=2):
        grid = new[:, row::rate, column::rate][:, : old.shape[1], : old.shape[2]]
        if grid.shape == old.shape and np.abs(grid - old).max() <= TOLERANCE * np.abs(old).max():
            found.add((row, column))
    return found


def block(side: int, main: Conv2D, pad: tuple[int, int] | None, behind: Op, skip: bool = True) -> Graph:
    """A strided window, beside it perhaps a strided 1x1 shortcut, and a window behind them."""
    nodes = [Node("image", Input(shape=(side, side, 3)))]
    if pad is not None:
        nodes.append(Node("pad", ZeroPadding2D(padding=(pad, pad)), ("image",), "block"))
    nodes.append(Node("main", main, (nodes[-1].name,), "block"))
    if skip:
        nodes.append(Node("skip", conv(1, main.strides[0]), ("image",), "block"))
        nodes.append(Node("sum", Add(), ("main", "skip"), "block"))
    return Graph((*nodes, Node("behind", behind, (nodes[-1].name,))))


@pytest.mark.parametrize(
    ("graph", "offset"),
    [
        (block(9, conv(3, 2), None, conv(3, 1)), 0),
        (block(12, conv(3, 2, "valid"), (1, 1), conv(3, 1)), 0),
        (block(12, conv(2, 2), None, conv(2, 1, "valid")), 0),
        # The middle of an even window moves by one: where there is room, nothing is lost.
        (block(12, conv(3, 3), None, conv(2, 1), skip=False), 2),
    ],
)
def test_strides_side_by_side_and_even_windows(graph: Graph, offset: int) -> None:
    assert (offset, offset) in phases_of_the_old(graph, "block")


@given(
    st.integers(6, 13),
    st.builds(conv, st.integers(1, 4), st.integers(2, 3), st.sampled_from(["same", "valid"])),
    st.none() | st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.builds(conv, st.integers(1, 4), st.just(1), st.sampled_from(["same", "valid"])),
    st.booleans(),
)
@settings(max_examples=20)
def test_what_can_be_dilated_computes_what_it_did(
    side: int, main: Conv2D, pad: tuple[int, int] | None, behind: Conv2D, skip: bool
) -> None:
    graph = block(side, main, pad, behind, skip)
    try:
        verify(graph)
        dilate(graph, "block")
    except ArchscopeError:
        return
    assert phases_of_the_old(graph, "block")
