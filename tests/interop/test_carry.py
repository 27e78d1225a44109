"""Carried weights compute what they did: held against Keras, and against networks whose dropped channels are silent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_twins import randomise
from weight_files import Arrays, random_arrays, source_of

from archscope.analysis.channels import ChannelGroups, channel_groups
from archscope.errors import GraphError, TrainingError
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
    Input,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    ReLU,
    SeparableConv2D,
    Trace,
    verify,
)
from archscope.interop.carry import carry, freeze, plan_carriage, thaw
from archscope.interop.lower import lower
from archscope.interop.prefix import put
from archscope.interop.source import Source, read_source


def network(a: int, b: int, c: int) -> Graph:
    """Widths a, b and c through all that joins, repeats, strings together and writes down channels."""
    nodes = [Node("input", Input(shape=(8, 8, 3)))]

    def add(name: str, op: Op, *inputs: str, stage: str = "body") -> None:
        nodes.append(Node(name, op, inputs or (nodes[-1].name,), stage, stage))

    add("stem", Conv2D(filters=a, kernel=(3, 3)))
    add("stem_norm", BatchNormalization())
    add("stem_relu", ReLU(max_value=6.0))
    add("wide", Conv2D(filters=b, kernel=(1, 1)))
    add("wide_norm", BatchNormalization())
    add("deep", DepthwiseConv2D(kernel=(3, 3), depth_multiplier=2))
    add("deep_norm", BatchNormalization())
    add("narrow", Conv2D(filters=a, kernel=(1, 1)))
    add("narrow_norm", BatchNormalization())
    add("sum", Add(), "stem_relu", "narrow_norm")
    add("squeeze", GlobalAveragePooling2D(keepdims=True))
    add("gate", Conv2D(filters=a, kernel=(1, 1), use_bias=True))
    add("sigmoid", Activation(function="sigmoid"))
    add("gated", Multiply(), "sum", "sigmoid")
    add("side", SeparableConv2D(filters=c, kernel=(3, 3), depth_multiplier=2, use_bias=True), "gated")
    add("side_relu", ReLU())
    add("both", Concatenate(), "gated", "side_relu")
    add("grouped", Conv2D(filters=2 * b, kernel=(3, 3), groups=2, strides=(2, 2)), "wide_norm")
    add("up", Conv2DTranspose(filters=c, kernel=(2, 2), strides=(2, 2)))
    add("all", Concatenate(), "both", "up")
    add("pool", MaxPooling2D(kernel=(4, 4), strides=(4, 4), padding="valid"))
    add("flat", Flatten(), stage=HEAD)
    add("units", Dense(units=2 * c, activation="relu"), stage=HEAD)
    add("classes", Dense(units=5, activation="softmax"), stage=HEAD)
    return Graph(tuple(nodes))


def silenced(trace: Trace, keep: dict[str, int], rng: np.random.Generator) -> Arrays:
    """Random arrays in which, of each group, all channels but some are zero wherever they are made or normalised."""
    arrays = {name: [array.copy() for array in values] for name, values in random_arrays(trace).items()}
    groups: ChannelGroups = channel_groups(trace)
    loud = {}
    for group in groups.groups:
        run = group.size // group.runs
        places = rng.choice(run, size=keep.get(group.name, group.size) // group.runs, replace=False)
        loud[group.name] = np.isin(np.arange(group.size) % run, places)
    for row in trace:
        if not row.weights or row.name == "gate":  # A gate on silence may say anything.
            continue
        mask = np.concatenate([np.repeat(loud[s.group.name], s.repeat) for s in groups.segments(row.name)])
        for weight, array in zip(row.weights, arrays[row.name], strict=True):
            if weight.name in ("kernel", "pointwise_kernel") and isinstance(row.node.op, Conv2DTranspose):
                array *= mask[:, None]
            elif weight.name in ("gamma", "beta", "bias", "pointwise_kernel") or (
                weight.name == "kernel" and not isinstance(row.node.op, DepthwiseConv2D)
            ):
                array *= mask
    return {name: tuple(values) for name, values in arrays.items()}


def answers(trace: Trace, arrays: Arrays, images: Any) -> Any:
    model = lower(trace.graph)
    for name, values in arrays.items():
        put(model.get_layer(name), values)
    return np.asarray(model(images, training=False))


def test_a_narrowed_network_computes_what_the_full_one_does_where_the_dropped_channels_are_silent() -> None:
    rng = np.random.default_rng(5)
    full, narrow = verify(network(8, 12, 6)), verify(network(5, 8, 2))
    sizes = {group.name: group.size for group in channel_groups(narrow).groups}
    arrays = silenced(full, sizes, rng)
    images = rng.normal(size=(3, 8, 8, 3)).astype("float32")
    wanted = answers(full, arrays, images)
    source, model = source_of(full, arrays), lower(narrow.graph)
    carriage = carry(source, narrow, model)
    assert not carriage.transplant.having("new")
    assert len(carriage.transplant.having("adapted")) == len(carriage.transplant.layers)
    assert np.ptp(wanted) > 0.05
    np.testing.assert_allclose(np.asarray(model(images, training=False)), wanted, rtol=1e-4, atol=1e-6)


def test_the_prefix_is_computed_and_a_wrong_weight_found() -> None:
    there = verify(network(8, 12, 6))
    here = verify(
        there.graph.with_node(replace(there.graph.node("pool"), op=MaxPooling2D(kernel=(2, 2), strides=(4, 4))))
    )
    source, model = source_of(there), lower(here.graph)
    carriage = carry(source, here, model)
    assert carriage.prefix.ends == ("all",)
    assert carriage.prefix.difference is not None
    assert carriage.prefix.difference < 1e-6
    assert carriage.frozen == tuple(name for name in source.layers if name not in ("units", "classes"))

    lying = Source(source.path, source.sha256, Turning(dict(source.layers)), source.trace)
    with pytest.raises(
        GraphError, match=r"'all' does not compute with its weights what it did before: max\|a - b\| is"
    ):
        carry(lying, here, model)


class Turning(dict[str, Any]):
    """Arrays that are others from the third reading on: behind the decision and the transplant."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.read: Counter[str] = Counter()

    def __getitem__(self, name: str) -> Any:
        self.read[name] += 1
        values = super().__getitem__(name)
        return tuple(value + 1 for value in values) if self.read[name] > 2 and name == "stem" else values


def test_freezing_and_its_limits() -> None:
    trace = verify(network(4, 4, 2))
    model, carriage = lower(trace.graph), plan_carriage(source_of(trace), trace)
    with pytest.raises(TrainingError, match="would leave nothing to train"):
        freeze(model, carriage.frozen)
    assert model.trainable_variables
    with pytest.raises(TrainingError, match="no layer is untouched"):
        freeze(model, ())
    freeze(model, ["stem", "stem_norm"])
    before = len(model.trainable_variables)
    thaw(model)
    assert len(model.trainable_variables) == before + 3


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_keras_own_mobilenet_v2_keeps_its_weights_across_a_stride(tmp_path: Path) -> None:
    """The file is Keras' own, statistics and all; what is computed is held against Keras' own layers."""
    import keras

    from archscope.design import build, parse_spec

    theirs = keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=10, alpha=0.35)
    randomise(theirs, np.random.default_rng(2))
    path = tmp_path / "own.keras"
    theirs.save(path)
    theirs.save_weights(tmp_path / "own.weights.h5")
    here = verify(build(parse_spec(f"{path}+stride:block_3,to=1")))
    ours = lower(here.graph)
    carriage = carry(read_source(path), here, ours)
    assert {one.outcome for one in carriage.transplant.layers} == {"exact"}
    assert len(carriage.transplant.layers) == sum(bool(layer.weights) for layer in theirs.layers)
    assert carriage.prefix.ends == ("block_3_expand_relu",)
    images = np.random.default_rng(3).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    for name in ("Conv1", "block_2_add", "block_3_expand_relu"):
        one, other = (keras.Model(net.input, net.get_layer(name).output)(images) for net in (ours, theirs))
        a, b = np.asarray(one), np.asarray(other)
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()
    for mine, its in zip(ours.layers, theirs.layers, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine.get_weights(), its.get_weights(), strict=True))

    # The zoo's own network has the preprocessing in front, and takes the same weights from either file.
    zoo = verify(build(parse_spec("mobilenet_v2@32,alpha=0.35")))
    for file in (path, tmp_path / "own.weights.h5"):
        model = lower(zoo.graph)
        carriage = carry(read_source(file), zoo, model)
        assert {one.outcome for one in carriage.transplant.layers} == {"exact"}
        assert (carriage.prefix.difference is None) is (file.suffix == ".h5")
        np.testing.assert_allclose(
            np.asarray(model(images * 127.5 + 127.5)), np.asarray(theirs(images)), rtol=1e-4, atol=1e-6
        )


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_models_in_models_with_layers_of_one_name_keep_the_weights_of_each(tmp_path: Path) -> None:
    import keras

    import archscope

    def inner(name: str) -> keras.Model:
        image = keras.Input((8, 8, 4))
        return keras.Model(image, keras.layers.Conv2D(4, 3, padding="same", name="conv")(image), name=name)

    image = keras.Input((8, 8, 4))
    pooled = keras.layers.GlobalAveragePooling2D()(inner("s2")(inner("s1")(image)))
    theirs = keras.Model(image, keras.layers.Dense(5, name="classes")(pooled))
    theirs.save(tmp_path / "nested.keras")
    images = np.random.default_rng(3).normal(size=(2, 8, 8, 4)).astype("float32")
    wanted = np.asarray(theirs(images))
    assert sorted(read_source(tmp_path / "nested.keras").layers) == ["classes", "conv", "s2_conv"]
    live, read = archscope.from_keras(theirs), archscope.build(str(tmp_path / "nested.keras"))
    for ours in (live.lower(), read.lower("own")):
        assert [layer.name for layer in ours.layers if layer.weights] == ["conv", "s2_conv", "classes"]
        np.testing.assert_allclose(np.asarray(ours(images)), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_the_prefix_is_held_against_keras_own_reading_of_the_file(tmp_path: Path) -> None:
    """A layer that archscope reads wrongly: it lowers it wrongly on both sides alike."""
    import keras

    image = keras.Input((8, 8, 3), name="image")
    y = keras.layers.Rescaling(0.01, name="ready")(image)
    y = keras.layers.Conv2D(4, 3, name="conv")(y)
    y = keras.layers.LeakyReLU(0.3, name="leaky")(y)
    keras.Model(image, keras.layers.Conv2D(2, 3, name="end")(y)).save(tmp_path / "net.keras")
    source = read_source(tmp_path / "net.keras")
    assert source.trace is not None
    right, node = source.trace, source.trace.graph.node("leaky")
    carriage = carry(source, right, lower(right.graph))
    assert carriage.prefix.difference is not None
    assert carriage.prefix.ends == ("end",)
    wrong = verify(right.graph.with_node(replace(node, op=replace(node.op, negative_slope=0.1))))  # type: ignore[call-arg]
    with pytest.raises(GraphError, match="'end' does not compute with its weights what it did before"):
        carry(replace(source, trace=wrong), wrong, lower(wrong.graph))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_a_network_that_was_saved_in_float16_keeps_its_weights(tmp_path: Path) -> None:
    import keras

    import archscope

    image = keras.Input((16, 16, 3), name="image")
    y = keras.layers.Conv2D(24, 3, name="conv", dtype="mixed_float16")(image)
    y = keras.layers.GlobalAveragePooling2D(name="pool", dtype="mixed_float16")(y)
    theirs = keras.Model(image, keras.layers.Dense(5, name="classes", dtype="float32")(y))
    theirs.save(tmp_path / "half.keras")
    ours = archscope.build(str(tmp_path / "half.keras")).lower("own")
    for name in ("conv", "classes"):
        for mine, saved in zip(ours.get_layer(name).get_weights(), theirs.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(mine, saved)
