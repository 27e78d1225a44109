"""MobileNetV3, SqueezeNet, EfficientNet, Xception, InceptionV3: published figures, maps, widths, and small images."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

import pytest

from archscope.design import build, format_spec, parse_spec
from archscope.errors import DesignError
from archscope.graph import HEAD, Graph, Multiply, Trace, digest, verify
from archscope.zoo import MODELS

TOO_DEEP_FOR_32 = {"inception_v3", "squeezenet_1_0"}


def traced(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


@pytest.mark.parametrize(
    ("model", "side", "params", "millions"),
    [
        # Counts as Keras documents and prints them; multiply-accumulates, in millions, of each paper.
        ("mobilenet_v3_small", 224, 2_554_968, 56),
        ("mobilenet_v3_large", 224, 5_507_432, 219),
        ("mobilenet_v3_large,minimalistic=true", 224, 3_948_688, 209),
        ("efficientnet_b0", 224, 5_330_571, 390),
        ("efficientnet_b1", 240, 7_856_239, 700),
        ("efficientnet_b2", 260, 9_177_569, 1_000),
        ("efficientnet_b3", 300, 12_320_535, 1_800),
        ("efficientnet_b4", 380, 19_466_823, 4_200),
        ("efficientnet_b5", 456, 30_562_527, 9_900),
        ("efficientnet_b6", 528, 43_265_143, 19_000),
        ("efficientnet_b7", 600, 66_658_687, 37_000),
        ("xception", 299, 22_910_480, 8_400),
        ("inception_v3", 299, 23_851_784, 5_700),
        # torchvision's count, and its figures of 819 and 349 with padding.
        ("squeezenet_1_0", 227, 1_248_424, 840),
        ("squeezenet_1_1", 227, 1_235_496, 349),
    ],
)
def test_published_counts(model: str, side: int, params: int, millions: int) -> None:
    name, _, options = model.partition(",")
    trace = traced(f"{name}@{side},classes=1000" + (f",{options}" if options else ""))
    assert trace.params == params
    assert trace.macs / 1e6 == pytest.approx(millions, rel=0.06)


@pytest.mark.parametrize(
    ("spec", "maps"),
    [
        # The paper's Table 1.
        (
            "squeezenet_1_0",
            {"conv1": (111, 111, 96), "pool1": (55, 55, 96), "pool4": (27, 27, 256), "pool8": (13, 13, 512)},
        ),
        # The paper's Table 1, to its first Inception; then the comments in Keras' source.
        (
            "inception_v3",
            {
                "conv2d": (149, 149, 32),
                "conv2d_2": (147, 147, 64),
                "max_pooling2d": (73, 73, 64),
                "conv2d_4": (71, 71, 192),
                "max_pooling2d_1": (35, 35, 192),
                "mixed0": (35, 35, 256),
                "mixed1": (35, 35, 288),
                "mixed3": (17, 17, 768),
                "mixed8": (8, 8, 1280),
                "mixed10": (8, 8, 2048),
            },
        ),
        # The paper's Figure 5: 19x19x728 in the middle flow, 10x10 at the end.
        ("xception@299", {"block4_pool": (19, 19, 728), "add_10": (19, 19, 728), "block14_sepconv2": (10, 10, 2048)}),
        # The papers' tables: input of the last 1x1 convolution.
        ("mobilenet_v3_large@224", {"expanded_conv_14_add": (7, 7, 160), "conv_1": (7, 7, 960)}),
        ("mobilenet_v3_small@224", {"expanded_conv_10_add": (7, 7, 96), "conv_1": (7, 7, 576)}),
        ("efficientnet_b0@224", {"block1a_project_bn": (112, 112, 16), "block7a_project_bn": (7, 7, 320)}),
    ],
)
def test_maps_of_the_papers(spec: str, maps: dict[str, tuple[int, int, int]]) -> None:
    trace = traced(spec)
    assert {name: trace.row(name).output for name in maps} == maps


@pytest.mark.parametrize("name", sorted(set(MODELS) - TOO_DEEP_FOR_32))
def test_it_traces_at_32_by_default(name: str) -> None:
    trace = traced(name)
    assert trace.input == (32, 32, 3)
    assert trace.output == (10,)


@pytest.mark.parametrize(
    ("spec", "layer", "least", "surgery"),
    [
        ("squeezenet_1_0@32", "pool8", 35, ["+stride:conv1,to=1", "+cut:fire8"]),
        ("squeezenet_1_1@8", "pool3", 31, ["+upsample:4", "+cut:fire3"]),
        # No one stride is enough: both together are verified.
        ("inception_v3@32", "conv2d_26", 75, ["+stride:conv2d,to=1+stride:max_pooling2d,to=1", "+cut:mixed2"]),
        ("inception_v3@74", "conv2d_71", 75, ["+stride:conv2d,to=1", "+cut:mixed7"]),
        ("mobilenet_v1@8", "conv_dw_6", 31, ["+stride:conv1,to=1+stride:conv_dw_2,to=1", "+cut:block_5"]),
        ("xception@6", "block1_conv2", 7, ["+stride:block1_conv1,to=1"]),
        ("inception_v3@16,top=false", "conv2d_4", 75, []),
    ],
)
def test_what_does_not_fit_is_told_how_it_would(spec: str, layer: str, least: int, surgery: list[str]) -> None:
    with pytest.raises(DesignError) as refused:
        build(parse_spec(spec))
    assert f"'{layer}': " in refused.value.message
    said = re.fullmatch(
        rf"the smallest square input that works is {least}(?:, and at \d+x\d+ it works with (.*))?",
        refused.value.remedy,
    )
    assert said is not None, refused.value.remedy
    offered = said[1].split(" or ") if said[1] else []
    assert offered == surgery
    for edits in offered:
        build(parse_spec(spec + edits))
    design = parse_spec(spec)
    build(design.having(input=(least, least, 3)))
    with pytest.raises(DesignError):
        build(design.having(input=(least - 1, least - 1, 3)))


def test_edits_that_fit_together_are_the_same_network_as_behind_a_larger_image() -> None:
    edits = "+stride:conv2d,to=1+stride:max_pooling2d,to=1"
    small, large = (build(parse_spec(f"inception_v3@{side}{edits}")) for side in (32, 299))
    assert small.nodes[1:] == large.nodes[1:]
    # One of them is refused as before, with the layer that does not fit.
    with pytest.raises(DesignError, match="edit 1 of 1, stride:conv2d,to=1: 'conv2d_71'"):
        build(parse_spec("inception_v3@32+stride:conv2d,to=1"))
    # So is a second one that does not help.
    with pytest.raises(DesignError, match="edit 1 of 2, stride:conv2d,to=1: 'conv2d_71'"):
        build(parse_spec("inception_v3@32+stride:conv2d,to=1+head:5"))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_larger_alpha_is_never_a_smaller_network(name: str) -> None:
    design = parse_spec(name)
    traces = [verify(build(design.having(arguments={"alpha": alpha}))) for alpha in (0.1, 0.34, 0.35, 1.0, 1.3)]
    for narrow, wide in pairwise(traces):
        assert narrow.params <= wide.params
        assert narrow.macs <= wide.macs
    assert traces[0].params < traces[-1].params / 10


def test_depth_adds_blocks_to_its_stages() -> None:
    shallow, deep = (build(parse_spec(f"efficientnet_b0,depth={depth}")) for depth in (1.0, 6.0))
    assert "block6d" in shallow.blocks
    assert "block6e" not in shallow.blocks
    # 4 repeats times 6: the 24th letter.
    assert "block6x" in deep.blocks
    assert "block6y" not in deep.blocks
    assert digest(build(parse_spec("efficientnet_b0@32,alpha=2.0,depth=3.1,dropout=0.5"))) == digest(
        build(parse_spec("efficientnet_b7@32"))
    )
    with pytest.raises(DesignError, match=r"depth=7\.0: depth is a number above 0, up to 6"):
        parse_spec("efficientnet_b0,depth=7")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_blocks_and_stages_stand_in_a_row_and_gates_belong_to_theirs(name: str) -> None:
    graph = build(parse_spec(name))
    rows = [block for block, _ in groupby(node.block for node in graph.nodes)]
    assert len(rows) == len(set(rows))
    stages = [stage for stage, _ in groupby(node.stage for node in graph.nodes)]
    numbered = [stage for stage in stages if stage.startswith("stage_")]
    assert numbered == [f"stage_{number}" for number in range(1, len(numbered) + 1)]
    assert [stage for stage in stages if stage not in numbered] in (
        ["input", "stem", "last", HEAD],
        ["input", "stem", HEAD],
    )
    for node in graph.nodes:
        if isinstance(node.op, Multiply):
            assert {graph.node(read).block for read in node.inputs} == {node.block}


def gates(graph: Graph) -> int:
    return sum(isinstance(node.op, Multiply) for node in graph.nodes)


def test_squeeze_excite_stands_where_the_tables_say() -> None:
    # Rows with SE in the paper's Tables 1 and 2, and every block of an EfficientNet.
    assert gates(build(parse_spec("mobilenet_v3_large"))) == 8
    assert gates(build(parse_spec("mobilenet_v3_small"))) == 9
    assert gates(build(parse_spec("efficientnet_b0"))) == 16
    plain = build(parse_spec("mobilenet_v3_large,minimalistic=true"))
    assert gates(plain) == 0
    assert not any("activation" in node.name for node in plain.nodes)
    windows = {getattr(node.op, "kernel", (1, 1)) for node in plain.nodes}
    assert windows == {(1, 1), (3, 3)}


def test_keras_rescaling_before_its_imagenet_weights() -> None:
    graph = build(parse_spec("efficientnet_b0@32,imagenet=true"))
    scale = graph.node("rescaling_1").op.scale
    assert scale == pytest.approx((2.0896, 2.1129, 2.1082), abs=1e-4)  # 1 / sqrt of 0.229, 0.224, 0.225
    assert graph.node("stem_conv_pad").inputs == ("rescaling_1",)
    with pytest.raises(DesignError, match="'rescaling_1': Rescaling needs one input, with the channels of its scale"):
        build(parse_spec("efficientnet_b0@32x32x1,imagenet=true"))


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("efficientnet_b0", "top_dropout"),
        ("inception_v3", "dropout"),
        ("mobilenet_v3_small", "dropout"),
        ("squeezenet_1_1", "drop9"),
        ("xception", "dropout"),
    ],
)
def test_a_dropout_of_nought_is_no_layer(model: str, layer: str) -> None:
    dropping, plain = (build(parse_spec(f"{model},dropout={rate}")) for rate in (0.6, 0.0))
    assert {node.name for node in dropping.nodes} - {node.name for node in plain.nodes} == {layer}
    assert dropping.node(layer).op.rate == 0.6


def test_the_body_is_what_stands_before_the_classifier() -> None:
    bodies = {name: build(parse_spec(f"{name},top=false")).output.name for name in sorted(MODELS)}
    assert bodies == {
        **{name: "top_activation" for name in MODELS if name.startswith("efficientnet")},
        "inception_v3": "mixed10",
        "mobilenet_v1": "conv_pw_13_relu",
        "mobilenet_v2": "out_relu",
        "mobilenet_v3_large": "activation_19",
        "mobilenet_v3_small": "activation_17",
        "squeezenet_1_0": "fire9_concat",
        "squeezenet_1_1": "fire9_concat",
        "xception": "block14_sepconv2_act",
    }


def test_specs_carry_the_arguments_of_each() -> None:
    for spec in (
        "mobilenet_v3_small@32,alpha=0.5,minimalistic=true",
        "efficientnet_b3@48,alpha=1.0,depth=0.5,imagenet=true,dropout=0.0",
        "squeezenet_1_1@31x40x1,alpha=2.0,top=false",
    ):
        assert format_spec(parse_spec(spec)) == spec
        build(parse_spec(spec))
