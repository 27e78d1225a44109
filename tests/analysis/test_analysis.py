"""Collapse, shares and groups on small graphs with answers derived by hand, and on random ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from strategies import graphs

from archscope.analysis import BY, By, Collapse, collapse, final_map, group, last_before, map_read, share_on_1x1
from archscope.design import build, parse_spec
from archscope.graph import (
    HEAD,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Node,
    Op,
    Trace,
    ZeroPadding2D,
    verify,
)


def chain(size: tuple[int, int], *ops: Op) -> Trace:
    nodes = [Node("image", Input(shape=(*size, 4)), (), "input", "input")]
    for number, op in enumerate(ops):
        nodes.append(Node(f"op_{number}", op, (nodes[-1].name,), f"block_{number}", "body"))
    return verify(Graph(tuple(nodes)))


def window(side: int, stride: int = 1, padding: str = "same") -> DepthwiseConv2D:
    return DepthwiseConv2D(kernel=(side, side), strides=(stride, stride), padding=padding)


PAD = ZeroPadding2D(padding=((0, 1), (0, 1)))


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (chain((4, 4), window(3)), None),
        (chain((2, 2), window(3, 2)), Collapse("op_0", "block_0", (2, 2), (1, 1))),
        # Measured before the padding: 2x2, not 3x3.
        (chain((2, 2), PAD, window(3, 2, "valid")), Collapse("op_1", "block_1", (2, 2), (1, 1))),
        # A window that covers the whole map, and nothing beside it, is a global op.
        (chain((3, 3), window(3, 1, "valid")), None),
        (chain((3, 3), window(3, 3)), None),
        (chain((3, 3), window(3, 1, "valid"), BatchNormalization(), GlobalAveragePooling2D()), None),
        # ... unless the body goes on behind it, as ConvNeXt's does behind its last 2x2 window with a stride of 2.
        (
            chain((2, 2), window(2, 2, "valid"), Conv2D(filters=8, kernel=(1, 1))),
            Collapse("op_0", "block_0", (2, 2), (1, 1)),
        ),
        # With padding beside the map it is not.
        (chain((2, 2), PAD, window(3, 1, "valid")), Collapse("op_1", "block_1", (2, 2), (1, 1))),
        # A 1x1 window that skips positions throws them away.
        (chain((2, 2), window(1, 2)), Collapse("op_0", "block_0", (2, 2), (1, 1))),
        # The first one counts; a map that was 1x1 before does not.
        (chain((1, 1), window(3), window(3)), None),
        (chain((4, 4), window(3, 2), window(3, 2), window(3, 2)), Collapse("op_1", "block_1", (2, 2), (1, 1))),
        # One axis is not both.
        (chain((2, 4), window(3, 2)), None),
        (chain((2, 4), window(3, 2), window(3, 2)), Collapse("op_1", "block_1", (1, 2), (1, 1))),
        (chain((4, 4), GlobalAveragePooling2D()), None),
    ],
)
def test_collapse_by_hand(trace: Trace, expected: Collapse | None) -> None:
    assert collapse(trace) == expected


def test_share_by_hand() -> None:
    """2x2 -> 1x1 at the first op (4 channels, 36 weights); the conv behind it reads 1x1: 4*8 weights and MACs."""
    trace = chain((2, 2), window(3, 2), Conv2D(filters=8, kernel=(1, 1)), GlobalAveragePooling2D())
    head = Graph((*trace.graph.nodes, Node("dense", Dense(units=2), ("op_2",), HEAD, HEAD)))
    share = share_on_1x1(verify(head))
    assert (share.layers, share.params, share.body_params) == (1, 32, 68)
    assert (share.macs, share.body_macs) == (32, 68)


def test_the_map_read_is_measured_before_padding() -> None:
    trace = chain((2, 3), PAD, PAD, window(3, 2, "valid"), GlobalAveragePooling2D())
    assert map_read(trace, trace.row("op_2")) == (2, 3)
    assert map_read(trace, trace.row("op_3")) == trace.row("op_2").output[:2]
    assert map_read(trace, trace.row("image")) == ()


def test_where_to_cut() -> None:
    for spec, layer in {
        "mobilenet_v2@32": "block_12_add",
        "mobilenet_v1@32": "conv_pw_11_relu",
        "mobilenet_v2@2": None,
    }.items():
        trace = verify(build(parse_spec(spec)))
        fallen = collapse(trace)
        assert fallen is not None
        assert last_before(trace, fallen) == layer


@given(graphs())
def test_a_collapse_is_where_the_map_becomes_1x1(graph: Graph) -> None:
    trace = verify(graph)
    fallen = collapse(trace)
    if fallen is None:
        return
    row = trace.row(fallen.layer)
    assert row.output[:2] == fallen.after == (1, 1)
    assert fallen.before != (1, 1)
    assert map_read(trace, row) == fallen.before


@given(graphs())
@pytest.mark.parametrize("by", BY)
def test_groups_keep_every_layer_once_and_in_order(by: By, graph: Graph) -> None:
    trace = verify(graph)
    groups = group(trace, by)
    assert tuple(row for one in groups for row in one.rows) == trace.rows
    assert sum(one.params for one in groups) == trace.params
    assert sum(one.trainable_params for one in groups) == trace.trainable_params
    assert sum(one.macs for one in groups) == trace.macs
    assert all(one.output == one.last.output for one in groups)


@given(graphs())
def test_shares_are_parts_of_the_body(graph: Graph) -> None:
    trace = verify(graph)
    share = share_on_1x1(trace)
    assert 0 <= share.params <= share.body_params <= trace.params
    assert 0 <= share.macs <= share.body_macs <= trace.macs
    assert final_map(trace) == trace.row(graph.body[-1].name).output


def test_the_stride_of_a_group_is_the_product() -> None:
    trace = chain((8, 8), window(3, 2), window(3, 2))
    assert [one.stride for one in group(trace, "stage")] == [(1, 1), (4, 4)]
    assert [one.stride for one in group(trace, "layer")] == [(1, 1), (2, 2), (2, 2)]
