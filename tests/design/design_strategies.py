"""Random designs: any that can be spelled, and edits that a network may or may not allow."""

from __future__ import annotations

from hypothesis import strategies as st

from archscope.design import DEFAULT, Cut, Design, Edit, Head, Stride, build
from archscope.errors import ArchscopeError
from archscope.graph import Graph
from archscope.zoo import MODELS, find_model

sizes = st.tuples(st.integers(1, 300), st.integers(1, 300), st.integers(1, 5))
names = st.text(min_size=1, max_size=12)
dropouts = st.floats(0, 1, exclude_max=True)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Cut, names),
    st.builds(Stride, names, st.integers(1, 10**6)),
    st.builds(Head, st.integers(1, 10**6), dropouts),
    st.builds(Head, st.sampled_from(["plain", "none"])),
)
VALUES = {
    "alpha": st.floats(1e-300, 1e6),
    "depth_multiplier": st.integers(1, 10**9),
    "classes": st.integers(1, 10**9),
    "top": st.booleans(),
    "dropout": dropouts,
}


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """Any design that can be spelled; not each builds a network."""
    name = draw(st.sampled_from(sorted(MODELS)))
    known = [argument.name for argument in find_model(name).arguments]
    arguments = draw(st.fixed_dictionaries({}, optional={key: VALUES[key] for key in known}))
    return DEFAULT.having(name, draw(sizes), arguments, draw(st.lists(edits, max_size=4)))


@st.composite
def bases(draw: st.DrawFn) -> Design:
    """A small network that builds, without edits."""
    name = draw(st.sampled_from(sorted(MODELS)))
    size = (draw(st.integers(1, 80)), draw(st.integers(1, 80)), draw(st.integers(1, 4)))
    arguments = {
        "alpha": draw(st.sampled_from([0.1, 0.25, 0.35, 0.9, 1.0, 1.4])),
        "classes": draw(st.integers(1, 12)),
        "top": draw(st.booleans()),
    }
    design = DEFAULT.having(name, size, arguments)
    try:
        build(design)
    except ArchscopeError:
        design = design.having(input=(32, 32, size[2]))
    return design


def edits_of(graph: Graph) -> st.SearchStrategy[Edit]:
    """Edits with the graph's own layer and block names, sensible or not."""
    known = st.sampled_from([*(node.name for node in graph.nodes), *graph.blocks])
    heads = st.one_of(st.integers(1, 50), st.sampled_from(["plain", "none"]))
    return st.one_of(
        st.builds(Cut, known),
        st.builds(Stride, known, st.integers(1, 3)),
        st.builds(Head, heads),
        st.builds(Head, st.integers(1, 50), st.sampled_from([0.0, 0.5])),
    )
