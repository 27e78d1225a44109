"""Random designs: any that can be spelled, and edits that a network may or may not allow."""

from __future__ import annotations

from edit_strategies import replacements
from hypothesis import strategies as st

from archscope.design import DEFAULT, Cut, Design, Dilate, Drop, Edit, Head, Stride, Upsample, Width, build
from archscope.errors import ArchscopeError
from archscope.zoo import MODELS, find_model

sizes = st.tuples(st.integers(1, 300), st.integers(1, 300), st.integers(1, 5))
names = st.text(min_size=1, max_size=12)
dropouts = st.floats(0, 1, exclude_max=True)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Cut, names),
    st.builds(Stride, names, st.integers(1, 10**6)),
    st.builds(Head, st.integers(1, 10**6), dropouts),
    st.builds(Head, st.sampled_from(["plain", "none"])),
    st.builds(Upsample, st.sampled_from([2, 4]), st.sampled_from(["bilinear", "nearest", "transpose"])),
    st.builds(Drop, names),
    st.builds(Dilate, names),
    replacements(names),
    st.builds(Width, st.floats(allow_nan=False), st.integers(1, 10**6), st.none() | names),
)
VALUES = {
    "alpha": st.floats(1e-300, 1e6),
    "depth": st.floats(1e-300, 6),
    "depth_multiplier": st.integers(1, 10**9),
    "imagenet": st.booleans(),
    "minimalistic": st.booleans(),
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
    name = draw(st.sampled_from(["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "squeezenet_1_1"]))
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
        design = design.having(input=(*design.family.input[:2], size[2]))
    return design
