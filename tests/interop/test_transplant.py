"""Which weights go where, by names, kinds, shapes and tied channels. No Keras."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import any_graphs
from weight_files import random_arrays, source_of

from archscope.design import build, parse_spec
from archscope.errors import GraphError
from archscope.graph import (
    Add,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Graph,
    Input,
    LayerNormalization,
    Node,
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
        (BatchNormalization(), LayerNormalization(), "a BatchNormalization there, a LayerNormalization here"),
        (Conv2D(filters=3, kernel=(1, 1)), Conv2DTranspose(filters=3, kernel=(1, 1), strides=(1, 1)), "a Conv2D there"),
        (Conv2D(filters=3, kernel=(1, 1)), Conv2D(filters=3, kernel=(1, 1), groups=3), "groups 1 there, 3 here"),
        (Conv2D(filters=3, kernel=(5, 5)), Conv2D(filters=3, kernel=(3, 3)), "5x5x3x3 there, 3x3x3x3 here"),
        (Conv2D(filters=3, kernel=(1, 1)), Conv2D(filters=3, kernel=(1, 1), use_bias=True), "1 arrays there, 2 here"),
    ],
)
def test_what_changed_its_meaning_is_new(there: object, here: object, how: str) -> None:
    last = Conv2D(filters=2, kernel=(1, 1))
    carried = transplant(source_of(chain(there, last)), chain(here, last))
    assert carried.layers[0].outcome == "new"
    assert how in carried.layers[0].how or carried.layers[0].how == "kernel there"


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
