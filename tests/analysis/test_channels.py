"""Channel groups: hand-derived small networks, and what fixes a group."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from op_examples import EXAMPLES, ODD
from strategies import any_graphs

from archscope.analysis import ChannelGroup, ChannelGroups, channel_groups, ties
from archscope.errors import GraphError
from archscope.graph import (
    HEAD,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Graph,
    GroupNormalization,
    Input,
    LayerScale,
    MaxPooling2D,
    Multiply,
    Node,
    Normalization,
    Op,
    Opaque,
    Permute,
    ReLU,
    Reshape,
    SeparableConv2D,
    Shape,
    trace,
    verify,
)

Layer = tuple[str, Op] | tuple[str, Op, str] | tuple[str, Op, str, str]


def network(*layers: Layer, image: Shape = (4, 6, 3), head: str = "") -> ChannelGroups:
    """The groups of a chain; a layer that names its inputs reads those. From `head` on, layers stand in the head."""
    nodes, stage = [Node("image", Input(shape=image))], ""
    for name, op, *inputs in layers:
        stage = HEAD if name == head else stage
        nodes.append(Node(name, op, tuple(inputs) or (nodes[-1].name,), stage, stage))
    return channel_groups(verify(Graph(tuple(nodes))))


def conv(filters: int, **fields: int) -> Conv2D:
    return Conv2D(filters=filters, kernel=(1, 1), **fields)


def made_of(groups: ChannelGroups, layer: str) -> list[tuple[str, int, int]]:
    return [(one.group.name, one.group.size, one.repeat) for one in groups.segments(layer)]


def group(groups: ChannelGroups, name: str) -> ChannelGroup:
    return next(one for one in groups.groups if one.name == name)


def test_what_hands_channels_on_keeps_their_group() -> None:
    groups = network(
        ("conv", conv(8)), ("bn", BatchNormalization()), ("relu", ReLU()), ("pool", MaxPooling2D(kernel=(2, 2)))
    )
    assert made_of(groups, "image") == [("image", 3, 1)]
    for layer in ("conv", "bn", "relu", "pool"):
        assert made_of(groups, layer) == [("conv", 8, 1)]
    assert [one.name for one in groups.groups] == ["image", "conv"]
    assert group(groups, "image").reason == "they are the image's"
    assert not group(groups, "conv").fixed


@pytest.mark.parametrize(
    "op",
    [
        conv(5),
        Dense(units=5),
        SeparableConv2D(filters=5, kernel=(3, 3), depth_multiplier=2),
        Conv2DTranspose(filters=5, kernel=(2, 2), strides=(2, 2)),
    ],
)
def test_what_mixes_channels_makes_a_group_of_its_own(op: Op) -> None:
    groups = network(("stem", conv(8)), ("layer", op))
    assert made_of(groups, "layer") == [("layer", 5, 1)]
    assert group(groups, "layer") == ChannelGroup("layer", 5, ("layer",))


def test_an_add_ties_its_sides_and_the_first_one_names_them() -> None:
    groups = network(
        ("stem", conv(8)),
        ("expand", conv(24)),
        ("project", conv(8)),
        ("sum", Add(), "stem", "project"),
        ("out", conv(4)),
    )
    assert group(groups, "stem") == ChannelGroup("stem", 8, ("stem", "project"))
    assert made_of(groups, "sum") == made_of(groups, "project") == [("stem", 8, 1)]
    assert [one.name for one in groups.groups] == ["image", "stem", "expand", "out"]


def test_a_depthwise_window_repeats_each_channel_in_place() -> None:
    groups = network(
        ("conv", conv(4)),
        ("twice", DepthwiseConv2D(kernel=(3, 3), depth_multiplier=2)),
        ("again", DepthwiseConv2D(kernel=(3, 3), depth_multiplier=3)),
    )
    assert made_of(groups, "twice") == [("conv", 4, 2)]
    assert made_of(groups, "again") == [("conv", 4, 6)]


def test_a_convolution_with_a_group_for_each_channel_is_depthwise() -> None:
    groups = network(("conv", conv(4)), ("window", conv(8, groups=4)))
    assert made_of(groups, "window") == [("conv", 4, 2)]
    # Of one channel it is a plain convolution.
    assert made_of(network(("conv", conv(8)), image=(4, 4, 1)), "conv") == [("conv", 8, 1)]


def test_a_concatenation_strings_groups_together_and_flatten_writes_them_once_a_position() -> None:
    groups = network(
        ("a", conv(4)),
        ("b", conv(2), "image"),
        ("both", Concatenate(), "a", "b"),
        ("small", MaxPooling2D(kernel=(2, 3), strides=(2, 3))),
        ("flat", Flatten()),
        ("dense", Dense(units=7)),
    )
    assert made_of(groups, "both") == [("a", 4, 1), ("b", 2, 1)]
    assert made_of(groups, "flat") == [("a", 4, 1), ("b", 2, 1)] * 4
    assert made_of(groups, "dense") == [("dense", 7, 1)]


def test_a_reshape_that_leaves_the_last_axis_keeps_channels() -> None:
    groups = network(
        ("conv", conv(4)),
        ("pool", GlobalAveragePooling2D()),
        ("map", Reshape(shape=(1, 1, 4))),
        ("gate", conv(4)),
        ("scaled", Multiply(), "conv", "gate"),
        ("rows", Reshape(shape=(4, 24))),
    )
    assert made_of(groups, "map") == [("conv", 4, 1)]
    assert group(groups, "conv").producers == ("conv", "gate")
    assert made_of(groups, "rows") == [("conv", 4, 1)] * 6
    assert not group(groups, "conv").fixed


def test_a_squeeze_excite_branch_has_a_bottleneck_of_its_own() -> None:
    groups = network(
        ("conv", conv(16)),
        ("squeeze", GlobalAveragePooling2D(keepdims=True)),
        ("reduce", conv(4)),
        ("expand", conv(16)),
        ("scaled", Multiply(), "conv", "expand"),
    )
    assert group(groups, "conv").producers == ("conv", "expand")
    assert group(groups, "reduce") == ChannelGroup("reduce", 4, ("reduce",))


def test_where_a_sum_meets_a_concatenation_a_layer_makes_several_groups() -> None:
    # all 10 = [a 6 | b 4]; more 10 = all; so more too falls into 6 and 4.
    groups = network(
        ("all", conv(10)),
        ("a", conv(6), "image"),
        ("b", conv(4), "image"),
        ("both", Concatenate(), "a", "b"),
        ("sum", Add(), "all", "both"),
        ("more", conv(10)),
        ("end", Add(), "more", "sum"),
        ("alone", conv(5)),
        ("pair", Concatenate(), "alone", "alone"),
        ("last", conv(10)),
        ("tied", Add(), "last", "pair"),
    )
    for layer in ("all", "both", "sum", "more", "end"):
        assert made_of(groups, layer) == [("a", 6, 1), ("b", 4, 1)]
    assert group(groups, "a").producers == ("all", "a", "more")
    assert made_of(groups, "tied") == made_of(groups, "last") == [("alone", 5, 1), ("alone", 5, 1)]


def test_parts_that_no_layer_makes_alone_are_numbered() -> None:
    # [a 2 | b 3] and [b 3 | a 2] tie a[0:2] to b[0:2], b[2:3] to a[0:1]: all single channels are tied, and as many.
    groups = network(
        ("a", conv(2)),
        ("b", conv(3), "image"),
        ("one", Concatenate(), "a", "b"),
        ("other", Concatenate(), "b", "a"),
        ("sum", Add(), "one", "other"),
    )
    assert [(one.name, one.size) for one in groups.groups] == [("image", 3), ("a#0", 1)]
    assert made_of(groups, "sum") == [("a#0", 1, 1)] * 5


def test_grouped_convolutions_and_norms_keep_runs_of_channels_apart() -> None:
    groups = network(
        ("conv", conv(12)), ("grouped", conv(24, groups=4)), ("norm", GroupNormalization(groups=6)), ("end", conv(2))
    )
    assert group(groups, "conv").runs == 4
    assert group(groups, "grouped").runs == 12  # both 4 and 6 divide what stays
    assert group(groups, "end").runs == 1


def test_what_fixes_a_group_says_why() -> None:
    def reason(*layers: Layer, of: str = "conv") -> str:
        groups = network(("conv", conv(6)), *layers)
        assert all(one.fixed for one in groups.groups if one.name in (of, "image"))
        return group(groups, of).reason

    given = "takes and makes a given number"
    assert reason(("odd", Opaque(kind="Lambda", shape=(4, 6, 5)))) == f"'odd' (Lambda) {given}"
    assert reason(("odd", Opaque(kind="Lambda", shape=(4, 6, 5))), of="odd") == f"'odd' (Lambda) {given}"
    assert reason(("turned", Permute(dims=(3, 1, 2)))) == f"'turned' (Permute) {given}"
    assert reason(("moved", Reshape(shape=(12, 6, 2)))) == f"'moved' (Reshape) {given}"
    constants = Normalization(mean=(0.0,) * 6, variance=(1.0,) * 6)
    assert reason(("norm", constants)) == "'norm' (Normalization) has a constant for each"
    assert (
        reason(("drop", Dropout(rate=0.5, noise_shape=(None, 1, 1, 6)))) == "'drop' (Dropout) has a constant for each"
    )
    assert "repeated" in reason(
        ("twice", DepthwiseConv2D(kernel=(3, 3), depth_multiplier=2)),
        ("plain", conv(12)),
        ("sum", Add(), "twice", "plain"),
    )
    assert "across a seam" in reason(
        ("other", conv(6), "image"), ("both", Concatenate(), "conv", "other"), ("grouped", conv(8, groups=4))
    )


def test_a_permutation_that_leaves_the_channels_last_keeps_them() -> None:
    assert made_of(network(("conv", conv(4)), ("turned", Permute(dims=(2, 1, 3)))), "turned") == [("conv", 4, 1)]


def test_the_classifier_is_fixed_and_without_a_head_nothing_but_the_image() -> None:
    layers = (
        ("conv", conv(4)),
        ("pool", GlobalAveragePooling2D()),
        ("hidden", Dense(units=8)),
        ("dense", Dense(units=5)),
    )
    groups = network(*layers, head="pool")
    assert [one.name for one in groups.groups if one.fixed] == ["image", "dense"]
    assert group(groups, "dense").reason == "they are the network's output"
    assert [one.name for one in network(*layers).groups if one.fixed] == ["image"]


def test_the_image_in_a_sum_fixes_what_it_is_added_to() -> None:
    groups = network(("conv", conv(3)), ("sum", Add(), "image", "conv"))
    assert group(groups, "image") == ChannelGroup("image", 3, ("image", "conv"), 1, "they are the image's")


def test_too_many_pieces_are_taken_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ties, "MAX_PIECES", 3)
    groups = network(("conv", conv(2)), ("flat", Flatten()))
    assert made_of(groups, "flat") == [("flat", 48, 1)]
    assert group(groups, "conv").fixed
    # 2 and 5, 5 and 2: every channel is tied to every other.
    knot: tuple[Layer, ...] = (
        ("a", conv(2)),
        ("b", conv(5), "image"),
        ("one", Concatenate(), "a", "b"),
        ("other", Concatenate(), "b", "a"),
        ("sum", Add(), "one", "other"),
    )
    groups = network(*knot)
    assert made_of(groups, "sum") == [("a", 2, 1), ("b", 5, 1)]
    assert all("too many ways" in one.reason for one in groups.groups if one.name != "image")


def test_an_unknown_layer_comes_with_the_nearest() -> None:
    with pytest.raises(GraphError, match="no layer 'con'; did you mean 'conv'"):
        network(("conv", conv(2))).segments("con")


@pytest.mark.parametrize("op", [*EXAMPLES, *ODD], ids=lambda op: type(op).__name__)
def test_every_op_has_segments_that_add_up(op: Op) -> None:
    inputs, _ = (EXAMPLES | ODD)[op]
    nodes = [Node("image", Input(shape=(2, 2, 3)))]
    for number, shape in enumerate(inputs):
        # Any shape of values, from a layer of its own.
        nodes.append(Node(f"flat{number}", Flatten(), ("image",)))
        nodes.append(Node(f"made{number}", Opaque(kind="Any", shape=shape), (nodes[-1].name,)))
    if not inputs:
        nodes = []
    nodes.append(Node("op", op, tuple(f"made{number}" for number in range(len(inputs)))))
    traced = trace(Graph(tuple(nodes)))
    groups = channel_groups(traced)
    assert sum(one.size for one in groups.segments("op")) == traced.output[-1]
    # What is known of an op is used.
    whole = [one.name for one in groups.groups if "op" in one.producers and "'op'" in one.reason]
    assert bool(whole) == isinstance(op, Opaque)


@settings(max_examples=40)
@given(any_graphs())
def test_segments_add_up_and_every_group_is_somewhere(graph: Graph) -> None:
    traced = verify(graph)
    groups = channel_groups(traced)
    names = [one.name for one in groups.groups]
    assert len(set(names)) == len(names)
    for row in traced:
        segments = groups.segments(row.name)
        assert sum(one.size for one in segments) == row.output[-1]
        for one in segments:
            assert one.group in groups.groups
            assert one.group.size % one.group.runs == 0
    for one in groups.groups:
        for maker in one.producers:
            assert one in [segment.group for segment in groups.segments(maker)]
    assert channel_groups(traced) == groups


def test_learnt_scales_and_norms_follow_the_group() -> None:
    groups = network(("conv", conv(4)), ("scale", LayerScale()), ("sum", Add(), "conv", "scale"))
    assert made_of(groups, "sum") == [("conv", 4, 1)]
