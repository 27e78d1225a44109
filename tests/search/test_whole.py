"""A space is what its choices build, each network once: by building every one of them."""

from __future__ import annotations

from itertools import product

import pytest
from test_price import check

from archscope.design import Stride, build, parse_spec
from archscope.errors import ArchscopeError, DesignError
from archscope.graph import digest
from archscope.search.candidates import Candidate, candidate
from archscope.search.price import priced
from archscope.search.search import SpaceError, plan
from archscope.search.space import Space, design_of
from archscope.search.vary import space_of

SPACES = {
    "mobilenet_v2,classes=100": {"alpha": "0.3,0.35,0.7", "Conv1.stride": "1,2", "upsample": "none,2-nearest",
                                 "cut": "none,block_1,block_9", "head": "plain,10"},
    "mobilenet_v1@32x48,alpha=0.25": {"depth_multiplier": "1,2", "cut": "none,conv_pw_3,conv_dw_6", "head": "7,9"},
    "mobilenet_v2@28x28x1": {"input": "28,32x28", "alpha": "0.35,0.4", "cut": "block_3,block_12"},
    "efficientnet_b0": {"depth": "0.5,1", "alpha": "0.2,0.3", "cut": "none,block2b,block6d,block7a"},
    "mobilenet_v3_small": {"minimalistic": "true,false", "alpha": "0.3,0.5",
                           "cut": "none,expanded_conv_5_add,expanded_conv_5_squeeze_excite_mul"},
    "mobilenet_v2+drop:block_4+dilate:block_13+replace:relu6,by=hard_swish": {"alpha": "0.5,1", "block_1.stride": "1,2",
                                                                              "cut": "none,block_2,block_14"},
    "mobilenet_v2+cut:block_8": {"alpha": "0.5,1", "block_6.stride": "1,2"},
    "mobilenet_v2+cut:block:3..5": {"width": "0.5,1", "head": "plain,20"},
    "inception_v3@75,alpha=0.1": {"width": "0.5,1", "cut": "none,mixed1,mixed3", "conv2d.stride": "1,2"},
}  # fmt: skip


def every(space: Space) -> list[Candidate]:
    planned = plan(space)
    found = [
        candidate((place, *part), one, row, column)
        for place, trunk in planned.trunks
        for part, one in priced(space, trunk)
        for row in range(one.figures["params"].shape[0])
        for column in range(one.figures["params"].shape[1])
    ]
    assert len(found) == planned.size
    return found


def built_one_by_one(space: Space) -> set[str]:
    """The digests of all that the axes' choices build; strides of layers that are cut off are no choices."""
    found = set()
    axes = [values for _, values in space.scales]
    heads = [*([None] if space.plain else []), *space.units]
    strides = [[Stride(layer, value) for value in values] for layer, values in space.strides]
    for size, values, up, cut, units in product(space.inputs, product(*axes), space.upsamples, space.cuts, heads):
        setting = tuple(zip((name for name, _ in space.scales), values, strict=True))
        for chosen in product(*strides):
            try:
                bare = build(design_of(space, size, setting, cut, units, (), None))
                kept = tuple(edit for edit in chosen if edit.layer in bare)
                found.add(digest(build(design_of(space, size, setting, cut, units, kept, up))))
            except ArchscopeError:
                continue
    return found


@pytest.mark.parametrize("spec", SPACES)
def test_nothing_is_missed_and_nothing_counted_twice(spec: str) -> None:
    space = space_of(parse_spec(spec), SPACES[spec])
    found = every(space)
    digests = [digest(build(parse_spec(one.spec(space)))) for one in found]
    assert len(set(digests)) == len(digests)
    # A cut at the end of a block is at its end in every width, which choices by layers do not know.
    assert set(digests) >= built_one_by_one(space)
    for one in found[:: max(1, len(found) // 6)]:
        check(space, one)


def test_channels_are_the_bases() -> None:
    space = space_of(parse_spec("mobilenet_v2@28x28x1"), {"input": "28,32..40:8,32x32x3"})
    assert space.inputs == ((28, 28, 1), (32, 32, 1), (40, 40, 1), (32, 32, 3))


@pytest.mark.parametrize(
    ("spec", "axes"),
    [
        ("mobilenet_v2@1000+cut:Conv1", {"alpha": "100000,100001", "cut": "none"}),
        ("mobilenet_v2", {"width": "20", "input": "500001x1,500000x1000000", "Conv1.stride": "1"}),
        ("mobilenet_v2@1000000", {"head": "1000000"}),
    ],
)
def test_figures_near_64_bits_are_refused(spec: str, axes: dict[str, str]) -> None:
    with pytest.raises((SpaceError, DesignError), match=r"MACs, and search counts to|values, and archscope"):
        plan(space_of(parse_spec(spec), axes))


def test_a_base_that_fits_only_as_it_is_edited_says_so() -> None:
    with pytest.raises(DesignError, match=r"starts from the network without its cut.*start from a larger input"):
        space_of(parse_spec("inception_v3@32+cut:mixed2"), {"alpha": "0.5,1"})
