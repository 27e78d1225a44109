"""Graphs as values: looking up, replacing, ancestors; and what `verify` refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from strategies import graphs

from archscope.errors import GraphError
from archscope.graph import (
    HEAD,
    Add,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Node,
    Op,
    Opaque,
    ReLU,
    digest,
    trace,
    verify,
)

IMAGE = Node("image", Input(shape=(8, 8, 3)))


def conv(name: str, source: str, **arguments: object) -> Node:
    return Node(name, Conv2D(**{"filters": 3, "kernel": (3, 3)} | arguments), (source,), "body", "body")


def residual() -> Graph:
    """image -> a -> b, a + b -> pool -> dense: 84 + 84 weights in the body, 8 in the head."""
    return Graph(
        (
            IMAGE,
            conv("a", "image", use_bias=True),
            conv("b", "a", use_bias=True),
            Node("sum", Add(), ("a", "b"), "body", "body"),
            Node("pool", GlobalAveragePooling2D(), ("sum",), HEAD, HEAD),
            Node("dense", Dense(units=2), ("pool",), HEAD, HEAD),
        )
    )


def test_totals_by_hand() -> None:
    traced = verify(residual())
    assert [row.params for row in traced] == [0, 84, 84, 0, 0, 8]
    assert traced.params == traced.trainable_params == 176
    assert traced.non_trainable_params == 0
    assert traced.macs == 2 * 8 * 8 * 3 * 27 + 3 * 2
    assert traced.input == (8, 8, 3)
    assert traced.output == (2,)


def test_looking_up() -> None:
    graph = residual()
    assert graph.has_head
    assert [node.name for node in graph.body] == ["image", "a", "b", "sum"]
    assert graph.blocks == ("", "body", HEAD)
    assert [node.name for node in graph.block("body")] == ["a", "b", "sum"]
    assert [node.name for node in graph.consumers("a")] == ["b", "sum"]
    assert graph.node("sum").kind == "Add"
    assert "sum" in graph
    assert "body" not in graph
    with pytest.raises(GraphError, match=r"no layer 'dens'; did you mean 'dense'\?"):
        graph.node("dens")
    with pytest.raises(GraphError, match="no layer 'zzz'; `archscope shapes --by layer` lists them"):
        verify(graph).row("zzz")


def test_a_replaced_node_leaves_the_old_graph_as_it_was() -> None:
    graph = residual()
    before = repr(graph)
    changed = graph.with_node(conv("b", "a"))
    assert changed.node("b") != graph.node("b")
    assert [node.name for node in changed.nodes] == [node.name for node in graph.nodes]
    assert repr(graph) == before


def test_ancestors_drop_what_only_fed_the_rest() -> None:
    graph = residual()
    assert [node.name for node in graph.ancestors("b").nodes] == ["image", "a", "b"]
    side = graph.extended([Node("side", ReLU(), ("a",))])
    assert [node.name for node in side.ancestors("dense").nodes] == [node.name for node in graph.nodes]


@given(graphs())
def test_totals_are_the_sums_of_the_rows(graph: Graph) -> None:
    traced = verify(graph)
    assert traced.params == sum(row.params for row in traced) == traced.trainable_params + traced.non_trainable_params
    assert traced.macs == sum(row.macs for row in traced)
    assert traced.fits is True
    for row in traced:
        assert row.inputs == tuple(traced.row(name).output for name in row.node.inputs)
        assert min(row.output) >= 1
        assert row.params == sum(weight.size for weight in row.weights)


@given(graphs())
def test_every_layer_with_its_ancestors_is_a_graph(graph: Graph) -> None:
    whole = verify(graph)
    for node in graph.nodes:
        part = verify(graph.ancestors(node.name))
        assert part.rows[-1] == whole.row(node.name)


def test_one_layer_may_read_the_same_twice() -> None:
    doubled = verify(Graph((IMAGE, Node("twice", Add(), ("image", "image")))))
    assert doubled.output == (8, 8, 3)


def body(*nodes: Node) -> Graph:
    return Graph((IMAGE, *nodes))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (Graph(()), "a graph without nodes is no network"),
        (body(conv("a", "image"), conv("a", "a")), "two layers are named 'a'; names are unique"),
        (body(conv("red\x1b[31m", "image")), r"a layer is named 'red\\x1b\[31m' \('Conv2D'\), which does not print"),
        (body(conv("\u202eever", "image")), r"a layer is named '\\u202eever'"),
        (body(Node("a", Opaque(kind="My\nLayer", shape=(1,)), ("image",))), r"named 'a' \('My\\nLayer'\)"),
        (
            body(Node("a", Opaque(kind="Mine", shape=(1,), reads=((4, 4, 3),)), ("image",))),
            "'a': Mine needs the inputs that its shape was recorded for, 4x4x3, and got 8x8x3",
        ),
        (body(conv("b", "a"), conv("a", "image")), "'b' reads 'a', which does not stand before it"),
        (body(conv("a", "a")), "'a' reads 'a', which does not stand before it"),
        (body(conv("a", "nowhere")), "'a' reads 'nowhere', which does not stand before it"),
        (body(conv("a", "image"), conv("b", "image")), "nothing reads 'a'; every layer but the last feeds another"),
        (Graph((conv("a", "image"),)), "'a' reads 'image', which does not stand before it"),
        (Graph((Node("a", ReLU()),)), "'a': a graph has one Input, its first node"),
        (body(Node("other", Input(shape=(1, 1, 1)))), "'other': a graph has one Input, its first node"),
        (
            body(Node("a", ReLU()), Node("sum", Add(), ("image", "a"))),
            "'a': ReLU takes 1 inputs, and got 0",
        ),
        (body(Node("a", ReLU(), ("image", "image"))), "'a': ReLU takes 1 inputs, and got 2"),
        (body(Node("a", Add(), ("image",))), "'a': Add takes 2 or more inputs, and got 1"),
        (
            body(Node("p", GlobalAveragePooling2D(), ("image",)), conv("a", "p")),
            "'a': Conv2D needs .*, and got 3$",
        ),
        (
            body(conv("a", "image", strides=(0, 1))),
            "'a': kernel, strides, dilation and groups of a Conv2D are at least 1",
        ),
        (
            body(conv("a", "image", kernel=(3, -1))),
            "'a': kernel, strides, dilation and groups of a Conv2D are at least 1",
        ),
        (body(conv("a", "image", groups=0)), "'a': kernel, strides, dilation and groups of a Conv2D are at least 1"),
        (
            body(conv("a", "image", kernel=(9, 9), padding="valid")),
            "'a': Conv2D needs a map at least as large as its window, .* and got 8x8x3",
        ),
        (
            body(conv("a", "image", strides=(2, 2)), Node("sum", Add(), ("image", "a"))),
            "'sum': Add needs equal shapes, and got 8x8x3 and 4x4x3",
        ),
        (Graph((Node("image", Input(shape=(8, 0, 3))),)), "'image': Input needs sizes of at least 1, and got 8x0x3"),
    ],
)
def test_verify_names_the_first_fault(graph: Graph, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        verify(graph)


def test_trace_says_that_a_graph_does_not_fit_where_verify_raises() -> None:
    graph = body(conv("a", "image", kernel=(9, 9), padding="valid"))
    assert not trace(graph).fits
    assert trace(residual()).fits


def test_an_op_without_a_rule_says_so() -> None:
    with pytest.raises(TypeError, match="Op has no rule"):
        Op().effect()


def test_values_are_frozen_and_slotted() -> None:
    graph = residual()
    for value, field in ((graph, "nodes"), (graph.node("a"), "name"), (graph.node("a").op, "filters")):
        with pytest.raises(AttributeError):
            setattr(value, field, None)
        assert not hasattr(value, "__dict__")
    assert replace(graph.node("a"), block="x") != graph.node("a")
    assert digest(graph) == digest(residual())
