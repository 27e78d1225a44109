"""Every priced figure is the trace's of the network that the candidate's spec builds."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from archscope.analysis import collapse, final_map, memory, receptive_fields, taps
from archscope.analysis.memory import BYTES, Dtype
from archscope.design import build, format_spec, parse_spec
from archscope.errors import DesignError
from archscope.graph import HEAD, digest, verify
from archscope.search.candidates import Candidate, candidate
from archscope.search.price import priced
from archscope.search.search import SpaceError, plan
from archscope.search.space import Space, design_of
from archscope.search.vary import default_space, space_of

DEFAULTS = (
    "mobilenet_v2",
    "mobilenet_v1",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "squeezenet_1_1",
    "efficientnet_b0",
)


def members(space: Space, count: int, trunks: int, dtype: Dtype = "float32") -> list[Candidate]:
    """So many candidates, drawn from a few trunks."""
    random, planned = Random(0), plan(space)
    drawn: list[Candidate] = []
    for place, trunk in random.sample(planned.trunks, min(trunks, len(planned.trunks))):
        cells = [one for _, one in priced(space, trunk, dtype)]
        for _ in range(count // trunks):
            one = random.choice(cells)
            rows, columns = one.figures["params"].shape
            drawn.append(candidate((place,), one, random.randrange(rows), random.randrange(columns)))
    return drawn


def check(space: Space, one: Candidate, dtype: Dtype = "float32") -> None:
    traced = verify(build(parse_spec(one.spec(space))))
    assert dict(one.figures) == {
        "params": traced.params,
        "trainable_params": traced.trainable_params,
        "macs": traced.macs,
        "weight_bytes": BYTES[dtype] * traced.params,
        "peak_bytes": memory(traced, bytes_per_element=BYTES[dtype]).peak_bytes,
        "dead_weights": sum(kernel.dead_weights for kernel in taps(traced).values()),
    }, one.spec(space)
    fallen = collapse(traced)
    last = next(row.name for row in reversed(traced.rows) if row.node.stage != HEAD)
    stride = receptive_fields(traced)[last].stride
    assert one.geometry.final_map == final_map(traced)[:2]
    assert one.geometry.collapse == (fallen.layer if fallen else None)
    expected = "" if stride is None else str(stride[0]) if stride[0] == stride[1] else f"{stride[0]}x{stride[1]}"
    assert one.geometry.output_stride == expected


@pytest.mark.parametrize("model", DEFAULTS)
def test_members_of_the_default_spaces_cost_what_their_networks_cost(model: str) -> None:
    space = default_space(parse_spec(model))
    for one in members(space, 30, 3):
        check(space, one)


def test_widths_of_a_network_of_any_kind() -> None:
    """By the width edit, which changes channel groups and not an argument."""
    space = space_of(
        parse_spec("inception_v3@96"),
        {"width": "0.25..0.5:0.05", "cut": "mixed0,mixed2", "head": "plain,16", "conv2d.stride": "1,2"},
    )
    for one in members(space, 12, 2):
        check(space, one)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_rectangles_of_several_sizes_in_any_type(dtype: Dtype) -> None:
    axes = {
        "input": "32,24x40,32..48:16",
        "alpha": "0.5,1",
        "cut": "none,all",
        "head": "plain,100",
        "upsample": "none,2",
    }
    space = space_of(parse_spec("mobilenet_v2+stride:block_6,to=1"), axes)
    assert space.inputs == ((32, 32, 3), (24, 40, 3), (48, 48, 3))
    for one in members(space, 16, 4, dtype):
        check(space, one, dtype)


def test_all_settings_of_a_candidate_build_one_network() -> None:
    space = space_of(parse_spec("mobilenet_v2+cut:block_12_add+head:1000"), {"alpha": "0.35..1.4:0.01"})
    (only,) = plan(space).trunks
    found = [
        candidate((0,), one, row, 0) for _, one in priced(space, only[1]) for row in range(one.figures["params"].size)
    ]
    study = next(one for one in found if one.figures["params"] == 572_066)
    assert study.span("alpha") == (0.88, 0.93)
    assert study.spec(space) == "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"
    assert sum(len(one.settings) for one in found) == 106
    assert len({tuple(one.figures.items()) for one in found}) == len(found)


def test_many_units_are_priced_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_of(parse_spec("mobilenet_v2"), {"alpha": "0.5,1", "head": "1..11"})
    (_, trunk), *_ = plan(space).trunks
    ((_, whole),) = priced(space, trunk)
    monkeypatch.setattr("archscope.search.price.AT_ONCE", 8)
    parts = [one for _, one in priced(space, trunk)]
    assert [len(part.units or ()) for part in parts] == [4, 4, 3]
    for name, values in whole.figures.items():
        assert np.array_equal(np.concatenate([part.figures[name] for part in parts], axis=1), values)


def test_the_stacked_figures_are_whole_numbers() -> None:
    space = space_of(parse_spec("mobilenet_v2"), {"alpha": "0.5,1", "head": "plain,8,16"})
    cells = [one for _, one in priced(space, plan(space).trunks[0][1])]
    assert [one.figures["macs"].shape for one in cells] == [(2, 1), (2, 2)]
    assert all(values.dtype == np.int64 for one in cells for values in one.figures.values())
    assert format_spec(space.base) == "mobilenet_v2@32"


@pytest.mark.parametrize("model", ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"])
def test_a_network_is_in_a_space_once_whatever_widths_build_it(model: str) -> None:
    """Cut early, networks of unlike topologies further behind can be the same."""
    space = space_of(parse_spec(model), {"alpha": "0.05..0.6:0.05", "cut": "none,all"})
    planned = plan(space)
    every = [
        candidate((0,), one, row, 0)
        for _, trunk in planned.trunks
        for _, one in priced(space, trunk)
        for row in range(len(one.group.networks))
    ]
    digests = [digest(build(one.design(space))) for one in every]
    assert len(set(digests)) == len(digests) == planned.size
    for one, known in list(zip(every, digests, strict=True))[::7]:
        for setting in one.settings:
            again = design_of(space, one.input, setting, one.cut, one.units, one.strides, one.upsample)
            assert digest(build(again)) == known


def test_a_cut_is_behind_the_block_in_every_width() -> None:
    space = space_of(parse_spec("mobilenet_v3_small"), {"alpha": "0.5,1", "cut": "expanded_conv_6_project_bn"})
    ends = {one.group.cut for _, trunk in plan(space).trunks for _, one in priced(space, trunk)}
    assert ends == {"expanded_conv_6_project_bn", "expanded_conv_6_add"}


@pytest.mark.parametrize("spec", ["mobilenet_v2+stride:block_1,to=1", "mobilenet_v2+stride:stem,to=1"])
def test_a_base_may_name_its_strides_by_selector(spec: str) -> None:
    space = space_of(parse_spec(spec), {"alpha": "0.5,1"})
    assert plan(space).size == 2
    ((_, trunk),) = plan(space).trunks
    (_, one), *_ = priced(space, trunk)
    check(space, candidate((0,), one, 0, 0))


def test_strides_that_are_cut_off_are_no_edits() -> None:
    """Of a base that sets the stride of a layer, and of designs that a cut takes it from."""
    base = parse_spec("mobilenet_v2+stride:block_6,to=1+cut:block_2_add")
    space = space_of(base, {"alpha": "0.5,1", "cut": "block_1,block_2,block_8"})
    specs = [one.spec(space) for one in members(space, 40, 1)]
    assert len({spec for spec in specs if "block_8_add" in spec and "+stride:block_6_depthwise,to=1" in spec}) == 2
    assert len({spec for spec in specs if "stride" not in spec}) == 4
    assert plan(space).size == 6
    for spec in set(specs):
        build(parse_spec(spec))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mobilenet_v1+head:plain", "another network than mobilenet_v1@32"),
        ("mobilenet_v2+head:100+cut:block_12_add", "another network than"),
        ("mobilenet_v2,top=false", "compares networks with heads"),
        ("mobilenet_v2+head:none", "compares networks with heads"),
    ],
)
def test_a_base_that_the_space_would_change_is_refused(spec: str, said: str) -> None:
    with pytest.raises(DesignError, match=said):
        space_of(parse_spec(spec), {"alpha": "0.5,1"})


def test_what_cannot_be_built_is_named() -> None:
    planned = plan(space_of(parse_spec("inception_v3@96"), {"input": "32,96", "width": "0.5"}))
    ((reason, count),) = planned.left_out
    assert count == 1
    assert reason.startswith("input 32x32, width=0.5: edit 1 of 1, width:0.5: ")
    with pytest.raises(SpaceError, match="no design of the space can be built"):
        plan(space_of(parse_spec("mobilenet_v2"), {"Conv1.stride": "3"}))


def test_choices_that_cannot_be_built_are_counted_and_told_by_the_numbers_of_one() -> None:
    """Over arrays the channels of the refusal would be an array. A stride of 3 in the stem fits where another is 1."""
    axes = {"alpha": "0.5,1", "Conv1.stride": "1,2,3", "block_1.stride": "1,2"}
    planned = plan(space_of(parse_spec("mobilenet_v2"), axes))
    ((reason, count),) = planned.left_out
    assert (count, planned.size) == (2, 10)
    assert reason.startswith("stride:Conv1,to=3: 'block_13_depthwise': DepthwiseConv2D needs a map at least")
    assert reason.endswith("and got 2x2x288")
    only = plan(space_of(parse_spec("mobilenet_v2"), {"Conv1.stride": "3", "block_1.stride": "1,2"}))
    ((_, trunk),) = only.trunks
    assert [edit.layer for edit in trunk.strides] == ["block_1_depthwise", "Conv1"]


def test_a_width_that_does_not_build_takes_its_choices_of_strides_along() -> None:
    axes = {"input": "32,96", "width": "0.5,0.6", "upsample": "none,2", "conv2d.stride": "1,2"}
    planned = plan(space_of(parse_spec("inception_v3@96"), axes))
    assert sum(count for _, count in planned.left_out) == 2 * 2 * 2
