"""MobileNetV1 and V2: the study's counts, the collapse, channel rounding; and the arguments of every model."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archscope.analysis import collapse, share_on_1x1
from archscope.design import build, parse_spec
from archscope.errors import DesignError, GraphError
from archscope.graph import Rescaling, Trace, make_divisible, verify
from archscope.zoo import MODELS, Argument, find_model


def traced(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


@pytest.mark.parametrize(
    ("spec", "params", "trainable"),
    [
        ("mobilenet_v2@32,alpha=0.9", 1_904_954, 1_873_610),
        ("mobilenet_v2@32+cut:block_12_add+head:none", 558_656, None),
        ("mobilenet_v2@32+cut:block_12_add", 559_626, None),
        ("mobilenet_v2@32+cut:block_12_add+head:1280,dropout=0.0", 700_746, 682_058),
        ("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:none", 469_056, None),
        ("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000", 572_066, 555_202),
        ("mobilenet_v2@32+cut:block_12_add+head:1000", 669_666, None),
        ("mobilenet_v2@224,classes=1000", 3_538_984, 3_504_872),
        ("mobilenet_v1@224,classes=1000", 4_253_864, 4_231_976),
    ],
)
def test_the_studys_table_and_the_published_counts(spec: str, params: int, trainable: int | None) -> None:
    trace = traced(spec)
    assert trace.params == params
    assert trainable is None or trace.trainable_params == trainable


def test_macs_of_the_studys_cut_and_of_the_papers_networks() -> None:
    assert round(traced("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000").macs / 1e6, 2) == 4.30
    # Table 4 of the V2 paper: 300 M; Table 8 of the V1 paper: 569 M.
    assert round(traced("mobilenet_v2@224,classes=1000").macs / 1e6) == 301
    assert round(traced("mobilenet_v1@224,classes=1000").macs / 1e6) == 569


@pytest.mark.parametrize(
    ("spec", "layer"),
    [
        ("mobilenet_v2@32", "block_13_depthwise"),
        ("mobilenet_v1@32", "conv_dw_12"),
        ("mobilenet_v2@224", None),
        ("mobilenet_v1@224", None),
        ("mobilenet_v2@33", None),
    ],
)
def test_where_they_collapse(spec: str, layer: str | None) -> None:
    fallen = collapse(traced(spec))
    assert (fallen and fallen.layer) == layer
    assert fallen is None or (fallen.before, fallen.after) == ((2, 2), (1, 1))


def test_what_reads_a_1x1_map() -> None:
    share = share_on_1x1(traced("mobilenet_v2@32"))
    assert (share.params, share.body_params) == (1_636_544, 2_257_984)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(32, 32), (28.8, 32), (16, 16), (14, 16), (1, 8), (12, 16), (11, 16), (19.2, 24), (21.6, 24), (1280 * 1.4, 1792)],
)
def test_make_divisible_by_hand(value: float, rounded: int) -> None:
    assert make_divisible(value) == rounded


@given(st.floats(0.1, 5000))
def test_make_divisible_keeps_nine_tenths(value: float) -> None:
    rounded = make_divisible(value)
    assert rounded % 8 == 0
    assert rounded >= max(8, 0.9 * value)
    assert rounded <= max(8, value + 8)


def test_alpha_can_add_a_residual() -> None:
    # At 0.25 the stem has 8 channels and so has block 0.
    assert "expanded_conv_add" in build(parse_spec("mobilenet_v2@32,alpha=0.25"))
    assert "expanded_conv_add" not in build(parse_spec("mobilenet_v2@32"))


def test_alphas_that_round_to_the_same_network() -> None:
    params = {traced(f"mobilenet_v2@32,alpha={a}+cut:block_12_add+head:1000").params for a in (0.88, 0.9, 0.93)}
    assert params == {572_066}
    assert traced("mobilenet_v2@32,alpha=0.94+cut:block_12_add+head:1000").params != 572_066


@pytest.mark.parametrize("name", sorted(MODELS))
def test_preprocessing_is_rows_of_its_own(name: str) -> None:
    trace = traced(name)
    lead = [row for row in trace if row.node.stage == "input"]
    assert [row.node.kind for row in lead[:2]] == ["Input", "Rescaling"]
    black, white = 0.0, 255.0
    for row in lead[1:]:
        if isinstance(row.node.op, Rescaling):
            black, white = (float(row.node.op.scale) * pixel + float(row.node.op.offset) for pixel in (black, white))
        assert row.macs == row.trainable_params == 0
    # EfficientNet reads 0..1 and normalises that; all others read -1..1.
    ranges = (0.0, 1.0) if name.startswith("efficientnet") else (-1.0, 1.0)
    assert (black, white) == pytest.approx(ranges)


@given(
    st.sampled_from(sorted(MODELS)),
    st.tuples(st.integers(1, 300), st.integers(1, 300), st.integers(1, 4)),
    st.floats(0.03, 2.5),
    st.booleans(),
    st.integers(1, 1000),
    st.sampled_from([0.0, 0.001, 0.5]),
)
def test_any_size_and_width_builds_or_is_refused(
    name: str, size: tuple[int, int, int], alpha: float, top: bool, classes: int, dropout: float
) -> None:
    family = find_model(name)
    arguments = {argument.name: argument.default for argument in family.arguments}
    graph = family.build(size, arguments | {"alpha": alpha, "top": top, "classes": classes, "dropout": dropout})
    try:
        trace = verify(graph)
    except GraphError:
        assume(False)
    assert trace.input == size
    assert (trace.output == (classes,)) == top
    assert trace.graph.has_head == top
    assert all(row.node.block and row.node.stage for row in trace)


def test_v1_refuses_what_leaves_a_layer_without_a_channel_and_v2_rounds_up() -> None:
    with pytest.raises(DesignError, match=r"alpha 0\.03: 'conv1'.*; choose a larger alpha: each layer keeps at least"):
        build(parse_spec("mobilenet_v1@32,alpha=0.03"))
    assert build(parse_spec("mobilenet_v1@32,alpha=0.032")).node("conv1").op.filters == 1
    assert build(parse_spec("mobilenet_v2@32,alpha=0.001")).node("Conv1").op.filters == 8


def test_an_input_too_small_names_the_smallest_that_works() -> None:
    with pytest.raises(DesignError, match=r"'conv_dw_2': .* got 2x2x64; the smallest square input that works is 31"):
        build(parse_spec("mobilenet_v1@1"))
    build(parse_spec("mobilenet_v1@31"))
    with pytest.raises(DesignError):
        build(parse_spec("mobilenet_v1@30"))


def test_models_are_found_whatever_the_case_and_dashes() -> None:
    assert find_model("MobileNet-V2") is find_model("mobilenet_v2")
    assert find_model("SqueezeNet1.1") is find_model("squeezenet_1_1")
    assert find_model("EfficientNetB0") is find_model("efficientnet_b0")
    with pytest.raises(DesignError, match="no model 'mobilenet_v4'; did you mean 'mobilenet_v2' or"):
        find_model("mobilenet_v4")
    with pytest.raises(DesignError, match="'MobileNetV3'; say which: mobilenet_v3_small or mobilenet_v3_large"):
        find_model("MobileNetV3")
    with pytest.raises(DesignError, match="no model 'vgg'; the models are mobilenet_v1, mobilenet_v2"):
        find_model("vgg")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alpha", "0"),
        ("alpha", "-1"),
        ("alpha", "nan"),
        ("alpha", "inf"),
        ("alpha", "1e400"),
        ("alpha", "1e7"),
        ("alpha", "1_0"),
        ("alpha", " 1"),
        ("alpha", "x"),
        ("alpha", ""),
        ("alpha", "true"),
        ("classes", "0"),
        ("classes", "-3"),
        ("classes", "2.5"),
        ("classes", "1e3"),
        ("classes", "٣"),
        ("classes", "9" * 5000),
        ("top", "1"),
        ("top", "maybe"),
        ("dropout", "1"),
        ("dropout", "-0.1"),
        ("dropout", "nan"),
    ],
)
def test_wrong_arguments_are_refused_with_their_rule(name: str, text: str) -> None:
    argument = find_model("mobilenet_v2").argument(name)
    with pytest.raises(DesignError, match=f"{name} is .*; the default is"):
        argument.parse(text)


def test_unknown_arguments_name_the_known_ones() -> None:
    with pytest.raises(DesignError, match=r"mobilenet_v2 has no argument 'alfa'; did you mean 'alpha'\?"):
        find_model("mobilenet_v2").argument("alfa")


@given(st.one_of(st.floats(1e-300, 1e6), st.integers(1, 10**9), st.booleans()))
def test_argument_texts_read_back(value: float | int | bool) -> None:
    name = {bool: "top", int: "classes", float: "alpha"}[type(value)]
    read = find_model("mobilenet_v2").argument(name).parse(Argument.text(value))
    assert read == value
    assert type(read) is type(value)
