"""Depthwise convolutions that pad for themselves, with quick gradients on small maps and under strides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archscope.train.kernels.wiring import Wiring, is_image

if TYPE_CHECKING:
    import keras

SMALL_MAP = 2  # up to this side the taps of a filter gradient are summed one by one

Padding = tuple[tuple[int, int], tuple[int, int]]  # (before, after) of rows and of columns
NONE: Padding = ((0, 0), (0, 0))


def is_depthwise(layer: keras.Layer) -> bool:
    """Whether `layer` is a depthwise convolution with one kernel per channel, of an image."""
    import keras

    if type(layer) is not keras.layers.DepthwiseConv2D or not is_image(layer.output) or not is_image(layer.input):
        return False
    plain = layer.depth_multiplier == 1 and layer.dilation_rate == (1, 1) and layer.strides[0] == layer.strides[1]
    return bool(plain and layer.data_format == "channels_last")


def windows(layer: keras.Layer, wiring: Wiring) -> dict[keras.Layer, Callable[..., Any]]:
    """The convolution, and the zero padding that feeds it alone, as one; empty where nothing is gained."""
    import keras

    pad = wiring.before(layer) if layer.padding == "valid" else None
    if type(pad) is keras.layers.ZeroPadding2D:
        return {pad: lambda inputs: inputs, layer: _depthwise(layer, pad)}
    if max(layer.input.shape[1:3]) <= SMALL_MAP:
        return {layer: _depthwise(layer, None)}
    return {}


def _implicit(layer: keras.Layer, padding: Padding, size: Any) -> str | None:
    """The word by which TensorFlow knows that padding of a map of that size, or None."""
    if padding == _same(size, layer.strides[0], layer.kernel_size):
        return "SAME"
    return "VALID" if padding == NONE else None


def _depthwise(layer: keras.Layer, pad: keras.Layer | None) -> Callable[..., Any]:
    """A depthwise convolution that pads for itself, and whose filter gradient is quick on a small map too."""

    def call(inputs: Any) -> Any:
        import tensorflow as tf

        kernel = tf.convert_to_tensor(layer.kernel)
        padding = _padding(layer, pad, inputs.shape[1:3])
        implicit = _implicit(layer, padding, inputs.shape[1:3])
        if layer.use_bias and implicit is None:
            # TensorFlow merges a bias into the convolution, and with explicit padding it then aborts.
            inputs = tf.pad(inputs, ((0, 0), *padding, (0, 0)))
            padding, implicit = NONE, "VALID"
        outputs = _windows(inputs, kernel, layer.strides[0], padding, implicit, layer.use_bias)
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return layer.activation(outputs)

    return call


def _padding(layer: keras.Layer, pad: keras.Layer | None, size: Any) -> Padding:
    if pad is not None:
        (top, bottom), (left, right) = pad.padding
        return (top, bottom), (left, right)
    if layer.padding == "valid":
        return NONE
    return _same(size, layer.strides[0], layer.kernel_size)


def _same(size: Any, stride: int, window: Any) -> Padding:
    """What TensorFlow's padding "SAME" comes to."""
    rows, columns = (
        max((math.ceil(side / stride) - 1) * stride + taps - side, 0) for side, taps in zip(size, window, strict=True)
    )
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def _windows(inputs: Any, kernel: Any, stride: int, padding: Padding, implicit: str | None, biased: bool) -> Any:
    import tensorflow as tf

    strides = [1, stride, stride, 1]
    explicit = {"strides": strides, "padding": "EXPLICIT", "explicit_paddings": [0, 0, *padding[0], *padding[1], 0, 0]}
    # Where both say the same, oneDNN has an input gradient for the implicit padding alone.
    preferred = {"strides": strides, "padding": implicit} if implicit else explicit

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def windows(x: Any, k: Any) -> Any:
        y = tf.raw_ops.DepthwiseConv2dNative(input=x, filter=k, **(preferred if biased else explicit))

        def gradient(dy: Any) -> tuple[Any, Any]:
            dx = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=k, out_backprop=dy, **preferred
            )
            if max(x.shape[1:3]) <= SMALL_MAP:
                return dx, _filter_gradient(x, dy, k.shape, stride, (padding[0][0], padding[1][0]))
            dk = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=x, filter_sizes=k.shape, out_backprop=dy, **explicit
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
