"""Predictions against gradients: what a linearised network's gradient says of its taps and of what a position sees.

A twin of the network is lowered to Keras in float64: activations made linear (one with f(0) != 0 becomes x + 1),
maximum pooling the mean, normalisations affine with a shift; inputs and weights are positive, so that nothing cancels
and a gradient is exactly zero only where nothing flows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.analysis import Taps, receptive_fields, seen, taps
from archscope.design import build, parse_spec
from archscope.graph import (
    Activation,
    Add,
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Input,
    LeakyReLU,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    ReLU,
    Rescaling,
    Row,
    SeparableConv2D,
    Trace,
    UpSampling2D,
    ZeroPadding2D,
    verify,
)
from archscope.graph.elementwise import _ZERO_AT_ZERO
from archscope.interop.lower import lower

sys.path.append(str(Path(__file__).parents[1] / "graph"))
from strategies import any_graphs

if TYPE_CHECKING:
    import keras

CONVOLUTIONS = (Conv2D, DepthwiseConv2D, SeparableConv2D, Conv2DTranspose)
Array = np.ndarray[Any, Any]
Position = tuple[int, int]


@pytest.fixture(autouse=True, scope="module")
def float64() -> Iterator[None]:
    from archscope.interop.framework import load_framework

    load_framework()
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_floatx("float32")
    keras.backend.clear_session()


def linear(op: Op) -> Op:
    """The op's linear twin, which makes a zero of zeros where the op does."""
    import keras

    match op:
        case ReLU() | LeakyReLU() | Dropout():
            return Activation(function="linear")
        case Activation():
            at_zero = np.any(keras.activations.get(op.function)(np.zeros((1, 2))))
            return Rescaling(scale=1.0, offset=float(at_zero))
        case Rescaling():
            return Rescaling(scale=abs(op.scale), offset=abs(op.offset))
        case MaxPooling2D():
            return AveragePooling2D(kernel=op.kernel, strides=op.strides, padding=op.padding)
        case Dense():
            return replace(op, activation="linear")
        case _:
            return op


def twin(graph: Graph, rng: np.random.Generator) -> keras.Model:
    """The linearised network with positive weights that keep the size of what passes through."""
    model = lower(Graph(tuple(replace(node, op=linear(node.op)) for node in graph.nodes)))
    for layer in model.layers:
        for weight in layer.weights:
            if weight.name.endswith("kernel"):
                fan_in = np.prod(weight.shape) / layer.output.shape[-1]
                weight.assign(rng.uniform(0.5, 1.5, weight.shape) / fan_in)
            elif weight.name in ("bias", "beta"):
                weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


def kernel(layer: keras.Layer) -> keras.Variable:
    """The weights with the window: of a separable convolution, the depthwise ones."""
    return layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel


def kernel_gradients(model: keras.Model, names: list[str], rng: np.random.Generator) -> dict[str, Array]:
    import tensorflow as tf

    kernels = [kernel(model.get_layer(name)).value for name in names]
    with tf.GradientTape() as tape:
        out = model(positive(model, rng), training=False)
        loss = tf.reduce_sum(out * rng.uniform(0.5, 1.5, out.shape))
    gradients = tape.gradient(loss, kernels, unconnected_gradients="zero")
    assert np.isfinite(float(loss))
    return {name: gradient.numpy() for name, gradient in zip(names, gradients, strict=True)}


def positive(model: keras.Model, rng: np.random.Generator, images: int = 1) -> Array:
    return rng.uniform(0.5, 1.5, (images, *model.input_shape[1:]))


def products_with_values(model: keras.Model, names: list[str], rng: np.random.Generator) -> dict[str, int]:
    """How many of a layer's multiplications meet a non-zero value: a kernel of ones over zeros and ones counts them."""
    import keras

    read = keras.Model(model.input, [model.get_layer(name).input for name in names])(
        positive(model, rng), training=False
    )
    counts = {}
    for name, value in zip(names, read if len(names) > 1 else [read], strict=True):
        layer, there = model.get_layer(name), np.sign(keras.ops.convert_to_numpy(value))
        shape = kernel(layer).shape
        if isinstance(layer, keras.layers.Conv2DTranspose):
            counts[name] = int(there.sum()) * shape[0] * shape[1] * shape[2]
        else:
            layer.set_weights([np.zeros(weight.shape) + weight.name.endswith("kernel") for weight in layer.weights])
            counts[name] = round(float(keras.ops.sum(layer(there))))
            if isinstance(layer, keras.layers.SeparableConv2D):
                # Each filter has summed the window's products once.
                counts[name] //= layer.filters
    return counts


def predicted(op: Op, shape: tuple[int, ...], found: Taps) -> Array:
    """Which weights of a kernel have a gradient, as the parts of `found` say."""
    live = np.zeros(shape, bool)
    for place in np.ndindex(*shape):
        match op:
            case Conv2D():
                written = place[3]
                read = written // (op.filters // op.groups) * shape[2] + place[2]
            case DepthwiseConv2D() | SeparableConv2D():
                read, written = place[2], place[2] * op.depth_multiplier + place[3]
            case _:
                read, written = place[3], place[2]
        parts = [part for part in found.parts if read in part.inputs and written in part.outputs]
        assert len(parts) == 1, "every weight is in one part"
        live[place] = place[:2] in parts[0].live
    return live


def check_taps(graph: Graph, rng: np.random.Generator) -> None:
    trace = verify(graph)
    found = taps(trace)
    kernels = {row.name: row for row in trace if isinstance(row.node.op, CONVOLUTIONS)}
    assert list(found) == list(kernels)
    if not found:
        return
    model = twin(graph, rng)
    gradients = kernel_gradients(model, list(found), rng)
    for name, row in kernels.items():
        expected = predicted(row.node.op, row.weights[0].shape, found[name])
        assert np.array_equal(gradients[name] != 0, expected), f"{name}: {row.node.op}"
        assert found[name].dead_weights == np.count_nonzero(gradients[name] == 0)
        assert found[name].live == {(int(y), int(x)) for y, x in np.argwhere(gradients[name].any(axis=(2, 3)))}
    counts = products_with_values(model, list(found), rng)
    behind = {name: pointwise_macs(kernels[name]) for name in found}
    assert {name: one.macs - one.padding_macs - behind[name] for name, one in found.items()} == counts


def pointwise_macs(row: Row) -> int:
    """MACs of the 1x1 convolution in a separable one; padding is no matter there."""
    if not isinstance(row.node.op, SeparableConv2D):
        return 0
    height, width, _ = row.output
    return height * width * row.weights[1].size


@pytest.mark.parametrize("size", ["32", "33", "48", "40x56"])
@pytest.mark.parametrize("model", ["mobilenet_v1@{},alpha=0.04", "mobilenet_v2@{},alpha=0.1"])
def test_dead_taps_of_mobilenets_have_no_gradient_and_live_ones_have(model: str, size: str) -> None:
    check_taps(build(parse_spec(model.format(size))), np.random.default_rng(0))


@settings(max_examples=100)
@given(any_graphs(), st.integers(0, 2**32 - 1))
def test_dead_taps_of_random_graphs_have_no_gradient_and_live_ones_have(graph: Graph, seed: int) -> None:
    check_taps(graph, np.random.default_rng(seed))


def test_dead_taps_differ_among_the_channels_of_a_group() -> None:
    """Grouped, depthwise and transposed kernels over channels with zeros of their own, behind sums and products."""

    def pad(top: int, bottom: int, left: int, right: int) -> ZeroPadding2D:
        return ZeroPadding2D(padding=((top, bottom), (left, right)))

    nodes = (
        Node("image", Input(shape=(3, 2, 3))),
        Node("one", pad(2, 0, 0, 2), ("image",)),
        Node("other", pad(0, 2, 2, 0), ("image",)),
        Node("sum", Add(), ("one", "other")),
        Node("product", Multiply(), ("one", "other")),
        Node("spread", Conv2DTranspose(filters=2, kernel=(2, 1), strides=(2, 2)), ("image",)),
        Node("cropped", Conv2D(filters=2, kernel=(2, 1), padding="valid"), ("spread",)),
        Node("join", Concatenate(), ("sum", "product", "cropped")),
        Node("grouped", Conv2D(filters=4, kernel=(2, 2), strides=(3, 1), padding="valid", groups=2), ("join",)),
        Node("depthwise", DepthwiseConv2D(kernel=(2, 2), dilation=(3, 2), depth_multiplier=2), ("join",)),
        Node("narrow", Conv2D(filters=4, kernel=(1, 2), strides=(4, 2), padding="valid"), ("depthwise",)),
        Node("enlarged", UpSampling2D(size=(1, 3), interpolation="bilinear"), ("grouped",)),
        Node("smaller", MaxPooling2D(kernel=(1, 3), strides=(1, 4), padding="same"), ("enlarged",)),
        Node("pool", GlobalAveragePooling2D(), ("smaller",)),
        Node("pool_2", GlobalAveragePooling2D(), ("narrow",)),
        Node("end", Add(), ("pool", "pool_2")),
    )
    check_taps(Graph(nodes), np.random.default_rng(0))
    uneven = {name for name, one in taps(verify(Graph(nodes))).items() if len({part.live for part in one.parts}) > 1}
    assert uneven == {"grouped", "depthwise", "narrow"}


def measured(model: keras.Model, positions: list[Position], rng: np.random.Generator) -> list[set[Position]]:
    """The input positions with a gradient from each of those positions of the output."""
    import tensorflow as tf

    image = tf.constant(positive(model, rng, len(positions)))
    with tf.GradientTape() as tape:
        tape.watch(image)
        out = tf.reduce_sum(model(image, training=False), axis=-1)
        loss = tf.reduce_sum(tf.gather_nd(out, [(number, *position) for number, position in enumerate(positions)]))
    gradients = tape.gradient(loss, image, unconnected_gradients="zero").numpy()
    return [{(int(y), int(x)) for y, x in np.argwhere(gradient.any(axis=-1))} for gradient in gradients]


def check_seen(trace: Trace, positions: list[Position], rng: np.random.Generator) -> None:
    output = trace.rows[-1].name
    field = receptive_fields(trace)[output]
    for position, found in zip(positions, measured(twin(trace.graph, rng), positions, rng), strict=True):
        exact = seen(trace, output, position)
        assert set(exact) == found
        for ends, interval, side in zip(exact.box or (), field.window(position), trace.input, strict=False):
            assert interval is not None
            assert max(interval[0], 0) <= ends[0] <= ends[1] <= min(interval[1], side - 1)


@settings(max_examples=50)
@given(any_graphs(gates=False, head=False), st.data())
def test_the_gradient_of_a_position_is_where_it_is_said_to_see(graph: Graph, data: st.DataObject) -> None:
    trace = verify(graph)
    height, width, _ = trace.output
    anywhere = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    check_seen(trace, [(0, 0), (height - 1, width - 1), anywhere], np.random.default_rng(0))


@pytest.mark.parametrize("spec", ["mobilenet_v1@96x33,alpha=0.04", "mobilenet_v2@72x40,alpha=0.1"])
def test_the_gradient_of_mobilenets_fills_the_window(spec: str) -> None:
    """Layer by layer, at the corners and in the middle: the box of the gradient is the window clipped to the input."""
    whole = verify(build(parse_spec(spec)))
    for row in [row for row in whole if isinstance(row.node.op, DepthwiseConv2D)][::3]:
        trace = verify(whole.graph.ancestors(row.name))
        height, width, _ = trace.output
        positions = [(0, 0), (height // 2, width // 2), (height - 1, width - 1)]
        check_seen(trace, positions, np.random.default_rng(0))
        field = receptive_fields(trace)[row.name]
        for position in positions:
            rows, columns = field.window(position)
            assert rows is not None
            assert columns is not None
            last_row, last_column = trace.input[0] - 1, trace.input[1] - 1
            clipped = (max(rows[0], 0), min(rows[1], last_row)), (max(columns[0], 0), min(columns[1], last_column))
            assert seen(trace, row.name, position).box == clipped


@pytest.mark.parametrize("function", sorted(_ZERO_AT_ZERO))
def test_activations_said_to_keep_zeros_do(function: str) -> None:
    import keras

    zeros = np.zeros((1, 2, 2, 4))
    assert not np.any(keras.activations.get(function)(zeros))
