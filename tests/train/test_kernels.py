"""The faster formulations against Keras' own layers: values, gradients and moving statistics, on random networks."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archscope.train.kernels import fast_layers
from archscope.train.kernels.depthwise import _overlap
from archscope.train.kernels.pointwise import normalised_product

TOLERANCE = 2e-4  # of the largest entry: float32 sums in another order


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Blocks of what the formulations replace, at sides from 1 to 9, odd ones too."""
    blocks = st.fixed_dictionaries(
        {
            "kernel": st.sampled_from([1, 2, 3, 5]),
            "stride": st.sampled_from([1, 1, 2]),
            "padding": st.sampled_from(["same", "padded", "valid"]),
            "bias": st.booleans(),
            "scale": st.booleans(),
            "center": st.booleans(),
            "width": st.integers(1, 6),
            "residual": st.booleans(),
            "widening": st.sampled_from([0, 0, 3, 4, 7]),
            "rectified": st.sampled_from([None, 6.0, 0.5]),
            "seen": st.booleans(),
        }
    )
    return {
        "size": draw(st.tuples(st.integers(1, 9), st.integers(1, 9))),
        "channels": draw(st.integers(1, 4)),
        "blocks": draw(st.lists(blocks, min_size=1, max_size=3)),
        "seed": draw(st.integers(0, 2**16)),
    }


def build(network: dict[str, Any]) -> Any:
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(network["seed"])
    image = x = keras.Input((*network["size"], network["channels"]))
    for block in network["blocks"]:
        if block["widening"]:
            x = wide = layers.Conv2D(block["widening"] * x.shape[-1], 1, use_bias=False)(x)
        x = layers.BatchNormalization(scale=block["scale"], center=block["center"], momentum=0.9)(x)
        if block["rectified"]:
            x = layers.ReLU(max_value=block["rectified"])(x)
        if block["widening"] and block["seen"]:
            # The product has a second reader: it must be there as it is.
            x = layers.Add()([x, wide])
        kernel, stride = block["kernel"], block["stride"]
        if block["padding"] == "padded":
            x = layers.ZeroPadding2D(((kernel // 2, kernel // 2), (0, kernel - 1)))(x)
        fits = min(x.shape[1:3]) >= kernel
        padding = "same" if block["padding"] == "same" or not fits else "valid"
        before, bias = x, block["bias"]
        x = layers.DepthwiseConv2D(kernel, strides=stride, padding=padding, use_bias=bias, activation="relu")(x)
        if block["residual"] and x.shape == before.shape:
            x = layers.Add()([x, before])
        x = layers.Conv2D(block["width"], 1, use_bias=bias, activation="tanh" if bias else None)(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


def results(model: Any, images: np.ndarray, fast: bool) -> list[np.ndarray]:
    """Outputs, the loss' gradients by input and weights, and the moving statistics behind one training step."""
    import tensorflow as tf

    @tf.function
    def step(images: Any) -> tuple[Any, Any]:
        with fast_layers(model) if fast else nullcontext(), tf.GradientTape() as tape:
            tape.watch(images)
            outputs = model(images, training=True)
            loss = tf.reduce_sum(tf.sin(outputs * 3.0))
        return outputs, tape.gradient(loss, [images, *model.trainable_variables])

    before = [variable.numpy() for variable in model.variables]
    outputs, gradients = step(tf.constant(images))
    found = [outputs, *gradients, *(variable.numpy() for variable in model.non_trainable_variables)]
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)
    return [np.asarray(value) for value in found]


def biased(size: tuple[int, int], **block: Any) -> dict[str, Any]:
    """One depthwise convolution with a bias: with explicit padding TensorFlow merged the two, and aborted."""
    usual = {"kernel": 3, "stride": 1, "padding": "padded", "bias": True, "scale": True, "center": True, "width": 2}
    plain = {"residual": False, "widening": 0, "rectified": None, "seen": False}
    return {"size": size, "channels": 3, "seed": 1, "blocks": [usual | plain | block]}


@given(networks())
@example(biased((4, 4)))
@example(biased((5, 4), stride=2))
@example(biased((2, 2), padding="same"))
@example(biased((2, 2), padding="valid", kernel=2))
@settings(max_examples=15, deadline=None)
def test_a_training_step_is_equal_but_for_rounding(network: dict[str, Any]) -> None:
    model = build(network)
    images = np.random.default_rng(network["seed"]).normal(size=(6, *model.input_shape[1:])).astype(np.float32)
    plain, fast = results(model, images, fast=False), results(model, images, fast=True)
    # A gradient is a sum over the batch: what cancels is measured against the largest of all gradients.
    largest = max(np.abs(value).max(initial=0) for value in plain)
    statistics = len(model.non_trainable_variables)
    for place, (ours, theirs) in enumerate(zip(fast, plain, strict=True), statistics - len(plain)):
        assert ours.shape == theirs.shape
        # A mean or variance is no difference of large numbers: those are measured against themselves.
        size = np.abs(theirs).max(initial=0) if place >= 0 else max(largest, 1)
        assert np.abs(ours - theirs).max(initial=0) <= TOLERANCE * size


def test_the_layers_are_their_own_again_afterwards_and_inference_is_untouched() -> None:
    network = {
        "size": (4, 4), "channels": 2, "seed": 3,
        "blocks": [{"kernel": 3, "stride": 2, "padding": "padded", "bias": True, "scale": True, "center": True,
                    "width": 3, "residual": False, "widening": 4, "rectified": 6.0, "seen": False}],
    }  # fmt: skip
    model = build(network)
    images = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)
    expected = model(images, training=False).numpy()
    with fast_layers(model):
        assert [layer.name for layer in model.layers if "call" in vars(layer)]
        inside = model(images, training=False).numpy()
    assert not [layer.name for layer in model.layers if "call" in vars(layer)]
    np.testing.assert_allclose(inside, expected, rtol=1e-5)
    assert (model(images, training=False).numpy() == expected).all()


@pytest.mark.parametrize("widened", [False, True])
def test_a_frozen_batch_norm_keeps_its_statistics(widened: bool) -> None:
    import keras

    layers = keras.layers
    image = x = keras.Input((2, 2, 2))
    norm = layers.BatchNormalization(momentum=0.5)
    norm.trainable = False
    if widened:
        x = layers.Conv2D(8, 1, use_bias=False)(x)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(2, 1)(layers.ReLU(6.0)(norm(x)))))
    images = np.random.default_rng(0).normal(5, 1, (4, 2, 2, 2)).astype(np.float32)
    for ours, theirs in zip(results(model, images, True), results(model, images, False), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_widening_product_and_its_norm_are_one_operator_and_its_statistics_keep_their_digits() -> None:
    """Inputs far from zero, and nearly alike: a variance by the difference of two large sums would be noise."""
    import keras
    import tensorflow as tf

    layers = keras.layers
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(12, 1, use_bias=False, name="wide")(image)
    norm = layers.BatchNormalization(momentum=0.0, epsilon=1e-6)
    model = keras.Model(image, layers.ReLU(6.0)(norm(x)))
    images = np.random.default_rng(0).normal(300, 0.1, (16, 8, 8, 3)).astype(np.float32)
    kernel = model.get_layer("wide").kernel.numpy()[0, 0]
    exact = (images.astype(np.float64) @ kernel.astype(np.float64)).reshape(-1, 12)

    @tf.function
    def step(images: Any) -> Any:
        with fast_layers(model):
            return model(images, training=True)

    outputs = step(tf.constant(images))
    np.testing.assert_allclose(norm.moving_variance.numpy(), exact.var(0), rtol=1e-3)
    normed = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-6)
    np.testing.assert_allclose(outputs.numpy().reshape(-1, 12), normed.clip(0, 6), atol=1e-2)
    operators = {node.op for node in step.get_concrete_function(tf.constant(images)).graph.as_graph_def().node}
    assert "FusedBatchNormV3" not in str(operators)


def test_the_variance_of_inputs_that_are_alike_is_not_negative() -> None:
    """A column of the kernel that all inputs cancel in: the exact variance is 0, and rounding goes either way."""
    import tensorflow as tf

    for seed in range(20):
        rng = np.random.default_rng(seed)
        inputs = (rng.normal(size=(256, 1)) * [1, 2, -1] * 100).astype(np.float32)
        kernel = rng.normal(size=(3, 12)).astype(np.float32)
        kernel[2] = kernel[0] + 2 * kernel[1]
        ones = tf.ones([12])
        outputs, _, variance = normalised_product(inputs, kernel, ones, ones, 1e-3)
        assert np.isfinite(outputs).all()
        assert variance.numpy().min() >= 0


@pytest.mark.parametrize(
    ("offset", "stride", "size", "out", "expected"),
    [
        (-1, 1, 2, 2, (slice(0, 1, 1), slice(1, 2))),  # the left tap of a 2-wide map: only its second output meets one
        (1, 1, 2, 2, (slice(1, 2, 1), slice(0, 1))),
        (0, 2, 3, 2, (slice(0, 3, 2), slice(0, 2))),
        (2, 2, 3, 2, (slice(2, 3, 2), slice(0, 1))),
        (3, 1, 2, 2, (slice(0, 0), slice(0, 0))),
        (-2, 1, 1, 1, (slice(0, 0), slice(0, 0))),
    ],
)
def test_where_outputs_meet_inputs_by_hand(offset: int, stride: int, size: int, out: int, expected: Any) -> None:
    assert _overlap(offset, stride, size, out) == expected
