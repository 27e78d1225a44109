"""Cut, head and stride on graphs: what they leave, what they change, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archscope.analysis import final_map
from archscope.design import DEFAULT, build, parse_spec
from archscope.errors import ArchscopeError, GraphError, SurgeryError
from archscope.graph import (
    HEAD,
    Add,
    Conv2D,
    DepthwiseConv2D,
    Graph,
    Input,
    Node,
    Windowed,
    ZeroPadding2D,
    digest,
    verify,
)
from archscope.surgery import (
    conv_head,
    cut,
    last_layer,
    named,
    plain_head,
    selected,
    stride,
    strided_layer,
    without_head,
)

V2 = build(DEFAULT)
V1 = build(parse_spec("mobilenet_v1"))


def op(graph: Graph, name: str) -> Windowed:
    found = graph.node(name).op
    assert isinstance(found, Windowed)
    return found


def padding(graph: Graph, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
    found = graph.node(name).op
    assert isinstance(found, ZeroPadding2D)
    return found.padding


@pytest.mark.parametrize(
    "edit",
    [
        lambda graph: cut(graph, "block_12_add"),
        lambda graph: conv_head(graph, 100, 10),
        lambda graph: plain_head(graph, 5),
        without_head,
        lambda graph: stride(graph, "block_13", 1),
    ],
)
def test_the_graph_that_goes_in_is_left_unchanged(edit: Callable[[Graph], Graph]) -> None:
    before = repr(V2)
    assert edit(V2) != V2
    assert repr(V2) == before


# cut


def test_cut_leaves_the_body_up_to_the_layer() -> None:
    body = cut(V2, "block_12_add")
    assert body.output.name == "block_12_add"
    assert not body.has_head
    assert verify(body).params == 558_656
    assert [node.name for node in body.nodes] == [node.name for node in V2.nodes][: len(body.nodes)]


def test_cut_drops_the_branch_that_only_fed_what_was_cut() -> None:
    image = Node("image", Input(shape=(8, 8, 4)), (), "input", "input")
    nodes = [
        Node("a", Conv2D(filters=4, kernel=(1, 1)), ("image",), "one", "one"),
        Node("side", Conv2D(filters=4, kernel=(3, 3)), ("a",), "one", "one"),
        Node("b", Conv2D(filters=4, kernel=(1, 1)), ("a",), "two", "two"),
        Node("sum", Add(), ("side", "b"), "two", "two"),
    ]
    assert [node.name for node in cut(Graph((image, *nodes)), "b").nodes] == ["image", "a", "b"]


def test_cut_at_a_block_is_cut_at_its_last_layer() -> None:
    assert cut(V2, "block_12") == cut(V2, "block_12_add")
    # A layer's own name goes first: the last 1x1 conv of V2 is named as its block.
    assert cut(V2, "Conv_1").output.name == "Conv_1"
    assert last_layer(V2, "stem") == "Conv1_relu"


def test_cut_within_a_residual_drops_the_add() -> None:
    body = cut(V2, "block_12_expand_relu")
    assert "block_12_add" not in body
    assert verify(body).output == (2, 2, 576)


def test_cut_at_the_last_layer_of_the_body_takes_the_head_alone() -> None:
    assert cut(V2, "out_relu") == without_head(V2)


@pytest.mark.parametrize("name", ["predictions", "global_average_pooling2d", "head"])
def test_cut_in_the_head_is_refused(name: str) -> None:
    with pytest.raises(SurgeryError, match=r"is in the head; .*; the last one is 'out_relu'; `archscope head` changes"):
        cut(V2, name)


@pytest.mark.parametrize("name", ["input", "preprocess"])
def test_cut_before_the_first_weights_is_refused(name: str) -> None:
    with pytest.raises(SurgeryError, match=r"nothing with weights stands at or before '.*'; cut behind the first conv"):
        cut(V2, name)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("block_12_ad", "'block_12_add'"),
        ("BLOCK_12_ADD", "'block_12_add'"),
        ("blok_12", "'block_12'"),
        ("conv1_relu", "'Conv1_relu'"),
    ],
)
def test_an_unknown_layer_comes_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(GraphError, match=f"no layer '{name}'; did you mean {near}"):
        cut(V2, name)


# head


def test_the_studys_head_by_hand() -> None:
    graph = conv_head(cut(V2, "block_12_add"), 1280, 10, dropout=0.0)
    rows = [row for row in verify(graph) if row.node.stage == HEAD]
    assert [(row.node.kind, row.params) for row in rows] == [
        ("Conv2D", 96 * 1280 + 1280),
        ("BatchNormalization", 4 * 1280),
        ("ReLU", 0),
        ("GlobalAveragePooling2D", 0),
        ("Dense", 1280 * 10 + 10),
    ]
    assert verify(graph).params == 700_746


def test_the_plain_head_by_hand() -> None:
    assert verify(plain_head(cut(V2, "block_12_add"), 10)).params == 558_656 + 96 * 10 + 10


def test_a_head_replaces_a_head() -> None:
    body = cut(V2, "block_12_add")
    wanted = conv_head(body, 100, 10)
    assert conv_head(plain_head(body, 7), 100, 10) == wanted
    assert conv_head(conv_head(body, 5, 3), 100, 10) == wanted
    assert conv_head(V1, 100, 10).node("head_dense") == wanted.node("head_dense")


def test_no_head_is_the_bare_body_once_and_twice() -> None:
    bare = without_head(V2)
    assert bare.output.name == "out_relu"
    assert without_head(bare) == bare


@pytest.mark.parametrize("units", [0, -1])
def test_a_head_has_a_unit(units: int) -> None:
    with pytest.raises(SurgeryError, match=f"units={units}: a head has at least 1 unit"):
        conv_head(V2, units, 10)


@pytest.mark.parametrize("dropout", [1.0, -0.1, float("nan"), 2.0])
def test_dropout_is_a_share(dropout: float) -> None:
    with pytest.raises(SurgeryError, match="dropout is from 0 up to, not including, 1"):
        conv_head(V2, 10, 10, dropout)


# stride


@pytest.mark.parametrize(
    ("graph", "name", "pad"),
    [(V2, "block_1_depthwise", "block_1_pad"), (V1, "conv_dw_2", "conv_pad_2")],
)
def test_stride_1_makes_a_one_sided_padding_symmetric(graph: Graph, name: str, pad: str) -> None:
    changed = stride(graph, name, 1)
    assert padding(graph, pad) == ((0, 1), (0, 1))
    assert padding(changed, pad) == ((1, 1), (1, 1))
    assert op(changed, name).strides == (1, 1)
    assert verify(changed).row(name).output[:2] == verify(graph).row(pad).inputs[0][:2] == (16, 16)
    assert [node.name for node in changed.nodes] == [node.name for node in graph.nodes]
    different = [n.name for n, old in zip(changed.nodes, graph.nodes, strict=True) if n != old]
    assert different == [pad, name]


def test_the_stems_same_padding_needs_no_help() -> None:
    changed = stride(V2, "Conv1", 1)
    assert verify(changed).row("Conv1").output == (32, 32, 32)
    assert [n.name for n, old in zip(changed.nodes, V2.nodes, strict=True) if n != old] == ["Conv1"]


def test_odd_maps_lose_their_one_sided_padding_too() -> None:
    graph = build(parse_spec("mobilenet_v2@36x50"))
    assert padding(graph, "block_1_pad") == ((0, 1), (1, 1))
    changed = stride(graph, "block_1", 1)
    assert padding(changed, "block_1_pad") == ((1, 1), (1, 1))
    assert verify(changed).row("block_1_depthwise").output[:2] == (18, 25)


def test_a_padding_that_others_read_is_left_alone() -> None:
    image = Node("image", Input(shape=(8, 8, 2)))
    pad = Node("pad", ZeroPadding2D(padding=((0, 1), (0, 1))), ("image",))
    windows = [
        Node(name, DepthwiseConv2D(kernel=(3, 3), strides=(2, 2), padding="valid"), ("pad",)) for name in ("a", "b")
    ]
    graph = Graph((image, pad, *windows, Node("sum", Add(), ("a", "b"))))
    with pytest.raises(GraphError, match="'sum': Add needs equal shapes, and got 7x7x2 and 4x4x2"):
        stride(graph, "a", 1)


def test_even_windows_pad_one_more_behind() -> None:
    image = Node("image", Input(shape=(8, 8, 2)))
    pad = Node("pad", ZeroPadding2D(padding=((0, 1), (0, 1))), ("image",))
    window = Node("a", DepthwiseConv2D(kernel=(4, 2), strides=(2, 2), padding="valid"), ("pad",))
    changed = stride(Graph((image, pad, window)), "a", 1)
    assert padding(changed, "pad") == ((1, 2), (0, 1))
    assert verify(changed).output == (8, 8, 2)


@pytest.mark.parametrize(
    ("margin", "before", "kernel", "after"),
    [
        ((2, 2), 1, 3, (2, 2)),  # its stride already
        ((0, 1), 1, 3, (0, 1)),
        ((2, 2), 2, 3, (2, 2)),  # more than symmetric
        ((2, 0), 2, 3, (2, 0)),  # in all as much
        ((3, 0), 2, 5, (3, 1)),  # no side becomes less
        ((0, 3), 2, 5, (1, 3)),
        ((0, 1), 2, 5, (2, 2)),
    ],
)
def test_a_margin_loses_nothing(margin: tuple[int, int], before: int, kernel: int, after: tuple[int, int]) -> None:
    image = Node("image", Input(shape=(30, 30, 2)))
    pad = Node("pad", ZeroPadding2D(padding=(margin, margin)), ("image",))
    window = DepthwiseConv2D(kernel=(kernel, kernel), strides=(before, before), padding="valid")
    changed = stride(Graph((image, pad, Node("a", window, ("pad",)))), "a", 1)
    assert padding(changed, "pad") == (after, after)


def test_an_axis_without_a_stride_keeps_its_margin() -> None:
    image = Node("image", Input(shape=(8, 8, 2)))
    pad = Node("pad", ZeroPadding2D(padding=((0, 1), (0, 1))), ("image",))
    window = Conv2D(filters=2, kernel=(3, 3), strides=(2, 1), padding="valid")
    changed = stride(Graph((image, pad, Node("a", window, ("pad",)))), "a", 1)
    assert padding(changed, "pad") == ((1, 1), (0, 1))


def test_a_layers_name_goes_before_a_blocks() -> None:
    """In EfficientNet a block and its convolution are both called top_conv."""
    graph = build(parse_spec("efficientnet_b0"))
    assert last_layer(graph, "top_conv") == "top_conv"
    assert [node.name for node in selected(graph, "top_conv")] == ["top_conv"]
    whole = ["top_conv", "top_bn", "top_activation"]
    assert [node.name for node in selected(graph, "top_conv..top_conv")] == whole
    assert last_layer(graph, "top_conv..top_conv") == "top_activation"
    assert named(graph, "top_conv*") == "top_conv"
    assert named(graph, "top_conv..top_conv") == "top_conv..top_conv"


@pytest.mark.parametrize(("block", "layer"), [("stem", "Conv1"), ("block_1", "block_1_depthwise")])
def test_a_block_stands_for_its_one_strided_layer(block: str, layer: str) -> None:
    assert strided_layer(V2, block) == layer
    assert stride(V2, block, 1) == stride(V2, layer, 1)


def test_a_block_without_a_stride_names_its_window() -> None:
    with pytest.raises(
        SurgeryError, match=r"block 'block_2' has no strided layers.*; name the layer: block_2_depthwise"
    ):
        stride(V2, "block_2", 2)


def test_a_block_without_a_window_lists_the_strided_layers() -> None:
    with pytest.raises(
        SurgeryError, match=r"block 'head' has no strided layers.*; the strided layers are Conv1, block_"
    ):
        stride(V2, "head", 1)


@pytest.mark.parametrize(
    ("selector", "layer"),
    [
        ("first-stride", "Conv1"),
        ("last-stride", "block_13_depthwise"),
        ("stage:3", "block_3_depthwise"),
        ("block:5..9", "block_6_depthwise"),
        ("block:6", "block_6_depthwise"),
        ("block_6_dep*e", "block_6_depthwise"),
        ("block_2_depth????", "block_2_depthwise"),  # a window, if not a strided one
        ("st[e]m", "Conv1"),
    ],
)
def test_selectors_find_the_strided_layer(selector: str, layer: str) -> None:
    assert strided_layer(V2, selector) == layer


@pytest.mark.parametrize(
    ("selector", "layer"),
    [
        ("block_12", "block_12_add"),
        ("stage:5", "block_12_add"),
        ("block:3..9", "block_9_add"),
        ("block:15..99", "block_16_project_BN"),
        ("block_12_*", "block_12_add"),
        ("first-stride", "Conv1"),
    ],
)
def test_a_cut_at_a_selector_is_behind_its_last_layer(selector: str, layer: str) -> None:
    assert last_layer(V2, selector) == layer


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("block_1?", r"'block_1.' stands for 7 blocks; name one: block_10 or block_11 or .* or block_16$"),
        ("block_1*_add", "'block_1.*_add' stands for 4 blocks; name one: block_11 or"),
        ("stage:9", "nothing in this network is 'stage:9'; its stages are input, stem, stage_1"),
        ("block:77..78", "nothing in this network is 'block:77..78'; its blocks are input, stem, block_0"),
        ("zz*", "nothing in this network is 'zz.*'; `archscope shapes --by layer` lists the layers"),
        ("blok_12", "no layer 'blok_12'; did you mean 'block_12'"),
    ],
)
def test_an_ambiguous_or_empty_selector_lists_what_there_is(selector: str, said: str) -> None:
    with pytest.raises((SurgeryError, GraphError), match=said):
        cut(V2, selector)


def test_several_strided_layers_are_listed() -> None:
    with pytest.raises(SurgeryError, match=r"'block:1..6' has 3 strided layers.*: block_1_depthwise or block_3_depth"):
        stride(V2, "block:1..6", 1)


@pytest.mark.parametrize("name", ["block_2_add", "predictions", "bn_Conv1", "block_1_pad", "preprocess"])
def test_a_layer_without_a_stride_is_refused(name: str) -> None:
    with pytest.raises(SurgeryError, match=rf"'{name}' \(\w+\) has no stride; the strided layers are Conv1, block_1_"):
        stride(V2, name, 1)


@pytest.mark.parametrize("value", [0, -2])
def test_a_stride_is_at_least_1(value: int) -> None:
    with pytest.raises(SurgeryError, match=f"a stride of {value} is below 1"):
        stride(V2, "Conv1", value)


def test_an_add_whose_sides_no_longer_fit_is_named_with_the_shapes() -> None:
    with pytest.raises(GraphError, match="'block_2_add': Add needs equal shapes, and got 8x8x24 and 4x4x24"):
        stride(V2, "block_2_depthwise", 2)


def test_a_stride_adds_and_removes_no_residual() -> None:
    def adds(graph: Graph) -> list[str]:
        return [node.name for node in graph.nodes if isinstance(node.op, Add)]

    assert adds(stride(V2, "block_1", 1)) == adds(V2)
    # Both sides of block_2's Add come after block_1: a stride there moves them together.
    wide = build(parse_spec("mobilenet_v2@64"))
    assert final_map(verify(stride(wide, "block_1", 4)))[:2] == (1, 1)


def test_a_stride_that_leaves_no_map_is_refused() -> None:
    with pytest.raises(ArchscopeError, match="needs a map at least as large as its window"):
        stride(build(parse_spec("mobilenet_v1@31")), "conv1", 3)


@pytest.mark.parametrize(
    ("name", "value", "final"),
    [("stem", 1, (2, 2)), ("block_13", 1, (2, 2)), ("block_1", 1, (2, 2)), ("block_13", 3, (1, 1))],
)
def test_final_maps(name: str, value: int, final: tuple[int, int]) -> None:
    changed = stride(V2, name, value)
    assert final_map(verify(changed))[:2] == final
    assert verify(changed).params == verify(V2).params
    assert digest(changed) != digest(V2)


def test_the_same_stride_changes_nothing() -> None:
    assert stride(V2, "block_1", 2) == V2
    once = stride(V2, "block_1", 1)
    assert stride(once, "block_1_depthwise", 1) == once


def test_a_dilated_window_has_no_stride() -> None:
    window = Conv2D(filters=2, kernel=(3, 3), dilation=(2, 2))
    graph = Graph((Node("image", Input(shape=(9, 9, 3))), Node("conv", window, ("image",))))
    assert stride(graph, "conv", 1) == graph
    with pytest.raises(SurgeryError, match="'conv' is dilated, and no window is strided and dilated; its stride stays"):
        stride(graph, "conv", 2)


def test_stride_1_on_a_dilated_window_pads_its_whole_span() -> None:
    pad = Node("pad", ZeroPadding2D(padding=((0, 1), (0, 1))), ("image",))
    window = Conv2D(filters=2, kernel=(3, 3), strides=(2, 2), padding="valid", dilation=(2, 2))
    graph = Graph((Node("image", Input(shape=(9, 9, 3))), pad, Node("conv", window, ("pad",))))
    assert verify(stride(graph, "conv", 1)).output == (9, 9, 2)
