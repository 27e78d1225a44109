"""Dilate: which windows are dilated, by how much, and what is refused. What it computes: tests/interop."""

from __future__ import annotations

import pytest

from archscope.analysis import receptive_fields
from archscope.design import DEFAULT, build, parse_spec
from archscope.errors import ArchscopeError, SurgeryError
from archscope.graph import (
    Add,
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Flatten,
    GlobalAveragePooling2D,
    Graph,
    Input,
    MaxPooling2D,
    Node,
    Op,
    Opaque,
    PReLU,
    Reshape,
    UpSampling2D,
    Windowed,
    ZeroPadding2D,
    verify,
)
from archscope.surgery import dilate, stride

V2 = build(DEFAULT)
IMAGE = Node("image", Input(shape=(16, 16, 4)))


def window(graph: Graph, name: str) -> Windowed:
    op = graph.node(name).op
    assert isinstance(op, Windowed)
    return op


def conv(kernel: int = 3, strides: int = 1, padding: str = "same") -> Conv2D:
    return Conv2D(filters=4, kernel=(kernel, kernel), strides=(strides, strides), padding=padding)


def chain(*ops: Op) -> Graph:
    """The image, then layers l1, l2, ... in a row."""
    nodes = [IMAGE]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"l{number}", op, (nodes[-1].name,), f"block_{number}"))
    return Graph(tuple(nodes))


def test_the_windows_behind_are_dilated_by_the_stride() -> None:
    before = repr(V2)
    after = dilate(V2, "block_13")
    assert repr(V2) == before
    changed = [node.name for node, old in zip(after.nodes, V2.nodes, strict=True) if node != old]
    assert changed == ["block_13_pad", *(f"block_{number}_depthwise" for number in range(13, 17))]
    assert window(after, "block_13_depthwise") == window(stride(V2, "block_13", 1), "block_13_depthwise")
    assert window(after, "block_14_depthwise").dilation == (2, 2)
    assert verify(after).params == verify(V2).params
    assert verify(after).row("out_relu").output == (2, 2, 1280)


def test_once_more_multiplies_and_widens_the_padding_behind() -> None:
    after = dilate(dilate(V2, "block_13"), "block_6")
    assert window(after, "block_7_depthwise").dilation == (2, 2)
    # Now a window of stride 1 behind a padding of its own, (1, 1): both keep pace.
    assert window(after, "block_13_depthwise").dilation == (2, 2)
    assert after.node("block_13_pad").op == ZeroPadding2D(padding=((2, 2), (2, 2)))
    assert window(after, "block_14_depthwise").dilation == (4, 4)
    assert verify(after).row("out_relu").output == (4, 4, 1280)


@pytest.mark.parametrize("spec", ["mobilenet_v2@64", "mobilenet_v1@64", "mobilenet_v2@49x35"])
def test_every_layer_sees_as_much_as_before(spec: str) -> None:
    graph = build(parse_spec(spec))
    fields = {name: field.size for name, field in receptive_fields(verify(graph)).items()}
    strided = [node.name for node in graph.nodes if isinstance(node.op, Windowed) and max(node.op.strides) > 1]
    for name in reversed(strided):
        graph = dilate(graph, name)
    after = verify(graph)
    assert after.row(graph.body[-1].name).output[:2] == after.input[:2]
    assert {name: field.size for name, field in receptive_fields(after).items()} == fields


def test_strides_side_by_side_go_together() -> None:
    nodes = [
        Node("pad", ZeroPadding2D(padding=((1, 1), (1, 1))), ("image",), "block_1"),
        Node("main", conv(strides=2, padding="valid"), ("pad",), "block_1"),
        Node("skip", conv(1, strides=2), ("image",), "block_1"),
        Node("sum", Add(), ("main", "skip"), "block_1"),
        Node("next", conv(), ("sum",), "block_2"),
    ]
    graph = Graph((IMAGE, *nodes))
    after = dilate(graph, "block_1")
    assert verify(after).output == (16, 16, 4)
    assert after.node("pad").op == ZeroPadding2D(padding=((1, 1), (1, 1)))
    assert [window(after, name).dilation for name in ("main", "skip", "next")] == [(1, 1), (1, 1), (2, 2)]
    with pytest.raises(
        ArchscopeError, match=r"'sum': Add needs .* 8x8x4 and 16x16x4; dilate the block 'block_1': its strides go"
    ):
        dilate(graph, "skip")
    unlike = graph.with_node(Node("skip", conv(1, strides=3), ("image",), "block_1"))
    with pytest.raises(SurgeryError, match="'block_1' has unlike strides side by side: main, skip"):
        dilate(unlike, "block_1")


def test_margins_grow_and_1x1_windows_stay() -> None:
    margins = ((1, 0), (2, 1))
    after = dilate(chain(conv(strides=3), ZeroPadding2D(padding=margins), Cropping2D(cropping=margins), conv(1)), "l1")
    assert after.node("l2").op == ZeroPadding2D(padding=((3, 0), (6, 3)))
    assert after.node("l3").op == Cropping2D(cropping=((3, 0), (6, 3)))
    assert window(after, "l4").dilation == (1, 1)


def residual(side: int, *main: Op) -> Graph:
    """Layers m1, m2, ..., the last with a stride of 2, and around them a 1x1 of stride 2."""
    nodes = [Node("image", Input(shape=(side, side, 4)))]
    for number, op in enumerate(main, 1):
        nodes.append(Node(f"m{number}", op, (nodes[-1].name,), "block_1"))
    skip = Node("skip", conv(1, strides=2), ("image",), "block_1")
    return Graph((*nodes, skip, Node("sum", Add(), (nodes[-1].name, "skip"), "block_1")))


def test_sides_that_shift_unlike_are_refused() -> None:
    # On an even map a 3x3 with "same" padding and a stride of 2 pads behind alone; without the stride on both sides.
    one_sided = ZeroPadding2D(padding=((0, 1), (0, 1)))
    for main in ((conv(strides=2),), (one_sided, conv(strides=2, padding="valid"))):
        with pytest.raises(SurgeryError, match=r"'sum' joins 'm\d' and 'skip', and .* shift by 1 and 0; `archscope"):
            dilate(residual(16, *main), "block_1")
    assert verify(dilate(residual(15, conv(strides=2)), "block_1")).output == (15, 15, 4)
    with pytest.raises(SurgeryError, match="no longer lie on each other: they shift by"):
        dilate(build(parse_spec("xception@96")), "block_13")


@pytest.mark.parametrize("kernel", [2, 4])
def test_an_even_window_that_leaves_the_old_positions_is_refused(kernel: int) -> None:
    with pytest.raises(SurgeryError, match=f"'l2' has an even {kernel}x{kernel} window with same padding, and dilated"):
        dilate(chain(conv(strides=2), conv(kernel)), "l1")
    assert window(dilate(chain(conv(strides=2), conv(kernel, padding="valid")), "l1"), "l2").dilation == (2, 2)


def test_margins_that_lose_the_border_are_refused() -> None:
    # Symmetric, the padding brings a row in behind the old map's last, where a padding behind would add zeros.
    bare = ZeroPadding2D(padding=((0, 0), (0, 0)))
    with pytest.raises(SurgeryError, match="the map of 'l2' does not hold the old one on a grid"):
        dilate(chain(bare, conv(strides=2, padding="valid")), "l2")


def test_what_reads_positions_in_a_row_is_refused() -> None:
    for op in (Flatten(), Reshape(shape=(64, 4))):
        with pytest.raises(SurgeryError, match=rf"'l2' \({type(op).__name__}\) behind 'l1' reads positions in a row"):
            dilate(chain(conv(strides=2), op), "l1")
    with pytest.raises(SurgeryError, match=r"'l2' \(PReLU\) has weights for each position of its map"):
        dilate(chain(conv(strides=2), PReLU()), "l1")
    pooled = dilate(chain(conv(strides=2), GlobalAveragePooling2D(), Reshape(shape=(1, 1, 4)), Flatten()), "l1")
    assert verify(pooled).output == (4,)


@pytest.mark.parametrize("pool", [MaxPooling2D, AveragePooling2D])
def test_a_strided_pooling_is_as_good_as_a_convolution(pool: type[Windowed]) -> None:
    after = dilate(chain(pool(kernel=(2, 2), strides=(2, 2), padding="valid"), conv()), "l1")
    assert verify(after).output == (15, 15, 4)
    assert window(after, "l2").dilation == (2, 2)


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (conv(strides=2), r"'l2' behind 'l1' has a stride of its own, and no window is .*; dilate 'l2' first"),
        (conv(1, strides=2), "dilate 'l2' first"),
        (
            MaxPooling2D(kernel=(3, 3)),
            r"'l2' \(MaxPooling2D\) behind 'l1' has no dilated form; `archscope stride` sets",
        ),
        (UpSampling2D(size=(2, 2)), r"'l2' \(UpSampling2D\) behind 'l1' has no dilated form"),
        (Conv2DTranspose(filters=4, kernel=(2, 2), strides=(2, 2)), r"\(Conv2DTranspose\) behind 'l1' has no dilated"),
        (Opaque(kind="Odd", shape=(8, 8, 4)), r"'l2' \(Odd\) behind 'l1' has no dilated form"),
    ],
)
def test_what_has_no_dilated_form_is_refused(behind: Op, said: str) -> None:
    with pytest.raises(SurgeryError, match=said):
        dilate(chain(conv(strides=2), behind), "l1")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "block:3..6",
            "strides one behind the other: block_3_depthwise, block_6_depthwise; dilate .* first: block_6_d",
        ),
        ("block_6", "'block_13_depthwise' behind 'block_6_depthwise' has a stride of its own.*; dilate 'block_13_dep"),
        ("block_2", "'block_2' has no stride to take away; the strided layers are Conv1, block_1_depthwise, block_3"),
        ("predictions", "'predictions' has no stride to take away"),
        ("blok_13", "no layer 'blok_13'; did you mean 'block_13'"),
    ],
)
def test_where_there_is_no_one_stride_it_says_so(name: str, said: str) -> None:
    with pytest.raises(ArchscopeError, match=said):
        dilate(V2, name)
