"""Replace: which activations and normalisations change, into what, and which are left alone."""

from __future__ import annotations

from collections import Counter

import pytest

from archscope.design import DEFAULT, build, parse_spec
from archscope.errors import ArchscopeError, SurgeryError
from archscope.graph import (
    HEAD,
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    Graph,
    GroupNormalization,
    Input,
    LayerNormalization,
    LeakyReLU,
    Multiply,
    Node,
    Op,
    ReLU,
    Rescaling,
    RMSNormalization,
    Softmax,
    verify,
)
from archscope.surgery import replace

V2 = build(DEFAULT)
IMAGE = Node("image", Input(shape=(8, 8, 4)))


def chain(*ops: Op) -> Graph:
    """The image, then layers l1, l2, ... in a row."""
    nodes = [IMAGE]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"l{number}", op, (nodes[-1].name,), f"block_{number}"))
    return Graph(tuple(nodes))


def gated() -> Graph:
    """A convolution with a squeeze-excite gate, its hard sigmoid spelled out, and a classifier."""
    return Graph(
        (
            IMAGE,
            Node("conv", Conv2D(filters=4, kernel=(3, 3), activation="relu"), ("image",), "block_1"),
            Node("pool", GlobalAveragePooling2D(keepdims=True), ("conv",), "block_1"),
            Node("squeeze", Conv2D(filters=2, kernel=(1, 1), activation="relu"), ("pool",), "block_1"),
            Node("expand", Conv2D(filters=4, kernel=(1, 1)), ("squeeze",), "block_1"),
            Node("shift", Rescaling(scale=1.0, offset=3.0), ("expand",), "block_1"),
            Node("excite", ReLU(max_value=6.0), ("shift",), "block_1"),
            Node("scale", Multiply(), ("conv", "excite"), "block_1"),
            Node("relu", ReLU(), ("scale",), "block_2"),
            Node("average", GlobalAveragePooling2D(), ("relu",), HEAD, HEAD),
            Node("hidden", Dense(units=8, activation="relu"), ("average",), HEAD, HEAD),
            Node("classes", Dense(units=3, activation="sigmoid"), ("hidden",), HEAD, HEAD),
        )
    )


def changed(before: Graph, after: Graph) -> list[str]:
    return [new.name for new, old in zip(after.nodes, before.nodes, strict=True) if new != old]


# activations


def test_every_activation_of_a_network() -> None:
    before = repr(V2)
    after = replace(V2, "activations", "swish")
    assert Counter(node.kind for node in V2.nodes)["ReLU"] == 35
    swapped = [node for node in after.nodes if node.op == Activation(function="silu")]
    assert [node.name for node in swapped] == [node.name for node in V2.nodes if node.kind == "ReLU"]
    assert after.node("predictions") == V2.node("predictions")
    assert (verify(after).params, verify(after).macs) == (verify(V2).params, verify(V2).macs)
    assert repr(V2) == before
    assert replace(after, "silu", "relu6") == replace(after, "swish", "relu6") == V2


@pytest.mark.parametrize(
    ("where", "layers"),
    [
        ("block_6_expand_relu", ["block_6_expand_relu"]),
        ("block_6", ["block_6_expand_relu", "block_6_depthwise_relu"]),
        ("block:6..7", [f"block_{n}_{part}_relu" for n in (6, 7) for part in ("expand", "depthwise")]),
        ("stem", ["Conv1_relu"]),
        ("block_1?_expand_relu", [f"block_{n}_expand_relu" for n in range(10, 17)]),
    ],
)
def test_within_a_place(where: str, layers: list[str]) -> None:
    assert changed(V2, replace(V2, "relu6", "gelu", where)) == layers


@pytest.mark.parametrize(
    ("by", "op"),
    [
        ("relu", ReLU()),
        ("relu6", ReLU(max_value=6.0)),
        ("hard_swish", Activation(function="hard_silu")),
        ("gelu", Activation(function="gelu")),
    ],
)
def test_what_a_word_stands_for(by: str, op: Op) -> None:
    assert replace(chain(LeakyReLU(), Conv2D(filters=4, kernel=(1, 1))), "leaky_relu", by).node("l1").op == op


def test_activations_inside_layers_count() -> None:
    graph = chain(
        Conv2D(filters=4, kernel=(3, 3), activation="relu"), DepthwiseConv2D(kernel=(3, 3), activation="tanh")
    )
    after = replace(graph, "activations", "elu")
    assert [getattr(node.op, "activation", "") for node in after.nodes] == ["", "elu", "elu"]
    assert changed(graph, replace(graph, "tanh", "elu")) == ["l2"]
    assert replace(graph, "relu", "none").node("l1").op == Conv2D(filters=4, kernel=(3, 3))


def test_gates_and_the_classifier_keep_theirs() -> None:
    assert changed(gated(), replace(gated(), "activations", "gelu")) == ["conv", "relu", "hidden"]
    assert changed(gated(), replace(gated(), "relu", "gelu")) == ["conv", "relu", "hidden"]
    assert changed(gated(), replace(gated(), "activations", "gelu", "block_1")) == ["conv"]
    # Unless nothing else is named.
    assert changed(gated(), replace(gated(), "activations", "gelu", "squeeze")) == ["squeeze"]
    assert changed(gated(), replace(gated(), "activations", "gelu", "[es]*")) == ["squeeze", "excite"]
    for where in ("classes", "pool"):
        with pytest.raises(SurgeryError, match=f"there is no activation in '{where}'; gates and the classifier are"):
            replace(gated(), "activations", "gelu", where)


@pytest.mark.parametrize("last", [Softmax(), Activation(function="softmax"), Dense(units=3, activation="softmax")])
def test_a_softmax_is_never_touched(last: Op) -> None:
    graph = chain(ReLU(), last)
    assert changed(graph, replace(graph, "activations", "elu")) == ["l1"]
    with pytest.raises(SurgeryError, match="there is no activation in 'l2'"):
        replace(graph, "activations", "elu", "l2")


def test_the_last_activation_of_a_bare_body_is_one_like_others() -> None:
    bare = build(parse_spec("mobilenet_v2@32,top=false"))
    assert replace(bare, "relu6", "relu").output.op == ReLU()
    assert replace(bare, "relu6", "none").output.name == "Conv_1_bn"


# normalisations


def test_group_normalisation_by_hand() -> None:
    after = replace(V2, "norms", "group", groups=4)
    norm = after.node("bn_Conv1").op
    assert norm == GroupNormalization(groups=4, epsilon=1e-3)
    # Of each batch normalisation's four figures a channel, gamma and beta are left.
    statistics = verify(V2).non_trainable_params
    assert verify(after).params == verify(V2).params - statistics
    assert replace(after, "group", "group", groups=4) == after
    assert replace(after, "norms", "group", groups=8).node("bn_Conv1").op == GroupNormalization(groups=8)


def test_groups_must_divide_every_channel_count() -> None:
    with pytest.raises(
        SurgeryError, match=r"'block_1_project_BN' has 24 channels, and 16 groups do not .* of them are 8"
    ):
        replace(V2, "norms", "group", groups=16)
    assert verify(replace(V2, "norms", "group", "stem", 16)).fits
    with pytest.raises(SurgeryError, match="'bn_Conv1' has 32 channels, and 0 groups do not divide them"):
        replace(V2, "norms", "group", groups=0)


def test_epsilon_centre_and_scale_are_kept() -> None:
    graph = chain(BatchNormalization(epsilon=0.5, center=False), RMSNormalization(epsilon=0.25))
    after = replace(graph, "norms", "layer")
    assert after.node("l1").op == LayerNormalization(epsilon=0.5, center=False)
    assert after.node("l2").op == LayerNormalization(epsilon=0.25)
    assert changed(graph, replace(graph, "rms", "batch")) == ["l2"]


def test_the_same_sort_keeps_its_momentum() -> None:
    assert replace(V2, "norms", "batch") == V2


def test_without_norms_what_fed_them_gets_a_bias() -> None:
    after = replace(V2, "norms", "none")
    assert not any(node.kind == "BatchNormalization" for node in after.nodes)
    convolutions = [node.op for node in after.nodes if isinstance(node.op, (Conv2D, DepthwiseConv2D))]
    assert all(op.use_bias for op in convolutions)
    # One offset in place of gamma, beta, mean and variance.
    assert verify(after).params == verify(V2).params - 3 * verify(V2).non_trainable_params // 2


def test_a_bias_is_no_substitute_where_others_read_the_layer_too() -> None:
    conv = Conv2D(filters=4, kernel=(1, 1))
    shared = Graph((*chain(conv, BatchNormalization()).nodes, Node("sum", Add(), ("l1", "l2"))))
    with pytest.raises(SurgeryError, match="'sum' would read 'l1' on both sides"):
        replace(shared, "norms", "none")
    for graph in (
        chain(Conv2D(filters=4, kernel=(1, 1), activation="relu"), BatchNormalization()),
        chain(conv, BatchNormalization(center=False)),
        chain(conv, ReLU(), BatchNormalization()),
    ):
        assert replace(graph, "norms", "none").node("l1") == graph.node("l1")


# refusals


@pytest.mark.parametrize(
    ("old", "by", "where", "said"),
    [
        ("relu", "gelu", "", r"there is no relu among the activations in this network; these are relu6 \(35\)"),
        ("relu", "gelu", "block_6", r"no relu among the activations in 'block_6'; these are relu6 \(2\)"),
        ("layer", "batch", "", r"there is no layer among the normalisations in this network; these are batch \(52\)"),
        ("activations", "gelu", "block_2_add", "there is no activation in 'block_2_add'; gates and the classifier"),
        ("norms", "layer", "head", "there is no normalisation in 'head'"),
        ("relu6", "layer", "", "'layer' cannot stand in place of relu6; choose relu, relu6"),
        ("norms", "relu", "", "'relu' cannot stand in place of norms; choose batch, layer, group, none"),
        ("softmax", "relu", "", "'softmax' is no activation or normalisation; did you mean 'soft"),
        ("relu6", "gelu", "blok_6", "no layer 'blok_6'; did you mean"),
    ],
)
def test_what_is_not_there_comes_with_what_is(old: str, by: str, where: str, said: str) -> None:
    with pytest.raises(ArchscopeError, match=said):
        replace(V2, old, by, where)
