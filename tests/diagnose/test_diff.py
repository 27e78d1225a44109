"""The diff of two networks: exactly the edits, apart from what follows, whatever the layers are called."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archscope.design import build, parse_spec
from archscope.diagnose.diff import Change, Diff, diff
from archscope.graph import (
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Graph,
    Input,
    Node,
    Opaque,
    ReLU,
    Trace,
    digest,
    verify,
)
from archscope.report.diff import diff_record, edit_table, knock_on_table

sys.path.append(str(Path(__file__).parents[1] / "graph"))
from strategies import graphs

BASE = "mobilenet_v2@32"


def traced(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


def renamed(graph: Graph) -> Graph:
    """Every layer, block and stage but the head under another name."""
    names = {node.name: f"n{number}" for number, node in enumerate(graph.nodes)}
    return Graph(
        tuple(
            replace(
                node,
                name=names[node.name],
                inputs=tuple(names[name] for name in node.inputs),
                block=f"b_{node.block}",
            )
            for node in graph.nodes
        )
    )


def names(found: Diff, kind: str) -> list[str]:
    return [entry.row.name for entry in found.edits if entry.kind == kind]


def body_behind(graph: Graph, name: str) -> list[str]:
    body = [node.name for node in graph.body]
    return body[body.index(name) + 1 :]


@pytest.mark.parametrize("layer", ["block_12_add", "block_9_add", "block_6_project_BN", "bn_Conv1"])
def test_a_cut_removes_what_stands_behind_it(layer: str) -> None:
    before = traced(BASE)
    found = diff(before, traced(f"{BASE}+cut:{layer}"))
    assert names(found, "removed") == body_behind(before.graph, layer)
    assert names(found, "added") == names(found, "changed") == []
    # The classifier reads other channels: it follows, under whatever name.
    assert {entry.row.node.kind for entry in found.knock_on} == {"GlobalAveragePooling2D", "Dense"}


def test_a_cut_with_a_head_adds_the_head() -> None:
    before = traced(BASE)
    found = diff(before, traced(f"{BASE}+cut:block_12_add+head:1000"))
    assert names(found, "removed") == body_behind(before.graph, "block_12_add")
    assert names(found, "added") == ["head_conv", "head_bn", "head_relu", "head_dropout"]
    assert names(found, "changed") == []
    assert edit_table(found).records()[0]["edit"] == "- block_13_expand..out_relu"


def test_no_head_removes_the_head() -> None:
    found = diff(traced(BASE), traced(f"{BASE}+head:none"))
    assert names(found, "removed") == ["global_average_pooling2d", "predictions"]
    assert found.edits == tuple(entry for entry in found.entries if entry.kind != "same")


def test_a_stride_changes_the_stride_and_its_padding() -> None:
    found = diff(traced(BASE), traced(f"{BASE}+stride:block_1_depthwise,to=1"))
    assert [(entry.row.name, *entry.changes) for entry in found.edits] == [
        ("block_1_pad", Change("padding", ((0, 1), (0, 1)), ((1, 1), (1, 1)))),
        ("block_1_depthwise", Change("strides", (2, 2), (1, 1))),
    ]
    stem = diff(traced(BASE), traced(f"{BASE}+stride:Conv1,to=1"))
    assert [(entry.row.name, *entry.changes) for entry in stem.edits] == [("Conv1", Change("strides", (2, 2), (1, 1)))]
    # What reads the larger map follows: all but the input, its rescaling, the stem's conv, and the classifier.
    assert len(stem.knock_on) == len(stem.before.rows) - 4
    assert sum(entry.params for entry in stem.entries) == 0


def test_alpha_changes_filters_and_nothing_else() -> None:
    before, after = traced(BASE), traced(f"{BASE},alpha=0.9")
    found = diff(before, after)
    assert names(found, "added") == names(found, "removed") == []
    assert {change.attribute for entry in found.edits for change in entry.changes} == {"filters"}
    wider = [
        old.name
        for old, new in zip(before, after, strict=True)
        if getattr(old.node.op, "filters", 0) != getattr(new.node.op, "filters", 0)
    ]
    assert names(found, "changed") == wider


def test_alpha_may_add_a_residual() -> None:
    found = diff(traced(BASE), traced(f"{BASE},alpha=0.25"))
    assert names(found, "added") == ["expanded_conv_add"]
    assert {change.attribute for entry in found.edits for change in entry.changes} == {"filters"}


def test_another_input_size() -> None:
    found = diff(traced(BASE), traced("mobilenet_v2@64"))
    assert [(entry.row.name, *entry.changes) for entry in found.edits] == [
        ("input", Change("shape", (32, 32, 3), (64, 64, 3)))
    ]


def test_a_removed_block_is_one_run_that_starts_at_its_block() -> None:
    graph = build(parse_spec(BASE))
    gone = {node.name for node in graph.block("block_8")}
    entry, end = graph.block("block_8")[0].inputs[0], graph.block("block_8")[-1].name
    shorter = Graph(
        tuple(
            replace(node, inputs=tuple(entry if name == end else name for name in node.inputs))
            for node in graph.nodes
            if node.name not in gone
        )
    )
    found = diff(verify(graph), verify(shorter))
    ((record,),) = ([*edit_table(found).records()],)
    # Blocks 7, 8 and 9 are alike, so any of them may be the one, but it is a whole one.
    first, last = str(record["edit"]).removeprefix("- ").split("..")
    assert graph.node(first).block == graph.node(last).block
    assert graph.node(first).block in ("block_7", "block_8", "block_9")
    assert names(found, "changed") == names(found, "added") == []
    assert found.knock_on == ()


def test_an_input_taken_from_elsewhere_is_an_edit() -> None:
    def network(source: str) -> Trace:
        return verify(
            Graph(
                (
                    Node("input", Input(shape=(8, 8, 4))),
                    Node("a", Conv2D(filters=4, kernel=(1, 1)), ("input",)),
                    Node("b", DepthwiseConv2D(kernel=(3, 3)), ("a",)),
                    Node("c", ReLU(), ("b",)),
                    Node("d", Conv2D(filters=4, kernel=(3, 3)), ("c",)),
                    Node("sum", Add(), (source, "d")),
                )
            )
        )

    (entry,) = diff(network("a"), network("c")).edits
    assert (entry.row.name, entry.changes) == ("sum", (Change("reads", "a, d", "c, d"),))


def test_a_layer_put_between_two_is_no_rewiring() -> None:
    plain = (Node("input", Input(shape=(8, 8, 4))), Node("a", Conv2D(filters=4, kernel=(1, 1)), ("input",)))
    with_norm = (*plain, Node("norm", BatchNormalization(), ("a",)), Node("relu", ReLU(), ("norm",)))
    without = (*plain, Node("relu", ReLU(), ("a",)))
    found = diff(verify(Graph(without)), verify(Graph(with_norm)))
    assert [(entry.kind, entry.row.name) for entry in found.edits] == [("added", "norm")]


VARIANTS = [
    BASE,
    "mobilenet_v2@33",
    f"{BASE},alpha=0.35",
    f"{BASE}+cut:block_12_add+head:1000",
    f"{BASE}+stride:Conv1,to=1",
    "mobilenet_v1@32",
    f"{BASE}+head:none",
]


@pytest.mark.parametrize("a", VARIANTS)
@pytest.mark.parametrize("b", VARIANTS)
def test_growths_add_up_and_the_way_back_mirrors(a: str, b: str) -> None:
    before, after = traced(a), traced(b)
    found, back = diff(before, after), diff(after, before)
    assert found.same == (a == b)
    if found.same:
        assert found.entries == found.edits == ()
        return
    assert sum(entry.params for entry in found.entries) == after.params - before.params
    assert sum(entry.macs for entry in (*found.edits, *found.knock_on)) == after.macs - before.macs
    assert [entry.swapped for entry in back.entries] == list(found.entries)
    # Every layer stands in it once, in order.
    assert [entry.before.name for entry in found.entries if entry.before] == [row.name for row in before]
    assert [entry.after.name for entry in found.entries if entry.after] == [row.name for row in after]
    for table in (edit_table(found), knock_on_table(found)):
        for column in (-2, -1):
            assert sum(line.values[column] for line in table.lines) == table.total[column]  # type: ignore[index, misc]
    record = diff_record(found)
    assert len(record["edits"]) == len(found.edits)  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", VARIANTS)
def test_renaming_is_no_edit(spec: str) -> None:
    trace = traced(spec)
    assert diff(trace, verify(renamed(trace.graph))).same
    edited = traced(f"{BASE}+stride:block_3_depthwise,to=1")
    plain, other = diff(trace, edited), diff(verify(renamed(trace.graph)), edited)
    assert [entry.changes for entry in plain.edits] == [entry.changes for entry in other.edits]
    assert len(plain.knock_on) == len(other.knock_on)


@given(graphs(), st.data())
def test_one_attribute_changed_is_one_edit(graph: Graph, data: st.DataObject) -> None:
    """The bias of a random layer, whatever the graph around it."""
    layers = [node for node in graph.nodes if hasattr(node.op, "use_bias")]
    assume(layers)
    node = data.draw(st.sampled_from(layers))
    other = renamed(graph.with_node(replace(node, op=replace(node.op, use_bias=not node.op.use_bias))))  # type: ignore[attr-defined, call-arg]
    found = diff(verify(graph), verify(other))
    assert [entry.kind for entry in found.edits] == ["changed"]
    (entry,) = found.edits
    assert [change.attribute for change in entry.changes] == ["use_bias"]
    assert found.knock_on == ()


@given(graphs(), graphs())
def test_any_two_networks(one: Graph, other: Graph) -> None:
    before, after = verify(one), verify(other)
    found = diff(before, after)
    assert found.same == (digest(one) == digest(other))
    assert bool(found.edits) != found.same
    if not found.same:
        assert sum(entry.params for entry in found.entries) == after.params - before.params
        assert [entry.swapped for entry in diff(after, before).entries] == list(found.entries)


def test_an_opaque_layer_is_not_paired_with_an_op_of_its_kind() -> None:
    image = Node("image", Input(shape=(4, 4, 3)))
    known = Graph((image, Node("conv", Conv2D(filters=8, kernel=(1, 1)), ("image",))))
    opaque = Graph((image, Node("conv", Opaque(kind="Conv2D", shape=(4, 4, 8)), ("image",))))
    found = diff(verify(known), verify(opaque))
    assert sorted(entry.kind for entry in found.edits) == ["added", "removed"]
