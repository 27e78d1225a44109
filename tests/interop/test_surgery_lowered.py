"""Surgery, lowered: Keras counts what the trace counts, and a dilated network computes what the strided one did."""

from __future__ import annotations

import numpy as np
import pytest
from edit_strategies import edits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_twins import TOLERANCE, randomise
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
    ZeroPadding2D,
    verify,
)
from archscope.interop.lower import lower
from archscope.interop.weights import copy_weights
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
    rng = np.random.default_rng(side)
    before, after = lower(graph), lower(dilate(graph, "first"))
    randomise(before, rng)
    copy_weights(before, after)
    image = rng.uniform(-1, 1, (2, side, side, 3)).astype("float32")
    old, new = (np.asarray(model(image, training=False)) for model in (before, after))
    (rate, _) = graph.node("first").op.strides  # type: ignore[attr-defined]
    grid = new[:, offset::rate, offset::rate][:, : old.shape[1], : old.shape[2]]
    assert new.shape[1] > old.shape[1]
    assert np.abs(grid - old).max() <= TOLERANCE * np.abs(old).max()
    assert np.abs(old).max() > 0
