"""Designs: canonical values, edits that replay, and edits that make earlier ones moot."""

from __future__ import annotations

from contextlib import suppress

import pytest
from design_strategies import bases, designs
from edit_strategies import edits_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archscope.design import (
    DEFAULT,
    Cut,
    Design,
    Dilate,
    Drop,
    Edit,
    Head,
    Replace,
    Stride,
    Width,
    build,
    edited,
    format_spec,
    parse_spec,
)
from archscope.design.spec import edit_text
from archscope.errors import ArchscopeError, DesignError
from archscope.graph import digest, verify


def test_the_default_is_the_studys_setting() -> None:
    assert format_spec(DEFAULT) == "mobilenet_v2@32"
    assert DEFAULT.arguments == {"alpha": 1.0, "classes": 10, "top": True, "dropout": 0.0}


@given(designs())
def test_a_design_is_canonical(design: Design) -> None:
    """Arguments in the model's order, none at its default, and nothing left to change."""
    assert design.having() == design
    assert design.having(arguments=design.arguments) == design
    assert all(design.family.argument(name).default != value for name, value in design.changed)


def test_values_that_equal_a_default_are_dropped() -> None:
    assert DEFAULT.having(arguments={"alpha": 1, "classes": 10}) == DEFAULT
    assert DEFAULT.having(arguments={"alpha": 0.5}).having(arguments={"alpha": 1.0}) == DEFAULT


def test_another_model_keeps_what_it_knows_and_refuses_what_it_does_not() -> None:
    design = DEFAULT.having(arguments={"alpha": 0.5}).having("mobilenet_v1")
    assert design.changed == (("alpha", 0.5),)
    with pytest.raises(DesignError, match="mobilenet_v2 has no argument 'depth_multiplier'"):
        design.having(arguments={"depth_multiplier": 2}).having("mobilenet_v2")


@pytest.mark.parametrize("size", [(0, 32, 3), (32, -1, 3), (32, 32, 0), (32, 1_000_001, 3)])
def test_sizes_have_bounds(size: tuple[int, int, int]) -> None:
    with pytest.raises(DesignError, match="height, width and channels are 1 to 1,000,000"):
        DEFAULT.having(input=size)


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        # A cut replaces cut and head, a head the head, a stride the stride of its layer; a block becomes its layer.
        ("mobilenet_v2@32", Cut("block_12"), "mobilenet_v2@32+cut:block_12_add"),
        ("mobilenet_v2@32+cut:block_12_add", Cut("block_9_add"), "mobilenet_v2@32+cut:block_9_add"),
        ("mobilenet_v2@32+cut:block_12_add+head:9", Cut("block_9_add"), "mobilenet_v2@32+cut:block_9_add"),
        ("mobilenet_v2@32+cut:block_12_add+head:9", Head(8), "mobilenet_v2@32+cut:block_12_add+head:8"),
        ("mobilenet_v2@32+cut:block_12_add+head:9", Head("plain"), "mobilenet_v2@32+cut:block_12_add"),
        ("mobilenet_v2@32", Stride("stem", 1), "mobilenet_v2@32+stride:Conv1,to=1"),
        ("mobilenet_v2@32+stride:Conv1,to=1", Stride("Conv1", 2), "mobilenet_v2@32"),
        ("mobilenet_v2@64+stride:Conv1,to=1", Stride("Conv1", 4), "mobilenet_v2@64+stride:Conv1,to=4"),
        # A selector that stands for one layer or block becomes its name.
        ("mobilenet_v2@32", Drop("block:5"), "mobilenet_v2@32+drop:block_5"),
        ("mobilenet_v2@32", Drop("block:7..9"), "mobilenet_v2@32+drop:block:7..9"),
        ("mobilenet_v2@32", Dilate("last-stride"), "mobilenet_v2@32+dilate:block_13_depthwise"),
        (
            "mobilenet_v2@32+replace:relu6,by=relu",
            Replace("activations", "gelu"),
            "mobilenet_v2@32+replace:activations,by=gelu",
        ),
        (
            "mobilenet_v2@32+replace:relu6,by=relu,in=block_5",
            Replace("relu", "gelu"),
            "mobilenet_v2@32+replace:relu6,by=relu,in=block_5+replace:relu,by=gelu",
        ),
        # A factor is one of the network without the one before it; channels are named by the layer that makes them.
        ("mobilenet_v2@32+width:0.5", Width(0.25), "mobilenet_v2@32+width:0.25"),
        ("mobilenet_v2@32+width:0.5+cut:block_9", Width(1.0), "mobilenet_v2@32+cut:block_9"),
        ("mobilenet_v2@32+width:0.25", Width(0.25, divisor=1), "mobilenet_v2@32+width:0.25,divisor=1"),
        ("mobilenet_v2@32", Width(0.5, group="block_2"), "mobilenet_v2@32+width:0.5,group=block_1_project"),
        (
            "mobilenet_v2@32+width:0.5,group=Conv1",
            Width(0.75),
            "mobilenet_v2@32+width:0.5,group=Conv1+width:0.75",
        ),
        # Not where that would build another network: a bare body stays bare.
        (
            "mobilenet_v2@32+head:none",
            Cut("block_9_add"),
            "mobilenet_v2@32+head:none+cut:block_9_add",
        ),
        # Already so.
        ("mobilenet_v2@32+cut:block_12_add", Cut("block_12"), "mobilenet_v2@32+cut:block_12_add"),
        ("mobilenet_v2@32+head:5", Head(5), "mobilenet_v2@32+head:5"),
        ("mobilenet_v2@32", Stride("stem", 2), "mobilenet_v2@32"),
        ("mobilenet_v2@32", Replace("activations", "relu6"), "mobilenet_v2@32"),
        ("mobilenet_v2@32+drop:block_5", Drop("block_5"), "mobilenet_v2@32+drop:block_5"),
        ("mobilenet_v2@32+dilate:block_13", Dilate("block_13"), "mobilenet_v2@32+dilate:block_13"),
        ("mobilenet_v2@32+width:0.5", Width(0.5), "mobilenet_v2@32+width:0.5"),
        ("mobilenet_v2@32", Width(1.0), "mobilenet_v2@32"),
        ("mobilenet_v2@32,top=false", Head("none"), "mobilenet_v2@32,top=false"),
        # As it was typed before it was stored.
        ("mobilenet_v2@32+drop:block_7", Drop("block:7..7"), "mobilenet_v2@32+drop:block_7"),
        ("mobilenet_v2@32+drop:block_7", Drop("block_7*"), "mobilenet_v2@32+drop:block_7"),
        (
            "mobilenet_v2@32+drop:block_7+drop:block_8",
            Drop("block:7..8"),
            "mobilenet_v2@32+drop:block_7+drop:block_8",
        ),
        ("mobilenet_v2@32+drop:block_5+head:9", Drop("block_5"), "mobilenet_v2@32+drop:block_5+head:9"),
        ("mobilenet_v2@32+stride:Conv1,to=1", Stride("stem", 1), "mobilenet_v2@32+stride:Conv1,to=1"),
    ],
)
def test_edits_take_their_shortest_form(before: str, edit: Edit, after: str) -> None:
    assert format_spec(edited(parse_spec(before), edit)) == after


@pytest.mark.parametrize(
    ("before", "edit", "said"),
    [
        ("stride:block_13_depthwise,to=1+cut:block_9_add", Stride("block_13_depthwise", 1), "no layer 'block_13_dep"),
        ("dilate:block_13+cut:block_9_add", Dilate("block_13"), "no layer 'block_13'"),
        ("drop:block_12+cut:block_9_add", Drop("block_12"), "no layer 'block_12'"),
        ("cut:block_12_add+head:none+cut:block_6_project_BN", Cut("block_12_add"), "no layer 'block_12_add'"),
        ("replace:relu6,by=relu+replace:relu,by=gelu", Replace("relu6", "relu"), "there is no relu6 among"),
    ],
)
def test_what_is_gone_for_another_reason_is_not_already_so(before: str, edit: Edit, said: str) -> None:
    with pytest.raises(ArchscopeError, match=said):
        edited(parse_spec(f"mobilenet_v2@32+{before}"), edit)


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_a_width_that_a_later_edit_needs_is_not_undone_and_not_multiplied(factor: float) -> None:
    """At 0.2 both sides of block_1 have 8 channels; at 1 they have 16 and 24, and block_1 has to stay."""
    design = parse_spec("mobilenet_v2+width:0.2+drop:block_1")
    assert edited(design, Width(0.2)) == design
    with pytest.raises(
        DesignError,
        match=rf"width:{factor} is a factor of the network without the width before it, and that cannot be built: "
        r"edit 1 of 2, drop:block_1: .*; undo back to before that edit",
    ):
        edited(design, Width(factor))


@given(st.data())
@settings(max_examples=40)
def test_random_edits_verify_or_are_refused(data: st.DataObject) -> None:
    """`edited` builds what the edit makes of the network, whatever it leaves out; once more, it changes nothing."""
    design = data.draw(bases())
    for _ in range(data.draw(st.integers(1, 4))):
        graph = build(design)
        edit = data.draw(edits_of(graph))
        try:
            wanted = digest(edit.apply(graph, design.classes))
        except ArchscopeError:
            with suppress(ArchscopeError):
                assert edited(design, edit) == design, "already so, or refused"
            continue
        # The factor of a width is one of the network without the width before it, where that can be built.
        anew = isinstance(edit, Width) and any(edit.resolved(graph).moots(old) for old in design.edits)
        try:
            design = edited(design, edit)
        except DesignError:
            assert anew
            continue
        traced = verify(build(design))
        assert anew or digest(traced.graph) == wanted
        assert parse_spec(format_spec(design)) == design
        assert len(design.edits) <= 6


@given(st.data())
@settings(max_examples=40)
def test_edits_are_idempotent(data: st.DataObject) -> None:
    design = data.draw(bases())
    edit = data.draw(edits_of(build(design)))
    # Without its first stride a network has another first one.
    assume(not any(end in edit_text(edit) for end in ("first-stride", "last-stride")))
    try:
        once = edited(design, edit)
    except ArchscopeError:
        return
    assert edited(once, edit) == once


def test_a_changed_base_replays_the_edits() -> None:
    design = parse_spec("mobilenet_v2@32+cut:block_12_add+head:1000")
    narrow = design.having(arguments={"alpha": 0.9, "classes": 7})
    assert narrow.edits == design.edits
    assert verify(build(narrow)).params == 572_066 - 3 * 1001
    assert verify(build(narrow)).output == (7,)


def test_an_edit_that_no_longer_applies_is_named() -> None:
    design = parse_spec("mobilenet_v2@32+stride:stem,to=1+cut:block_12_add").having("mobilenet_v1")
    with pytest.raises(DesignError, match=r"edit 2 of 2, cut:block_12_add: no layer 'block_12_add'; did you mean"):
        build(design)


def test_a_cut_keeps_a_residual_that_alpha_took_away_unknown() -> None:
    with pytest.raises(DesignError, match="edit 1 of 1, cut:expanded_conv_add: no layer 'expanded_conv_add'"):
        build(parse_spec("mobilenet_v2@32+cut:expanded_conv_add"))
    build(parse_spec("mobilenet_v2@32,alpha=0.25+cut:expanded_conv_add"))


def test_values_are_frozen() -> None:
    for value, field in ((DEFAULT, "model"), (Cut("a"), "layer"), (Head(1), "units"), (Stride("a", 1), "to")):
        with pytest.raises(AttributeError):
            setattr(value, field, "x")


def test_a_stride_set_back_is_the_original_network() -> None:
    one = edited(DEFAULT, Stride("block_13_depthwise", 1))
    assert one != DEFAULT
    assert edited(one, Stride("block_13_depthwise", 2)) == DEFAULT
