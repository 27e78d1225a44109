"""The compiled step: forward, loss, gradients, update and counters in one TensorFlow function.

The one module of the trainer that is TensorFlow's own; the rest reads and writes NumPy and Keras.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.errors import TrainingError
from archscope.train.kernels import fast_layers
from archscope.train.optimizer import optimizer_of
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

    Where the recipe asks for it, an exponential moving average of weights and moving statistics is kept; `averaged`
    puts it into the model for as long as it is evaluated.
    """

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        import tensorflow as tf

        require_tensorflow()
        set_bn_momentum(model, recipe.bn_momentum)
        self.model = model
        self._recipe, self._optimizer = recipe, optimizer_of(recipe)
        self._weights = model.trainable_variables
        self._averaged = [weight for weight in model.variables if weight.dtype == "float32"] if recipe.ema else []
        length = sum(math.prod(weight.shape) for weight in self._weights)
        decayed = [tf.fill([math.prod(weight.shape)], float(len(weight.shape) > 1)) for weight in self._weights]
        self._decayed = tf.concat(decayed, axis=0)
        self._slots = [tf.Variable(tf.zeros([length])) for _ in range(self._optimizer.slots)]
        self._taken = tf.Variable(0, dtype=tf.int64)
        self._ema = [tf.Variable(_flat(self._averaged))] if recipe.ema else []
        self._loss, self._correct = tf.Variable(0.0), tf.Variable(0, dtype=tf.int64)
        self._steps, self._diverged_at = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
        self._sums = (self._loss, self._correct, self._steps, self._diverged_at)
        self._run = tf.function(self._step, jit_compile=False)

    def __call__(self, images: npt.NDArray[np.uint8], targets: npt.NDArray[np.float32], learning_rate: float) -> None:
        """Train on one batch: uint8 (batch, height, width, channels), class probabilities (batch, classes).

        Equal shapes never retrace.
        """
        import tensorflow as tf

        self._run(tf.constant(images), tf.constant(targets), tf.constant(learning_rate, tf.float32))

    def _step(self, images: Any, targets: Any, learning_rate: Any) -> None:
        import keras
        import tensorflow as tf

        with fast_layers(self.model), tf.GradientTape() as tape:
            probabilities = self.model(tf.cast(images, tf.float32), training=True)
            loss = tf.reduce_mean(keras.ops.categorical_crossentropy(targets, probabilities))
        self._update(tape.gradient(loss, self._weights), learning_rate)
        hits = tf.equal(tf.argmax(probabilities, axis=-1), tf.argmax(targets, axis=-1))
        self._count(loss, tf.math.count_nonzero(hits))

    def _update(self, gradients: list[Any], learning_rate: Any) -> None:
        import tensorflow as tf

        step = tf.cast(self._taken.assign_add(1), tf.float32)
        slots = tuple(slot.value() for slot in self._slots)
        weights, slots = self._optimizer.update(
            _flat(self._weights), _flat(gradients), slots, self._decayed, learning_rate, step
        )
        _unflatten(weights, self._weights)
        for variable, slot in zip(self._slots, slots, strict=True):
            variable.assign(slot)
        for average in self._ema:
            decay = tf.minimum(self._recipe.ema, (1 + step) / (10 + step))
            average.assign(average * decay + _flat(self._averaged) * (1 - decay))

    def _count(self, loss: Any, hits: Any) -> None:
        import tensorflow as tf

        self._steps.assign_add(1)
        self._loss.assign_add(loss)
        self._correct.assign_add(hits)
        first = tf.logical_and(tf.equal(self._diverged_at, 0), tf.logical_not(tf.math.is_finite(loss)))
        self._diverged_at.assign(tf.where(first, self._steps, self._diverged_at))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While this is open, the model holds the moving average, where one is kept."""
        trained = [variable.numpy() for variable in self._averaged]
        for average in self._ema:
            _unflatten(average, self._averaged)
        try:
            yield
        finally:
            for variable, value in zip(self._averaged, trained, strict=True):
                variable.assign(value)

    def totals(self) -> Totals:
        """The sums since the last reset; waits for the device."""
        batch, steps, diverged_at = self._recipe.batch_size, int(self._steps.numpy()), int(self._diverged_at.numpy())
        loss = float(self._loss.numpy()) * batch
        return Totals(loss, int(self._correct.numpy()), steps * batch, diverged_at or None)

    def reset(self) -> None:
        """Forget the sums, as at the start of an epoch."""
        for variable in self._sums:
            variable.assign(0)

    @property
    def variables(self) -> list[Any]:
        """All that a step changes: weights, moving statistics, dropout seeds, the optimizer's own, then the sums."""
        return [*self.model.variables, *self._slots, self._taken, *self._ema, *self._sums]


def _flat(tensors: list[Any]) -> Any:
    import tensorflow as tf

    return tf.concat([tf.reshape(tf.convert_to_tensor(tensor), [-1]) for tensor in tensors], axis=0)


def _unflatten(vector: Any, variables: list[Any]) -> None:
    import tensorflow as tf

    parts = tf.split(vector, [math.prod(variable.shape) for variable in variables])
    for variable, part in zip(variables, parts, strict=True):
        variable.assign(tf.reshape(part, variable.shape))


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
