"""Width: which channels it scales, that what is tied stays tied, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_graphs

from archscope.analysis import Segments, channel_groups
from archscope.design import DEFAULT, build, parse_spec
from archscope.errors import GraphError, SurgeryError
from archscope.graph import (
    HEAD,
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Graph,
    GroupNormalization,
    Input,
    LayerScale,
    Multiply,
    Node,
    Op,
    Opaque,
    PReLU,
    Reshape,
    SeparableConv2D,
    Shape,
    digest,
    make_divisible,
    verify,
)
from archscope.surgery import channel_maker, conv_head, plain_head, upsample, width, without_head

V1 = build(parse_spec("mobilenet_v1"))
V2 = build(DEFAULT)


def network(*layers: tuple[Any, ...], image: Shape = (4, 6, 3)) -> Graph:
    """A chain; a layer that names its inputs reads those, and one with a capital letter stands in the head."""
    nodes = [Node("image", Input(shape=image))]
    for name, op, *inputs in layers:
        stage = HEAD if name[0].isupper() else "body"
        nodes.append(Node(name, op, tuple(inputs) or (nodes[-1].name,), stage, stage))
    return verify(Graph(tuple(nodes))).graph


def conv(filters: int, **fields: Any) -> Conv2D:
    return Conv2D(filters=filters, kernel=(1, 1), **fields)


def channels(graph: Graph) -> dict[str, int]:
    return {row.name: row.output[-1] for row in verify(graph)}


def scaled(graph: Graph, factor: float, divisor: int = 8) -> Graph:
    """The body scaled within a network, in which a head reads what it puts out."""
    return without_head(width(plain_head(graph, 5), factor, divisor))


def test_both_sides_of_an_add_are_scaled_together() -> None:
    graph = network(("a", conv(32)), ("b", conv(48)), ("c", conv(32)), ("sum", Add(), "a", "c"), ("end", conv(16)))
    assert channels(scaled(graph, 0.5)) == {"image": 3, "a": 16, "b": 24, "c": 16, "sum": 16, "end": 8}
    assert channels(width(graph, 0.5, group="sum")) == {"image": 3, "a": 16, "b": 48, "c": 16, "sum": 16, "end": 16}
    assert channels(width(graph, 1.5, group="b"))["b"] == 72


def test_the_rule_of_rounding_is_that_of_alpha() -> None:
    graph = network(("a", conv(20)), ("b", conv(3)))
    # The nearest multiple of 8 to 17 and to 18 is 16, which is less than nine tenths of 18; of 3 at least 8 remain.
    assert channels(scaled(graph, 0.85)) == {"image": 3, "a": 16, "b": 8}
    assert channels(scaled(graph, 0.9)) == {"image": 3, "a": 24, "b": 8}
    assert channels(scaled(graph, 0.9, divisor=1)) == {"image": 3, "a": 18, "b": 3}
    assert channels(scaled(graph, 0.5, divisor=4)) == {"image": 3, "a": 12, "b": 4}


def test_a_concatenation_is_as_wide_as_its_parts() -> None:
    graph = network(
        ("a", conv(32)), ("b", conv(16), "image"), ("both", Concatenate(), "a", "b"), ("norm", BatchNormalization())
    )
    assert channels(scaled(graph, 0.5)) == {"image": 3, "a": 16, "b": 8, "both": 24, "norm": 24}
    assert channels(width(graph, 0.5, group="both")) == channels(scaled(graph, 0.5))
    assert channels(width(graph, 0.5, group="b"))["norm"] == 40


def test_squeeze_excite_follows_and_its_bottleneck_is_scaled() -> None:
    graph = network(
        ("a", conv(64)),
        ("pool", GlobalAveragePooling2D()),
        ("map", Reshape(shape=(1, 1, 64))),
        ("reduce", conv(16)),
        ("expand", conv(64)),
        ("gate", Activation(function="sigmoid")),
        ("out", Multiply(), "a", "gate"),
    )
    narrow = scaled(graph, 0.5)
    assert channels(narrow) == {
        "image": 3, "a": 32, "pool": 32, "map": 32, "reduce": 8, "expand": 32, "gate": 32, "out": 32,
    }  # fmt: skip
    assert narrow.node("map").op == Reshape(shape=(1, 1, 32))


def test_depth_multipliers_stay() -> None:
    graph = network(("a", conv(16)), ("window", DepthwiseConv2D(kernel=(3, 3), depth_multiplier=2)), ("b", conv(8)))
    assert channels(scaled(graph, 0.5)) == {"image": 3, "a": 8, "window": 16, "b": 8}
    separable = network(("a", SeparableConv2D(filters=32, kernel=(3, 3), depth_multiplier=2)))
    assert verify(scaled(separable, 0.5)).row("a").weights[1].shape == (1, 1, 6, 16)


def test_grouped_convolutions_keep_their_groups() -> None:
    graph = network(("a", conv(12)), ("b", conv(24, groups=3)), ("c", conv(64, groups=4)))
    # 24 of b is read by 4 groups and made by 3: multiples of 12. Where no multiple of 8 has room, 3 alone counts.
    assert channels(scaled(graph, 0.5)) == {"image": 3, "a": 6, "b": 24, "c": 32}
    assert channels(scaled(graph, 0.5, divisor=1)) == {"image": 3, "a": 6, "b": 12, "c": 32}
    assert [op.groups for node in scaled(graph, 0.5).nodes if isinstance(op := node.op, Conv2D)] == [1, 3, 4]
    norm = network(("a", conv(40)), ("norm", GroupNormalization(groups=5)))
    assert channels(scaled(norm, 0.6, divisor=1))["norm"] == 25


def test_a_plain_convolution_with_a_group_for_each_channel_follows() -> None:
    narrow = scaled(network(("a", conv(16)), ("window", conv(32, groups=16))), 0.5)
    assert narrow.node("window").op == conv(16, groups=8)
    # One channel would make a plain convolution of it.
    least = scaled(network(("a", conv(16)), ("window", conv(32, groups=16))), 0.01, divisor=1)
    assert least.node("window").op == conv(4, groups=2)


def test_flatten_and_a_flat_reshape_follow() -> None:
    for flat in (Flatten(), Reshape(shape=(4 * 6 * 16,))):
        narrow = width(network(("a", conv(16)), ("flat", flat), ("b", Dense(units=32)), ("Out", Dense(units=5))), 0.5)
        assert channels(narrow) == {"image": 3, "a": 8, "flat": 192, "b": 16, "Out": 5}
        assert verify(narrow).row("b").weights[0].shape == (192, 16)


def test_learnt_values_per_channel_follow() -> None:
    graph = network(("a", conv(16)), ("slopes", PReLU(shared_axes=(1, 2))), ("scale", LayerScale()))
    traced = verify(scaled(graph, 0.5))
    assert traced.row("slopes").weights[0].shape == (1, 1, 8)
    assert traced.row("scale").weights[0].shape == (8,)


def test_what_a_network_without_a_head_puts_out_is_scaled_by_name_alone() -> None:
    """A segmentation puts out a map of 21 classes; half of them, rounded, are 16."""
    graph = network(("a", conv(16)), ("classes", conv(21)), ("out", Activation(function="softmax")))
    assert channels(width(graph, 0.5)) == {"image": 3, "a": 8, "classes": 21, "out": 21}
    assert channels(width(graph, 0.5, group="classes")) == {"image": 3, "a": 16, "classes": 16, "out": 16}
    tied = network(("a", conv(32)), ("b", conv(48)), ("c", conv(32)), ("sum", Add(), "a", "c"))
    assert channels(width(tied, 0.5)) == {"image": 3, "a": 32, "b": 24, "c": 32, "sum": 32}


def test_the_head_is_scaled_by_name_alone() -> None:
    graph = network(("a", conv(16)), ("Hidden", Dense(units=64)), ("Out", Dense(units=5)))
    assert channels(width(graph, 0.5)) == {"image": 3, "a": 8, "Hidden": 64, "Out": 5}
    assert channels(width(graph, 0.5, group="Hidden")) == {"image": 3, "a": 16, "Hidden": 32, "Out": 5}
    with pytest.raises(SurgeryError, match="channels of 'Out' cannot be scaled: they are the network's output; name"):
        width(graph, 0.5, group="Out")


def test_a_layer_without_a_rule_keeps_what_it_reads_and_makes() -> None:
    odd = Opaque(kind="Lambda", shape=(4, 6, 32), reads=((4, 6, 16),))
    graph = network(("a", conv(16)), ("b", conv(16)), ("odd", odd), ("c", conv(32)), ("sum", Add(), "odd", "c"))
    assert channels(scaled(graph, 0.5)) == {"image": 3, "a": 8, "b": 16, "odd": 32, "c": 32, "sum": 32}
    for name in ("b", "odd", "c"):
        with pytest.raises(SurgeryError, match=r"cannot be scaled: 'odd' \(Lambda\) takes and makes a given number"):
            width(graph, 0.5, group=name)


def test_an_image_that_is_enlarged_by_learnt_weights_stays_an_image() -> None:
    narrow = width(upsample(V2, 2, "transpose"), 0.5)
    assert narrow.node("upsample").op == Conv2DTranspose(filters=3, kernel=(4, 4), strides=(2, 2), use_bias=True)
    assert digest(narrow) == digest(upsample(width(V2, 0.5), 2, "transpose"))


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf"), 101.0, 1e308])
def test_a_factor_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(
        SurgeryError, match=f"a width factor of {re.escape(str(factor))} is not above 0 and up to 100; 0.5 halves"
    ):
        width(V2, factor)


@pytest.mark.parametrize("divisor", [0, -8, 1025])
def test_a_divisor_out_of_range_is_refused(divisor: int) -> None:
    with pytest.raises(SurgeryError, match=f"a divisor of {divisor} is not from 1 to 1024; 8 is usual"):
        width(V2, 0.5, divisor)


def test_the_image_and_unknown_layers_are_refused() -> None:
    with pytest.raises(SurgeryError, match="of 'preprocess' cannot be scaled: they are the image's; name another"):
        width(V2, 0.5, group="preprocess")
    with pytest.raises(GraphError, match="no layer 'block_12_ad'; did you mean 'block_12_add'"):
        width(V2, 0.5, group="block_12_ad")
    with pytest.raises(SurgeryError, match="stands for 16 blocks; name one"):
        width(V2, 0.5, group="block_*")


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("block_2_add", "block_1_project"),
        ("block_2", "block_1_project"),
        ("block_2_depthwise_BN", "block_2_expand"),
        ("Conv1", "Conv1"),
        ("block:13", "block_13_project"),
    ],
)
def test_the_maker_of_channels(name: str, maker: str) -> None:
    assert channel_maker(V2, name) == maker
    assert width(V2, 0.5, group=name) == width(V2, 0.5, group=maker)


# the zoo


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75, 1.5, 2.0])
def test_mobilenet_v1_of_a_width_is_that_of_its_alpha(alpha: float) -> None:
    """V1 takes int(c * alpha) as it is; at these alphas all of them are multiples of 8."""
    assert digest(width(V1, alpha)) == digest(build(parse_spec(f"mobilenet_v1,alpha={alpha}")))


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1.3, 1.4])
def test_mobilenet_v2_of_a_width_has_the_projections_of_its_alpha(alpha: float) -> None:
    """V2's expansions are t times a rounded width, here a rounded t times it; its last 1x1 conv never narrows."""
    scaled, zoo = channels(width(V2, alpha)), channels(build(parse_spec(f"mobilenet_v2,alpha={alpha}")))
    projections = [name for name in zoo if name.endswith(("project", "add")) or name == "Conv1"]
    assert len(projections) == 28
    for name in projections:
        # The zoo cuts c * alpha to a whole number first.
        whole = channels(V2)[name] * alpha
        assert scaled[name] == zoo[name] or make_divisible(whole) != make_divisible(int(whole))
    assert scaled["Conv_1"] == make_divisible(1280 * alpha)
    assert all(scaled[name] % 8 == 0 for name in scaled if name not in ("input", "preprocess", "predictions"))


def test_a_head_put_on_stays_while_the_body_narrows() -> None:
    narrow = channels(width(conv_head(V2, 100, 10), 0.5))
    assert (narrow["out_relu"], narrow["head_conv"], narrow["head_dense"]) == (640, 100, 10)


# any graph

factors = st.floats(0.1, 3.0)


@settings(max_examples=40)
@given(any_graphs(), factors, st.sampled_from([1, 2, 8]))
def test_a_scaled_network_holds_together_and_ties_what_was_tied(graph: Graph, factor: float, divisor: int) -> None:
    before, after = verify(graph), verify(width(graph, factor, divisor))
    assert (after.input, len(after.rows)) == (before.input, len(before.rows))
    assert after.output[-1] == before.output[-1]
    old, new = channel_groups(before), channel_groups(after)

    def bonds(groups: Any) -> list[tuple[str, tuple[str, ...], int, str]]:
        return [(one.name, one.producers, one.runs, one.reason) for one in groups.groups]

    assert bonds(old) == bonds(new)
    for one, other in zip(old.groups, new.groups, strict=True):
        assert other.size == one.size or not one.fixed
        assert other.size % other.runs == 0

    def rows(segments: Segments) -> list[tuple[str, int]]:
        return [(segment.group.name, segment.repeat) for segment in segments]

    for row in after:
        assert rows(old.segments(row.name)) == rows(new.segments(row.name))


@settings(max_examples=40)
@given(any_graphs())
def test_a_factor_of_one_changes_nothing(graph: Graph) -> None:
    assert width(graph, 1.0, divisor=1) == graph


@settings(max_examples=40)
@given(any_graphs(), st.tuples(factors, factors), st.sampled_from([1, 4, 8]))
def test_wider_never_has_fewer_parameters(graph: Graph, pair: tuple[float, float], divisor: int) -> None:
    less, more = sorted(pair)
    assert verify(width(graph, less, divisor)).params <= verify(width(graph, more, divisor)).params


@settings(max_examples=40)
@given(any_graphs(), factors, st.data())
def test_one_group_changes_nothing_else(graph: Graph, factor: float, data: st.DataObject) -> None:
    groups = channel_groups(verify(graph))
    name = data.draw(st.sampled_from([node.name for node in graph.nodes]))
    chosen = {segment.group.name for segment in groups.segments(name)}
    if any(segment.group.fixed for segment in groups.segments(name)):
        with pytest.raises(SurgeryError, match=f"channels of '{name}' cannot be scaled"):
            width(graph, factor, group=name)
        return
    after = channel_groups(verify(width(graph, factor, group=name)))
    for one, other in zip(groups.groups, after.groups, strict=True):
        assert one.size == other.size or one.name in chosen


def test_the_ops_of_a_network_are_scaled_in_place() -> None:
    def kinds(graph: Graph) -> list[tuple[str, type[Op], tuple[str, ...], str, str]]:
        return [(node.name, type(node.op), node.inputs, node.block, node.stage) for node in graph.nodes]

    before = repr(V2)
    assert kinds(width(V2, 0.5)) == kinds(V2)
    assert repr(V2) == before
