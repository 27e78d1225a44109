"""Batch normalisation by TensorFlow's fused operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archscope.train.kernels.wiring import is_image

if TYPE_CHECKING:
    import keras


def is_batch_norm(layer: keras.Layer) -> bool:
    """Whether `layer` normalises the channels of an image."""
    import keras

    return type(layer) is keras.layers.BatchNormalization and is_image(layer.output) and layer.axis in (-1, 3)


def batch_norm(layer: keras.Layer) -> Callable[..., Any]:
    """One fused operator for the normalisation and one for its gradient (Ioffe and Szegedy 2015, algorithm 1)."""

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        import tensorflow as tf

        if not training or not layer.trainable:
            return type(layer).call(layer, inputs, training=training, mask=mask)
        scale, offset = scale_and_offset(layer)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operator gives the unbiased variance for the moving average, Keras keeps the biased one.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        move_statistics(layer, mean, variance * (count - 1) / count)
        return outputs

    return call


def scale_and_offset(layer: keras.Layer) -> tuple[Any, Any]:
    """gamma and beta of a batch norm, (channels,) each; 1 and 0 where it has none."""
    import tensorflow as tf

    channels = layer.output.shape[-1]
    scale = tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones([channels])
    offset = tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros([channels])
    return scale, offset


def move_statistics(layer: keras.Layer, mean: Any, variance: Any) -> None:
    """Move the statistics of a batch norm towards the batch's mean and biased variance, (channels,) each."""
    for moving, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + batch * (1 - layer.momentum))
