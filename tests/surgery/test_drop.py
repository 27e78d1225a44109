"""Drop: what is left, what reads what, and what is refused."""

from __future__ import annotations

import pytest

from archscope.design import DEFAULT, build, parse_spec
from archscope.errors import ArchscopeError, SurgeryError
from archscope.graph import (
    HEAD,
    Activation,
    Add,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Multiply,
    Node,
    ReLU,
    verify,
)
from archscope.surgery import cut, drop

V2 = build(DEFAULT)
BARE = build(parse_spec("mobilenet_v2@32,top=false"))


def conv(name: str, source: str, filters: int = 4, block: str = "") -> Node:
    return Node(name, Conv2D(filters=filters, kernel=(1, 1)), (source,), block)


IMAGE = Node("image", Input(shape=(8, 8, 4)))


def test_what_read_the_block_reads_what_it_read() -> None:
    before = repr(V2)
    after = drop(V2, "block_5")
    assert after.node("block_6_expand").inputs == ("block_4_add",)
    assert [node.name for node in after.nodes] == [node.name for node in V2.nodes if node.block != "block_5"]
    # Expand 32 -> 192, depthwise, project 192 -> 32, each with a norm of four figures a channel.
    block = 32 * 192 + 4 * 192 + 9 * 192 + 4 * 192 + 192 * 32 + 4 * 32
    assert verify(after).params == verify(V2).params - block
    assert repr(V2) == before


def test_several_blocks_are_dropped_together_or_one_by_one() -> None:
    one_by_one = V2
    for block in ("block_7", "block_9", "block_8"):
        one_by_one = drop(one_by_one, block)
    for selector in ("block:7..9", "block_7..block_9", "block_[789]", "block_[789]_*"):
        assert drop(V2, selector) == one_by_one


def test_a_block_named_as_its_end_goes_as_a_whole() -> None:
    inception = build(parse_spec("inception_v3@299"))
    with pytest.raises(
        SurgeryError, match=r"'mixed2' reads more than one tensor: .* such as a whole block: mixed2..mixed2"
    ):
        drop(inception, "mixed2")
    after = drop(inception, "mixed2..mixed2")
    assert after.node("mixed3").op == inception.node("mixed3").op
    assert "mixed2" not in after
    assert len(after.nodes) == len(inception.nodes) - len(inception.block("mixed2"))


def test_the_first_blocks_go_and_the_next_convolution_reads_what_they_read() -> None:
    after = verify(drop(V2, "block:1..5"))
    (kernel,) = after.row("block_6_expand").weights
    assert kernel.shape == (1, 1, 16, 192)
    assert after.row("block_6_expand").inputs == ((16, 16, 16),)
    assert after.row("block_6_depthwise").weights == verify(V2).row("block_6_depthwise").weights


def test_layers_far_from_each_other() -> None:
    after = drop(V2, "*_relu")
    assert not any(node.kind == "ReLU" and node.name != "out_relu" for node in after.nodes)
    assert after.node("block_2_depthwise").inputs == ("block_2_expand_BN",)
    assert verify(after).params == verify(V2).params


def test_the_last_block_of_a_bare_body_is_cut_off() -> None:
    assert drop(BARE, "last_conv") == cut(BARE, "block_16")
    assert drop(V2, "last_conv").node("global_average_pooling2d").inputs == ("block_16_project_BN",)


def test_a_gate_goes_with_its_product() -> None:
    graph = Graph(
        (
            IMAGE,
            conv("a", "image"),
            Node("pool", GlobalAveragePooling2D(keepdims=True), ("a",), "gate"),
            conv("squeeze", "pool", block="gate"),
            Node("excite", Activation(function="sigmoid"), ("squeeze",), "gate"),
            Node("scale", Multiply(), ("a", "excite"), "gated"),
            conv("b", "scale"),
        )
    )
    assert drop(graph, "gate..gated") == Graph((IMAGE, conv("a", "image"), conv("b", "a")))
    # Without the gate alone, its product would square the map.
    with pytest.raises(SurgeryError, match="'scale' would read 'a' on both sides; drop 'scale' with it"):
        drop(graph, "gate")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("input", "'input' is where the image comes in; drop names layers or blocks behind it"),
        ("in*t", "'input' is where the image comes in"),
        ("head", r"'global_average_pooling2d' is in the head; `archscope head` changes the head"),
        ("predictions", "'predictions' is in the head"),
        (
            "block_2_add",
            "'block_2_add' reads more than one tensor: 'block_1_project_BN' and 'block_2_project_BN'; drop a",
        ),
        (
            "block_2_project",
            "'block_2_add': Add needs equal shapes, and got 8x8x24 and 8x8x144; without block_2 it does",
        ),
        ("block:1..3", "'block_4_add': Add needs equal .* 16x16x16 and 16x16x32; without block_1..block_5 it does"),
        (
            "block_2..block_1",
            "block_2..block_1 runs backwards: 'block_1' stands before 'block_2'; say block_1..block_2",
        ),
        ("block:40..41", "nothing in this network is 'block:40..41'"),
        ("blok_5", "no layer 'blok_5'; did you mean"),
        ("block_5..blok_6", "no layer 'block_5..blok_6'; did you mean"),
        ("..", r"no layer '\.\.'"),
    ],
)
def test_what_cannot_go_is_named_with_the_reason(what: str, said: str) -> None:
    with pytest.raises(ArchscopeError, match=said):
        drop(V2, what)


def test_a_stretch_with_two_ends_is_refused() -> None:
    graph = Graph((IMAGE, conv("a", "image"), conv("b", "a"), Node("sum", Add(), ("a", "b"))))
    split = Graph(tuple(Node(n.name, n.op, n.inputs, "block_1" if n.name in "ab" else "") for n in graph.nodes))
    with pytest.raises(SurgeryError, match="'a' to 'b' gives more than one tensor: 'a' and 'b'; drop a stretch"):
        drop(split, "block_1")


def test_something_with_weights_is_left() -> None:
    nodes = [
        conv("a", "image"),
        Node("relu", ReLU(), ("a",)),
        Node("pool", GlobalAveragePooling2D(), ("relu",), "", HEAD),
    ]
    graph = Graph((IMAGE, *nodes, Node("dense", Dense(units=2), ("pool",), "", HEAD)))
    assert [node.name for node in drop(graph, "relu").nodes] == ["image", "a", "pool", "dense"]
    with pytest.raises(SurgeryError, match="nothing with weights would be left without 'a'; keep a convolution"):
        drop(graph, "a")
