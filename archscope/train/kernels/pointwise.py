"""1x1 convolutions as matrix products, and with the batch norm behind them where they widen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archscope.train.kernels.norm import is_batch_norm, move_statistics, scale_and_offset
from archscope.train.kernels.wiring import Wiring, is_image

if TYPE_CHECKING:
    import keras

# From this factor on the covariance of the inputs costs less than passing over the outputs for their statistics.
WIDENING = 4


def is_pointwise(layer: keras.Layer) -> bool:
    """Whether `layer` is a 1x1 convolution that looks at every position."""
    import keras

    if type(layer) is not keras.layers.Conv2D or not is_image(layer.output):
        return False
    window = layer.kernel_size == (1, 1) and layer.strides == (1, 1) and layer.groups == 1
    return bool(window and layer.data_format == "channels_last")


def product(layer: keras.Layer) -> Callable[..., Any]:
    """A 1x1 convolution as the matrix product that it is."""

    def call(inputs: Any) -> Any:
        import tensorflow as tf

        kernel = tf.convert_to_tensor(layer.kernel)
        outputs = tf.matmul(_rows(inputs), kernel[0, 0])
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return layer.activation(_image_of(outputs, inputs))

    return call


def expansion(layer: keras.Layer, wiring: Wiring) -> dict[keras.Layer, Callable[..., Any]] | None:
    """A widening 1x1 convolution, its batch norm and the activation behind as one product; None where there is no
    such norm, or too little is gained.

    See `normalised_product`: neither the convolution's own outputs nor the normalised ones are ever written out.
    """
    import keras

    norm = wiring.after(layer)
    linear = layer.activation is keras.activations.linear and not layer.use_bias
    if norm is None or not linear or not is_batch_norm(norm) or layer.filters < WIDENING * layer.input.shape[-1]:
        return None
    behind = wiring.after(norm)
    rectifier = behind if type(behind) is keras.layers.ReLU else None

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        import tensorflow as tf

        if not training or not norm.trainable:
            return activation(type(norm).call(norm, product(layer)(inputs), training=training, mask=mask))
        kernel = tf.convert_to_tensor(layer.kernel)[0, 0]
        outputs, mean, variance = normalised_product(_rows(inputs), kernel, *scale_and_offset(norm), norm.epsilon)
        move_statistics(norm, mean, variance)
        # Before the reshape, so that TensorFlow merges product, offset and activation into one operator.
        return _image_of(activation(outputs), inputs)

    def activation(outputs: Any) -> Any:
        return outputs if rectifier is None else keras.layers.ReLU.call(rectifier, outputs)

    calls: dict[keras.Layer, Callable[..., Any]] = {layer: _untouched, norm: call}
    return calls if rectifier is None else calls | {rectifier: _untouched}


def normalised_product(inputs: Any, kernel: Any, scale: Any, offset: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """The batch norm of `inputs @ kernel`, with the batch's mean and biased variance of that product.

    inputs x (n, i), kernel W (i, o), scale and offset (o,); answers (n, o), (o,), (o,).

    With x' = x - mean(x) and C = x'^T x' / n, column j of xW has the variance v_j = W_j^T C W_j: statistics of the few
    inputs stand for those of the many outputs, and the norm becomes one more factor of the kernel. So does its gradient
    (Ioffe and Szegedy 2015, algorithm 1, with the normalised values written as x' W / sqrt(v + epsilon)): for the
    gradient d of the answer, G = x'^T d is all that it needs beside sums of d. No gradient flows through the
    statistics that are answered.
    """
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def normalised(x: Any, w: Any, gamma: Any, beta: Any) -> Any:
        ones = tf.ones([tf.shape(x)[0], 1])
        count = tf.cast(tf.shape(x)[0], tf.float32)
        # As a product: TensorFlow's own sum over rows takes twice the time.
        mean = tf.matmul(ones, x, transpose_a=True)[0] / count
        centred = x - mean
        spread = tf.matmul(tf.matmul(centred, centred, transpose_a=True) / count, w)  # C W
        # Where the inputs are alike along a column of w, rounding can leave a little below zero.
        variance = tf.maximum(tf.reduce_sum(w * spread, axis=0), 0.0)
        inverse = tf.math.rsqrt(variance + epsilon)
        factor = gamma * inverse
        outputs = tf.nn.bias_add(tf.matmul(centred, w * factor), beta)

        def gradient(d: Any, *_: Any) -> tuple[Any, Any, Any, Any]:
            # The column of ones sums d on the way, and subtracts a constant.
            known = tf.concat([centred, ones], axis=1)
            products = tf.matmul(known, d, transpose_a=True)
            g, d_beta = products[:-1], products[-1]
            d_gamma = tf.reduce_sum(w * g, axis=0) * inverse
            d_w = factor * (g - spread * (inverse * d_gamma))
            along = tf.concat([w * (inverse * d_gamma), d_beta[None]], axis=0) * (factor / count)
            d_x = tf.matmul(d, w * factor, transpose_b=True) - tf.matmul(known, tf.matmul(along, w, transpose_b=True))
            return d_x, d_w, d_gamma, d_beta

        return (outputs, tf.linalg.matvec(w, mean, transpose_a=True), variance), gradient

    answers: tuple[Any, Any, Any] = normalised(inputs, kernel, scale, offset)
    return answers


def _untouched(inputs: Any, **_: Any) -> Any:
    return inputs


def _rows(inputs: Any) -> Any:
    import tensorflow as tf

    return tf.reshape(inputs, [-1, inputs.shape[-1]])


def _image_of(rows: Any, like: Any) -> Any:
    import tensorflow as tf

    return tf.reshape(rows, [-1, *like.shape[1:3], rows.shape[-1]])
