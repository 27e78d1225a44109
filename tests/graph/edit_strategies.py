"""Random edits of a graph, sensible or not: each kind is one entry of `edits_of`."""

from __future__ import annotations

from hypothesis import strategies as st

from archscope.design import Cut, Dilate, Drop, Edit, Head, Replace, Stride, Upsample, Width
from archscope.graph import Graph
from archscope.surgery.replace import NEW_ACTIVATIONS, NEW_NORMS, OLD_ACTIVATIONS, OLD_NORMS

SELECTORS = ("first-stride", "last-stride", "stage:1", "stage:2..3", "block:0..1", "block:2", "block_1?", "*_relu", "*")


def replacements(places: st.SearchStrategy[str]) -> st.SearchStrategy[Replace]:
    """Any replacement that can be spelled."""
    anywhere = st.just("") | places
    return st.one_of(
        st.builds(Replace, st.sampled_from(OLD_ACTIVATIONS), st.sampled_from(NEW_ACTIVATIONS), anywhere),
        st.builds(Replace, st.sampled_from(OLD_NORMS), st.sampled_from(NEW_NORMS), anywhere),
        st.builds(Replace, st.sampled_from(OLD_NORMS), st.just("group"), anywhere, st.integers(1, 4)),
    )


def edits_of(graph: Graph) -> st.SearchStrategy[Edit]:
    """Edits with the graph's own layer and block names, and selectors."""
    known = st.sampled_from([*(node.name for node in graph.nodes), *filter(None, graph.blocks)])
    places = st.one_of(known, known, st.sampled_from(SELECTORS))
    heads = st.one_of(st.integers(1, 50), st.sampled_from(["plain", "none"]))
    return st.one_of(
        st.builds(Cut, places),
        st.builds(Stride, places, st.integers(1, 3)),
        st.builds(Head, heads),
        st.builds(Head, st.integers(1, 50), st.sampled_from([0.0, 0.5])),
        st.builds(Upsample, st.just(2), st.sampled_from(["bilinear", "nearest", "transpose"])),
        st.builds(Drop, places),
        st.builds(Dilate, places),
        replacements(places),
        st.builds(Width, st.sampled_from([0.3, 0.5, 1.0, 1.25]), st.sampled_from([1, 8]), st.none() | places),
    )
