"""Upsampling before the stem: shapes and prices by hand, and what stays as it was."""

from __future__ import annotations

import pytest

from archscope.analysis import collapse, final_map
from archscope.design import DEFAULT, Cut, Stride, Upsample, build, edited, format_spec, parse_spec
from archscope.errors import DesignError, SurgeryError
from archscope.graph import digest, verify
from archscope.surgery import upsample

V2 = build(DEFAULT)


def test_a_resize_has_no_parameters_and_the_map_no_longer_collapses() -> None:
    before, after = verify(V2), verify(upsample(V2, 2))
    assert after.row("upsample").output == (64, 64, 3)
    assert after.params == before.params
    assert final_map(after) == (2, 2, 1280)
    assert collapse(after) is None
    # Every map is twice as large per axis, but those that were 1x1 became 2x2 only after the last stride.
    assert after.row("Conv1").macs == 4 * before.row("Conv1").macs


def test_the_learnt_one_is_a_transposed_convolution_with_bias() -> None:
    row = verify(upsample(V2, 2, "transpose")).row("upsample")
    assert row.output == (64, 64, 3)
    assert row.params == 4 * 4 * 3 * 3 + 3
    # MACs use the input positions: 32 * 32 * 4 * 4 * 3 * 3.
    assert row.macs == 147_456


def test_it_stands_between_preprocessing_and_stem_and_leaves_the_input_alone() -> None:
    graph = upsample(V2, 4)
    assert [node.name for node in graph.nodes[:4]] == ["input", "preprocess", "upsample", "Conv1"]
    assert graph.node("Conv1").inputs == ("upsample",)
    assert "upsample" not in V2


def test_a_normalisation_of_the_image_is_preprocessing() -> None:
    graph = upsample(build(parse_spec("efficientnet_b0@32")), 2)
    assert [node.name for node in graph.nodes[1:5]] == ["rescaling", "normalization", "upsample", "stem_conv_pad"]


def test_a_second_upsampling_replaces_the_first() -> None:
    assert digest(upsample(upsample(V2, 4), 2)) == digest(upsample(V2, 2))
    design = edited(edited(DEFAULT, Upsample(4)), Upsample(2))
    assert design.edits == (Upsample(2),)


def test_it_goes_with_other_edits_in_any_order() -> None:
    one = edited(edited(edited(DEFAULT, Upsample(2)), Cut("block_12_add")), Stride("Conv1", 1))
    other = edited(edited(edited(DEFAULT, Stride("Conv1", 1)), Cut("block_12_add")), Upsample(2))
    assert digest(build(one)) == digest(build(other))


@pytest.mark.parametrize("spec", ["mobilenet_v2@32+upsample:2", "mobilenet_v2@32+upsample:4,by=transpose"])
def test_its_spec_round_trips(spec: str) -> None:
    assert format_spec(parse_spec(spec)) == spec


def test_other_factors_and_ways_are_refused() -> None:
    with pytest.raises(SurgeryError, match="no upsampling by 'magic' is offered; choose bilinear, nearest, transpose"):
        upsample(V2, 2, "magic")  # type: ignore[arg-type]
    with pytest.raises(SurgeryError, match="by 3 is not offered; choose 2 or 4"):
        upsample(V2, 3)
    with pytest.raises(DesignError, match="by 3 is not offered; choose 2 or 4"):
        parse_spec("mobilenet_v2+upsample:3")
    with pytest.raises(DesignError, match="no upsampling by 'magic'; choose bilinear, nearest, transpose"):
        parse_spec("mobilenet_v2+upsample:2,by=magic")
