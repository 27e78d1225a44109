"""Faster equal formulations of what a training step spends its time in, for Keras on TensorFlow's CPU kernels.

Keras computes a batch norm from some ten operators, each a pass over memory, and the depthwise filter gradient of a
2x2 map is several times slower than its forward pass. While a step is traced, the layers named here compute the same
values by other operators; the model itself, its weights and its saved form stay as they are. Sums are taken in another
order, so that results differ by rounding, and in nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

SMALL_MAP = 2  # up to this side the taps of a filter gradient are summed one by one


@contextmanager
def fast_layers(model: keras.Model) -> Iterator[None]:
    """While this is open, calling `model` in training uses the formulations of this module."""
    changed = []
    try:
        for layer, call in _faster(model):
            # A plain attribute shadows the method; Keras' own __setattr__ would track it.
            object.__setattr__(layer, "call", call)
            changed.append(layer)
        yield
    finally:
        for layer in changed:
            object.__delattr__(layer, "call")


def _faster(model: keras.Model) -> Iterator[tuple[keras.Layer, Callable[..., Any]]]:
    import keras

    layers = keras.layers
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _faster(layer)
        elif type(layer) is layers.BatchNormalization and _is_image(layer) and layer.axis in (-1, 3):
            yield layer, _batch_norm(layer)
        elif type(layer) is layers.Conv2D and _is_pointwise(layer):
            yield layer, _pointwise(layer)
        elif type(layer) is layers.DepthwiseConv2D and _is_depthwise(layer):
            pad = _pad_before(model, layer)
            if pad is not None:
                yield pad, lambda inputs: inputs
            if pad is not None or max(layer.output.shape[1:3]) <= SMALL_MAP:
                yield layer, _depthwise(layer, pad)


def _is_image(layer: keras.Layer) -> bool:
    return len(layer.output.shape) == 4 and None not in layer.output.shape[1:]


def _is_pointwise(layer: keras.Layer) -> bool:
    window = layer.kernel_size == (1, 1) and layer.strides == (1, 1) and layer.groups == 1
    return window and _is_image(layer) and layer.data_format == "channels_last"


def _batch_norm(layer: keras.Layer) -> Callable[..., Any]:
    """One fused operator for the normalisation and one for its gradient (Ioffe and Szegedy 2015, algorithm 1)."""

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        import tensorflow as tf

        if not training or not layer.trainable:
            return type(layer).call(layer, inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        scale = layer.gamma if layer.scale else tf.ones([channels])
        offset = layer.beta if layer.center else tf.zeros([channels])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(scale),
            offset=tf.convert_to_tensor(offset),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operator gives the unbiased variance for the moving average, Keras keeps the biased one.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance *= (count - 1) / count
        for moving, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign(moving * layer.momentum + batch * (1 - layer.momentum))
        return outputs

    return call


def _pointwise(layer: keras.Layer) -> Callable[..., Any]:
    """A 1x1 convolution as the matrix product that it is."""

    def call(inputs: Any) -> Any:
        import tensorflow as tf

        kernel = tf.convert_to_tensor(layer.kernel)
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        outputs = tf.matmul(rows, kernel[0, 0])
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return layer.activation(tf.reshape(outputs, [-1, *inputs.shape[1:3], kernel.shape[-1]]))

    return call


def _is_depthwise(layer: keras.Layer) -> bool:
    plain = layer.depth_multiplier == 1 and layer.dilation_rate == (1, 1) and layer.strides[0] == layer.strides[1]
    return plain and _is_image(layer) and layer.data_format == "channels_last" and _is_image_tensor(layer.input)


def _is_image_tensor(tensor: Any) -> bool:
    return len(tensor.shape) == 4 and None not in tensor.shape[1:]


def _pad_before(model: keras.Model, layer: keras.Layer) -> keras.Layer | None:
    """The ZeroPadding2D that feeds this `valid` window and nothing else, whose zeros the window can count itself."""
    import keras

    readers = [other for other in model.layers if _reads(other, layer.input)]
    if layer.padding != "valid" or readers != [layer] or any(layer.input is output for output in model.outputs):
        return None
    pads = [other for other in model.layers if type(other) is keras.layers.ZeroPadding2D]
    return next((pad for pad in pads if pad.output is layer.input), None)


def _reads(layer: keras.Layer, tensor: Any) -> bool:
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return any(tensor is given for given in inputs)


def _depthwise(layer: keras.Layer, pad: keras.Layer | None) -> Callable[..., Any]:
    """A depthwise convolution that pads for itself, and whose filter gradient is quick on a small map too."""

    def call(inputs: Any) -> Any:
        import tensorflow as tf

        kernel = tf.convert_to_tensor(layer.kernel)
        padding = _padding(layer, pad, inputs.shape[1:3])
        outputs = _windows(inputs, kernel, layer.strides[0], padding)
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return layer.activation(outputs)

    return call


def _padding(layer: keras.Layer, pad: keras.Layer | None, size: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """(before, after) of both axes."""
    if pad is not None:
        (top, bottom), (left, right) = pad.padding
        return (top, bottom), (left, right)
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    rows, columns = (
        max((math.ceil(side / stride) - 1) * stride + window - side, 0)
        for side, stride, window in zip(size, layer.strides, layer.kernel_size, strict=True)
    )
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def _windows(inputs: Any, kernel: Any, stride: int, padding: tuple[tuple[int, int], tuple[int, int]]) -> Any:
    import tensorflow as tf

    arguments = {
        "strides": [1, stride, stride, 1],
        "padding": "EXPLICIT",
        "explicit_paddings": [0, 0, *padding[0], *padding[1], 0, 0],
    }

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def windows(x: Any, k: Any) -> Any:
        y = tf.raw_ops.DepthwiseConv2dNative(input=x, filter=k, **arguments)

        def gradient(dy: Any) -> tuple[Any, Any]:
            dx = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=k, out_backprop=dy, **arguments
            )
            if max(dy.shape[1:3]) <= SMALL_MAP:
                return dx, _filter_gradient(x, dy, k.shape, stride, (padding[0][0], padding[1][0]))
            dk = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=x, filter_sizes=k.shape, out_backprop=dy, **arguments
            )
            return dx, dk

        return y, gradient

    return windows(inputs, kernel)


def _filter_gradient(x: Any, dy: Any, shape: Any, stride: int, before: tuple[int, int]) -> Any:
    """dk[i, j, c] = sum over n, h, w of x[n, h * stride + i - before, w * stride + j - before, c] * dy[n, h, w, c].

    x (n, H, W, c), dy (n, h, w, c), shape (i, j, c, 1). Only positions inside the map are multiplied.
    """
    import tensorflow as tf

    rows = [_overlap(i - before[0], stride, x.shape[1], dy.shape[1]) for i in range(shape[0])]
    columns = [_overlap(j - before[1], stride, x.shape[2], dy.shape[2]) for j in range(shape[1])]
    sums = []
    for row_x, row_dy in rows:
        for column_x, column_dy in columns:
            product = x[:, row_x, column_x] * dy[:, row_dy, column_dy]
            sums.append(tf.reduce_sum(product, axis=[0, 1, 2]))
    return tf.reshape(tf.stack(sums), shape)


def _overlap(offset: int, stride: int, size: int, out: int) -> tuple[slice, slice]:
    """Where output o of `out` meets the position o * stride + offset inside an input of `size`: both as slices."""
    first = max(0, math.ceil(-offset / stride))
    last = min(out - 1, (size - 1 - offset) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    return slice(first * stride + offset, last * stride + offset + 1, stride), slice(first, last + 1)
