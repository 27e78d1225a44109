"""The compiled step: forward, loss, gradients, update and counters in one TensorFlow function.

The one module of the trainer that is TensorFlow's own; the rest reads and writes NumPy and Keras.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.errors import TrainingError
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

PREDICT_BATCH = 250


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the images since the last reset; `diverged_at` is the first step whose loss was not finite, or None."""

    loss: float
    correct: int
    images: int
    diverged_at: int | None


class TrainingStep:
    """One optimizer step of `model` per call; loss and hits are summed on the device until `totals` asks for them.

    The loss is the categorical cross-entropy of the logits that Keras keeps behind a softmax output, not of the
    probabilities: clipped at 1e-7, an image that is badly wrong would have no gradient. A model whose output is not
    a softmax layer falls back to that clip.
    """

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        import tensorflow as tf

        require_tensorflow()
        set_bn_momentum(model, recipe.bn_momentum)
        self.model = model
        self.optimizer = build_optimizer(model, recipe)
        self._recipe = recipe
        self._loss, self._correct = tf.Variable(0.0), tf.Variable(0, dtype=tf.int64)
        self._steps, self._diverged_at = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
        self._run = tf.function(self._step, jit_compile=False)

    def __call__(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], learning_rate: float) -> None:
        """Train on one batch: uint8 (batch, height, width, channels), labels (batch,). Equal shapes never retrace."""
        import tensorflow as tf

        self._run(tf.constant(images), tf.constant(labels), tf.constant(learning_rate, tf.float32))

    def _step(self, images: Any, labels: Any, learning_rate: Any) -> None:
        import keras
        import tensorflow as tf

        classes = self.model.output_shape[-1]
        smoothing = self._recipe.label_smoothing
        targets = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape:
            probabilities = self.model(tf.cast(images, tf.float32), training=True)
            loss = tf.reduce_mean(keras.ops.categorical_crossentropy(targets, probabilities))
        self.optimizer.learning_rate.assign(learning_rate)
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        self._count(loss, tf.math.count_nonzero(tf.argmax(probabilities, axis=-1) == labels))

    def _count(self, loss: Any, hits: Any) -> None:
        import tensorflow as tf

        self._steps.assign_add(1)
        self._loss.assign_add(loss)
        self._correct.assign_add(hits)
        first = tf.logical_and(tf.equal(self._diverged_at, 0), tf.logical_not(tf.math.is_finite(loss)))
        self._diverged_at.assign(tf.where(first, self._steps, self._diverged_at))

    def totals(self) -> Totals:
        """The sums since the last reset; waits for the device."""
        batch, steps, diverged_at = self._recipe.batch_size, int(self._steps.numpy()), int(self._diverged_at.numpy())
        loss = float(self._loss.numpy()) * batch
        return Totals(loss, int(self._correct.numpy()), steps * batch, diverged_at or None)

    def reset(self) -> None:
        """Forget the sums, as at the start of an epoch."""
        for variable in (self._loss, self._correct, self._steps, self._diverged_at):
            variable.assign(0)

    @property
    def variables(self) -> list[Any]:
        """All that a step changes: weights, moving statistics, dropout seeds, then the optimizer's own."""
        return [*self.model.variables, *self.optimizer.variables]


class Predictor:
    """Class probabilities of `model` for any number of images, in equal batches of `batch_size`."""

    def __init__(self, model: keras.Model, batch_size: int = PREDICT_BATCH) -> None:
        import tensorflow as tf

        require_tensorflow()
        self._batch_size = batch_size
        self._run = tf.function(lambda images: model(tf.cast(images, tf.float32), training=False), jit_compile=False)

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities (images, classes); the last batch is padded with its last image, and the padding dropped."""
        import numpy as np
        import tensorflow as tf

        batches = []
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            missing = self._batch_size - len(batch)
            padded = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch
            batches.append(self._run(tf.constant(padded)).numpy())
        probabilities: npt.NDArray[np.float32] = np.concatenate(batches)[: len(images)]
        return probabilities

    def batches(self, images: int) -> int:
        """How many batches `images` images take."""
        return math.ceil(images / self._batch_size)


def build_optimizer(model: keras.Model, recipe: Recipe) -> keras.optimizers.Optimizer:
    """The recipe's optimizer, built for `model`; its decoupled weight decay leaves biases and batch norms alone.

    Depthwise kernels are decayed like the others: batch norm follows them, so that the decay sets the size of their
    steps, not what they can express.
    """
    import keras

    decay = recipe.weight_decay or None
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(momentum=float(recipe.momentum), nesterov=True, weight_decay=decay)
    elif recipe.optimizer == "rmsprop":
        optimizer = keras.optimizers.RMSprop(momentum=float(recipe.momentum), weight_decay=decay)
    else:
        optimizer = keras.optimizers.AdamW(beta_1=float(recipe.momentum), weight_decay=decay)
    vectors = [variable for variable in model.trainable_variables if len(variable.shape) < 2]
    if vectors:
        optimizer.exclude_from_weight_decay(var_list=vectors)
    optimizer.build(model.trainable_variables)
    return optimizer


def set_bn_momentum(model: keras.Model, momentum: float) -> None:
    """Set the momentum of the moving statistics in every batch norm of `model`, nested models included."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
        elif isinstance(layer, keras.Model):
            set_bn_momentum(layer, momentum)


def require_tensorflow() -> None:
    """Raise TrainingError where Keras runs on another backend."""
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise TrainingError(f"the trainer needs Keras on TensorFlow, not {backend}", "set KERAS_BACKEND=tensorflow")
