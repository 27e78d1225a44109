"""Which weights go where, by names, kinds, shapes and tied channels. No Keras."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from channel_oracle import FRESH, misplaced, telling
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_graphs
from weight_files import random_arrays, source_of

from archscope.design import build, parse_spec
from archscope.errors import GraphError
from archscope.graph import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Graph,
    GroupNormalization,
    Input,
    LayerNormalization,
    MaxPooling2D,
    Node,
    Op,
    ReLU,
    Reshape,
    Trace,
    verify,
)
from archscope.interop.carry import plan_carriage
from archscope.interop.transplant import Transplant, transplant


def traced(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


def outcomes(carried: Transplant) -> dict[str, str]:
    return {one.layer: one.outcome for one in carried.layers}


def chain(*ops: object) -> Trace:
    nodes = [Node("input", Input(shape=(8, 8, 3)))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"layer_{number}", op, (nodes[-1].name,)))  # type: ignore[arg-type]
    return verify(Graph(tuple(nodes)))


@settings(max_examples=40, deadline=None)
@given(graph=any_graphs())
def test_a_network_takes_all_of_its_own(graph: Graph) -> None:
    trace = verify(graph)
    source = source_of(trace)
    if not source.layers:
        return
    carriage = plan_carriage(source, trace)
    assert set(outcomes(carriage.transplant).values()) == {"exact"}
    assert [one.params for one in carriage.transplant.layers] == [row.params for row in trace if row.params]
    assert carriage.frozen == tuple(source.layers)
    assert carriage.prefix.ends in ((graph.output.name,), ())
    for one in carriage.transplant.layers:
        assert carriage.transplant.arrays(one, source, ()) is source.layers[one.layer]


@settings(max_examples=60, deadline=None)
@given(one=any_graphs(), other=any_graphs())
def test_between_any_two_networks_every_array_fits(one: Graph, other: Graph) -> None:
    """Layers of one name in two networks that have nothing else in common: whatever is decided has the right shape,
    what is exact is of one kind, and what is adapted holds values of the source and fresh ones alone."""
    there, here = verify(one), verify(other)
    source = source_of(there)
    carried = transplant(source, here)
    assert [one.layer for one in carried.layers] == [row.name for row in here if row.weights]
    for layer in carried.layers:
        row = here.row(layer.layer)
        if layer.outcome == "new":
            assert layer.how
            continue
        assert there.row(layer.source).node.kind == row.node.kind
        fresh = [np.full(weight.shape, 1e9, "float32") for weight in row.weights]
        arrays = carried.arrays(layer, source, fresh)
        assert [array.shape for array in arrays] == [weight.shape for weight in row.weights]
        if layer.outcome == "adapted" and "inputs: " not in layer.how:
            for array, known in zip(arrays, source.layers[layer.source], strict=True):
                assert set(array.ravel().tolist()) <= {*known.ravel().tolist(), float(np.float32(1e9))}


@st.composite
def woven(draw: st.DrawFn) -> Graph:
    """Few layers by few names, their widths, order, sums and maps at random: equal shapes of other channels abound."""
    height, width = draw(st.sampled_from([(2, 2), (2, 2), (1, 4), (4, 1)]))
    nodes = [Node("input", Input(shape=(height, width, 2)))]

    def add(name: str, op: Op, *inputs: str) -> str:
        nodes.append(Node(name, op, inputs or (nodes[-1].name,)))
        return name

    widths = draw(st.sampled_from([(2, 2, 2), (2, 2, 2), (1, 3, 2), (3, 1, 2), (2, 4, 1)]))
    joined = draw(st.permutations("abc"))[: draw(st.integers(2, 3))]
    for name in joined:
        add(name, Conv2D(filters=widths["abc".index(name)], kernel=(1, 1)), "input")
    add("both", Concatenate(), *joined)
    total = sum(widths["abc".index(name)] for name in joined)
    if draw(st.booleans()):
        add("norm", BatchNormalization())
    if draw(st.booleans()):
        add("d", Conv2D(filters=total, kernel=(1, 1)))
        if draw(st.booleans()):
            add("sum", Add(), *draw(st.permutations(["both", "d"])))
    add("e", DepthwiseConv2D(kernel=(1, 1), depth_multiplier=draw(st.integers(1, 2))))
    if draw(st.booleans()):
        add("f", Conv2D(filters=4, kernel=(1, 1)))
    channels = verify(Graph(tuple(nodes))).output[-1]
    add("flat", Reshape(shape=(height * width * channels,)))
    add("dense", Dense(units=3))
    return Graph(tuple(nodes))


@settings(max_examples=150, deadline=None)
@given(pair=st.tuples(woven(), woven()) | st.tuples(any_graphs(), any_graphs()))
def test_between_any_two_networks_no_weight_goes_to_another_channel(pair: tuple[Graph, Graph]) -> None:
    """Each layer's arrays say where they stood: what a layer reads must be, channel by channel, what they were for."""
    one, other = pair
    there, here = verify(one), verify(other)
    source = source_of(there, telling(there))
    carried = transplant(source, here)
    if any("inputs: " in layer.how for layer in carried.layers):
        return  # an image of another number of channels: sums tell nothing
    arrays = {
        layer.layer: carried.arrays(layer, source, [np.full(w.shape, FRESH) for w in here.row(layer.layer).weights])
        for layer in carried.layers
        if layer.outcome != "new"
    }
    assert not misplaced(there, here, carried, arrays)


@pytest.mark.parametrize(
    ("spec", "exact"),
    [
        ("mobilenet_v2@32+stride:block_3,to=1", ("block_3_expand_relu", 20)),
        ("mobilenet_v2@64", ("predictions", 105)),
        ("mobilenet_v2@32+cut:block_12_add", ("block_12_add", 78)),
        ("mobilenet_v2@32+upsample:2", ("", 0)),
    ],
)
def test_where_nothing_is_changed_any_more(spec: str, exact: tuple[str, int]) -> None:
    here = traced(spec)
    carriage = plan_carriage(source_of(traced("mobilenet_v2@32")), here)
    assert not carriage.transplant.having("adapted")
    assert len(carriage.frozen) == exact[1]
    assert carriage.prefix.ends in ((exact[0],), ())


def test_the_kept_channels_are_those_of_the_largest_norm_and_the_same_everywhere() -> None:
    """Two layers make one group: their norms are added. By hand: filters 1 and 3 of 4 stay, in order."""

    def network(width: int) -> Trace:
        conv = Conv2D(filters=width, kernel=(1, 1))
        return verify(
            Graph(
                (
                    Node("input", Input(shape=(4, 4, 2))),
                    Node("one", conv, ("input",)),
                    Node("other", conv, ("input",)),
                    Node("norm", BatchNormalization(), ("other",)),
                    Node("add", Add(), ("one", "norm")),
                    Node("end", Conv2D(filters=2, kernel=(1, 1)), ("add",)),
                )
            )
        )

    there, here = network(4), network(2)
    arrays = random_arrays(there)
    arrays["one"] = (np.array([[1, -2, 0, 3], [1, 2, 0, -3]], "float32")[None, None],)  # norms 2 4 0 6
    arrays["other"] = (np.array([[0, 2, 3, 0], [0, 0, 2, 0]], "float32")[None, None],)  # norms 0 2 5 0
    source = source_of(there, arrays)  # together 2 6 5 6
    carried = transplant(source, here)
    how = {one.layer: (one.outcome, one.how) for one in carried.layers}
    assert how["one"] == how["other"] == ("adapted", "2 of 4 filters kept")
    assert how["norm"] == ("adapted", "2 of 4 channels kept")
    assert how["end"] == ("adapted", "2 of 4 inputs kept")
    for one in carried.layers:
        fresh = [np.zeros(weight.shape, "float32") for weight in here.row(one.layer).weights]
        axis = 2 if one.layer == "end" else -1
        for got, known in zip(carried.arrays(one, source, fresh), arrays[one.layer], strict=True):
            np.testing.assert_array_equal(got, known.take([1, 3], axis))


def test_wider_layers_keep_all_and_begin_the_rest_fresh() -> None:
    there = chain(Conv2D(filters=2, kernel=(1, 1)), Conv2DTranspose(filters=2, kernel=(2, 2), strides=(2, 2)))
    here = chain(Conv2D(filters=3, kernel=(1, 1)), Conv2DTranspose(filters=4, kernel=(2, 2), strides=(2, 2)))
    source = source_of(there)
    carried = transplant(source, here)
    assert [one.how for one in carried.layers] == [
        "2 of 3 filters from there",
        "2 of 3 inputs, 2 of 4 filters from there",
    ]
    fresh = np.full((2, 2, 4, 3), 7, "float32")
    (kernel,) = carried.arrays(carried.layers[1], source, [fresh])
    np.testing.assert_array_equal(kernel[:, :, :2, :2], source.layers["layer_2"][0])
    assert (kernel[:, :, 2:] == 7).all()
    assert (kernel[..., 2] == 7).all()


def with_channels(trace: Trace, channels: int) -> Trace:
    image, *layers = trace.graph.nodes
    return verify(Graph((replace(image, op=Input(shape=(8, 8, channels))), *layers)))


def test_images_of_another_number_of_channels() -> None:
    colour = chain(Conv2D(filters=2, kernel=(3, 3)))
    grey, four = with_channels(colour, 1), with_channels(colour, 4)
    source = source_of(colour)
    (one,) = transplant(source, grey).layers
    assert one.how == "3 -> 1 inputs: summed"
    (kernel,) = transplant(source, grey).arrays(one, source, [np.zeros((3, 3, 1, 2), "float32")])
    np.testing.assert_allclose(kernel, source.layers["layer_1"][0].sum(axis=2, keepdims=True))
    back = source_of(grey)
    (one,) = transplant(back, colour).layers
    assert one.how == "1 -> 3 inputs: a share each"
    (kernel,) = transplant(back, colour).arrays(one, back, [np.zeros((3, 3, 3, 2), "float32")])
    np.testing.assert_allclose(kernel.sum(axis=2, keepdims=True), back.layers["layer_1"][0], rtol=1e-6)
    assert transplant(source, four).layers[0].how == "3 of 4 inputs from there"


@pytest.mark.parametrize(
    ("there", "here", "how"),
    [
        (
            BatchNormalization(scale=False),
            LayerNormalization(center=False),
            "beta and moving_mean and moving_variance there",
        ),
        (Conv2D(filters=3, kernel=(1, 1)), Conv2DTranspose(filters=3, kernel=(1, 1), strides=(1, 1)), "a Conv2D there"),
        (Conv2D(filters=3, kernel=(1, 1)), Conv2D(filters=3, kernel=(1, 1), groups=3), "groups 1 there, 3 here"),
        (Conv2D(filters=3, kernel=(5, 5)), Conv2D(filters=3, kernel=(3, 3)), "5x5x3x3 there, 3x3x3x3 here"),
    ],
)
def test_what_changed_its_meaning_is_new(there: object, here: object, how: str) -> None:
    last = Conv2D(filters=2, kernel=(1, 1))
    carried = transplant(source_of(chain(there, last)), chain(here, last))
    assert carried.layers[0].outcome == "new"
    assert how in carried.layers[0].how


@pytest.mark.parametrize(
    ("there", "here", "how"),
    [
        (Conv2D(filters=3, kernel=(1, 1)), Conv2D(filters=3, kernel=(1, 1), use_bias=True), "kernel taken, bias fresh"),
        (Conv2D(filters=3, kernel=(1, 1), use_bias=True), Conv2D(filters=3, kernel=(1, 1)), "kernel taken"),
        (BatchNormalization(), GroupNormalization(groups=3), "gamma and beta taken"),
        (LayerNormalization(), BatchNormalization(), "gamma and beta taken, moving_mean and moving_variance fresh"),
    ],
)
def test_other_arrays_are_taken_by_their_names(there: Op, here: Op, how: str) -> None:
    last = Conv2D(filters=2, kernel=(1, 1))
    before, after = chain(there, last), chain(here, last)
    source = source_of(before)
    one, other = transplant(source, after).layers
    assert (one.outcome, one.how, other.outcome) == ("adapted", how, "exact")
    row, known = after.row("layer_1"), before.row("layer_1")
    fresh = [np.full(weight.shape, 7, "float32") for weight in row.weights]
    named = dict(zip((weight.name for weight in known.weights), source.layers["layer_1"], strict=True))
    for weight, begun, array in zip(
        row.weights, fresh, transplant(source, after).arrays(one, source, fresh), strict=True
    ):
        np.testing.assert_array_equal(array, named.get(weight.name, begun))
    alone = transplant(source_of(before, whole=False), after).layers[0]
    assert alone.outcome == "new"


@pytest.mark.parametrize("edit", ["replace:norms,by=none", "replace:batch,by=group"])
def test_replaced_norms_leave_the_kernels_what_they_learnt(edit: str) -> None:
    carried = transplant(source_of(traced("mobilenet_v2@32")), traced(f"mobilenet_v2@32+{edit}"))
    assert not carried.having("new")


def test_another_number_of_classes_is_new_and_weights_alone_are_never_adapted() -> None:
    there, here = traced("mobilenet_v2@32"), traced("mobilenet_v2@32,alpha=0.5,classes=7")
    whole = {one.layer: one for one in transplant(source_of(there), here).layers}
    assert whole["predictions"].how == "10 classes there, 7 here"
    assert whole["Conv1"].outcome == "adapted"
    alone = {one.layer: one for one in transplant(source_of(there, whole=False), here).layers}
    assert alone["Conv1"].how == "3x3x3x32 there; the file does not say how its channels are tied"
    assert {one.outcome for one in alone.values()} == {"exact", "new"}


def test_a_network_that_takes_nothing_is_refused() -> None:
    with pytest.raises(
        GraphError, match=r"no layer of this network takes weights from source\.keras, whose layers are"
    ):
        plan_carriage(source_of(traced("mobilenet_v1@32")), traced("mobilenet_v2@32"))


def test_a_network_without_weights_takes_none_and_is_not_refused() -> None:
    trace = chain(MaxPooling2D(kernel=(2, 2), strides=(2, 2)), ReLU())
    carriage = plan_carriage(source_of(trace), trace)
    assert carriage.transplant.layers == carriage.frozen == carriage.prefix.ends == ()


def test_the_number_of_an_automatic_name_is_set_aside_where_it_is_alone() -> None:
    conv = Node("conv2d_1", Conv2D(filters=2, kernel=(1, 1)), ("input",))
    trace = verify(Graph((Node("input", Input(shape=(8, 8, 3))), conv)))
    (known,) = random_arrays(trace).values()

    def twin(*names: str) -> str:
        return transplant(source_of(trace, dict.fromkeys(names, known), whole=False), trace).layers[0].source

    assert twin("conv2d_7", "conv2d_1") == "conv2d_1"
    assert twin("conv2d_7", "dense") == "conv2d_7"
    assert twin("conv2d") == "conv2d"
    assert twin("conv2d_7", "conv2d_8") == twin("conv_1") == ""


@pytest.mark.parametrize("whole", [True, False])
def test_automatic_names_of_two_sessions_are_paired_by_their_order(whole: bool) -> None:
    def numbered(first: int, count: int) -> Trace:
        nodes = [Node("input", Input(shape=(8, 8, 3)))]
        for number in range(first, first + count):
            name = f"conv2d_{number}" if number else "conv2d"
            nodes.append(Node(name, Conv2D(filters=3, kernel=(1, 1)), (nodes[-1].name,)))
        return verify(Graph(tuple(nodes)))

    def twins(there: Trace, here: Trace) -> dict[str, str]:
        return {one.layer: one.source for one in transplant(source_of(there, whole=whole), here).layers}

    assert twins(numbered(9, 3), numbered(0, 3)) == {
        "conv2d": "conv2d_9",
        "conv2d_1": "conv2d_10",
        "conv2d_2": "conv2d_11",
    }
    assert twins(numbered(1, 4), numbered(0, 4)) == {
        "conv2d": "conv2d_1", "conv2d_1": "conv2d_2", "conv2d_2": "conv2d_3", "conv2d_3": "conv2d_4"
    }  # fmt: skip
    # A part of the same network keeps its numbers; of another number of layers nobody knows which is which.
    assert twins(numbered(0, 5), numbered(0, 3)) == {name: name for name in ("conv2d", "conv2d_1", "conv2d_2")}
    assert set(twins(numbered(1, 4), numbered(0, 3)).values()) == {""}


def strung(a: int, b: int, swapped: bool = False) -> Trace:
    """Two layers side by side, a norm and a layer behind both, and one behind the first alone."""
    conv = {name: Conv2D(filters=size, kernel=(1, 1)) for name, size in (("a", a), ("b", b), ("c", 8), ("d", 8))}
    return verify(
        Graph(
            (
                Node("input", Input(shape=(4, 4, 2))),
                Node("a", conv["a"], ("input",)),
                Node("b", conv["b"], ("input",)),
                Node("both", Concatenate(), ("b", "a") if swapped else ("a", "b")),
                Node("norm", BatchNormalization(), ("both",)),
                Node("c", conv["c"], ("norm",)),
                Node("d", conv["d"], ("c",)),
            )
        )
    )


def test_equal_shapes_of_other_channels_are_not_exact() -> None:
    """16 + 16 channels, and 8 + 24: what reads all 32 takes the 8 and the 16 that are left, in place."""
    source, here = source_of(strung(16, 16)), strung(8, 24)
    carried = transplant(source, here)
    assert [(one.outcome, one.how) for one in carried.layers] == [
        ("adapted", "8 of 16 filters kept"),
        ("adapted", "16 of 24 filters from there"),
        ("adapted", "24 of 32 channels kept; 24 of 32 channels from there"),
        ("adapted", "24 of 32 inputs kept; 24 of 32 inputs from there"),
        ("exact", ""),
    ]
    norms = np.abs(source.layers["a"][0]).sum(axis=(0, 1, 2))
    kept = np.sort(np.argsort(-norms)[:8])
    (kernel,) = carried.arrays(carried.layers[3], source, [np.full((1, 1, 32, 8), 7, "float32")])
    known = source.layers["c"][0]
    np.testing.assert_array_equal(kernel[:, :, :8], known[:, :, kept])
    np.testing.assert_array_equal(kernel[:, :, 8:24], known[:, :, 16:])
    assert (kernel[:, :, 24:] == 7).all()


def test_channels_in_another_order_are_not_exact() -> None:
    carried = transplant(source_of(strung(4, 4)), strung(4, 4, swapped=True))
    assert outcomes(carried) == {"a": "exact", "b": "exact", "norm": "new", "c": "new", "d": "exact"}


def flattened(height: int, width: int, filters: int) -> Trace:
    return verify(
        Graph(
            (
                Node("input", Input(shape=(height, width, 2))),
                Node("conv", Conv2D(filters=filters, kernel=(1, 1)), ("input",)),
                Node("flatten", Flatten(), ("conv",)),
                Node("norm", BatchNormalization(), ("flatten",)),
                Node("dense", Dense(units=5), ("norm",)),
            )
        )
    )


@pytest.mark.parametrize("here", [(8, 8, 8), (8, 4, 16), (2, 8, 32), (16, 1, 32)])
def test_maps_of_another_shape_written_down_are_not_exact(here: tuple[int, int, int]) -> None:
    source = source_of(flattened(4, 4, 32))
    found = outcomes(transplant(source, flattened(*here)))
    assert (found["norm"], found["dense"]) == ("new", "new")
    assert set(outcomes(transplant(source, flattened(4, 4, 32))).values()) == {"exact"}
    assert outcomes(transplant(source, flattened(4, 4, 8)))["dense"] == "adapted"


def test_a_network_without_the_preprocessing_and_another_name_for_the_image() -> None:
    """As keras.applications has its MobileNets: a narrower one of the zoo takes its first layer too."""
    there, here = traced("mobilenet_v2@32"), traced("mobilenet_v2@32,alpha=0.25")
    image, _, stem, *rest = there.graph.nodes
    image, stem = replace(image, name="input_layer"), replace(stem, inputs=("input_layer",))
    bare = verify(Graph((image, stem, *rest)))
    for one, other in ((bare, here), (verify(bare.graph), there)):
        carried = transplant(source_of(one), other)
        assert not carried.having("new")
    assert transplant(source_of(bare), here).layers[0].how == "8 of 32 filters kept"


def test_narrowing_is_nested() -> None:
    """What a narrower network keeps, a wider one keeps as well."""
    source = source_of(traced("mobilenet_v2@32"))
    kept = []
    for alpha in (0.75, 0.5, 0.25):
        here = traced(f"mobilenet_v2@32,alpha={alpha}")
        carried = transplant(source, here)
        one = next(one for one in carried.layers if one.layer == "block_6_project_BN")
        fresh = [np.zeros(weight.shape, "float32") for weight in here.row(one.layer).weights]
        kept.append(set(carried.arrays(one, source, fresh)[0].tolist()))
    assert all(small < large for large, small in pairwise(kept))
