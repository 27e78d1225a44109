"""Random edits, one after the other, on random networks: each holds together, or is refused with a reason."""

from __future__ import annotations

from edit_strategies import edits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_graphs

from archscope.design import build, parse_spec
from archscope.errors import ArchscopeError
from archscope.graph import Graph, digest, verify

CLASSES = 3
FAMILIES = tuple(
    build(parse_spec(spec))
    for spec in (
        "mobilenet_v2@33,alpha=0.1,classes=3",
        "mobilenet_v2@16x24,alpha=0.05,top=false",
        "mobilenet_v1@32,alpha=0.1,classes=3",
        "mobilenet_v3_small@40,alpha=0.1,classes=3",
        "squeezenet_1_1@40,classes=3",
    )
)


def edited_at_random(graph: Graph, data: st.DataObject, most: int = 4) -> Graph:
    """What up to `most` random edits make of a graph; the refused ones leave it as it was."""
    refused: list[str] = []
    for _ in range(data.draw(st.integers(1, most))):
        edit, before = data.draw(edits_of(graph)), repr(graph)
        try:
            after = edit.apply(graph, CLASSES)
        except ArchscopeError as error:
            refused.append(error.message)
            continue
        finally:
            assert repr(graph) == before
        assert verify(after).graph == after
        # With its layer named, the edit makes the same of it.
        assert digest(edit.resolved(graph).apply(graph, CLASSES)) == digest(after)
        graph = after
    assert all(refused)
    return graph


@given(any_graphs(max_steps=10), st.data())
@settings(max_examples=80)
def test_on_random_graphs(graph: Graph, data: st.DataObject) -> None:
    edited_at_random(graph, data)


@given(st.sampled_from(FAMILIES), st.data())
@settings(max_examples=25)
def test_on_families(graph: Graph, data: st.DataObject) -> None:
    edited_at_random(graph, data)
