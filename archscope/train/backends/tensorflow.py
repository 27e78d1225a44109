"""The training step as one TensorFlow function."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from archscope.train.augment import Augmenter, Draws
from archscope.train.backends import base
from archscope.train.forward import giving_logits, in_groups, loss_of
from archscope.train.kernels import fast_layers
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt


class Step(base.Step):
    """Augmented on the CPU by NumPy; forward, loss, gradients, update and counters in one function."""

    count_dtype = "int64"

    def __init__(self, model: keras.Model, recipe: Recipe, augmenter: Augmenter, teacher: keras.Model | None) -> None:
        import tensorflow as tf

        super().__init__(model, recipe, augmenter, teacher)
        self._run = tf.function(self._step, jit_compile=False)

    def prepare(self, chosen: base.Indices, draws: Draws) -> Any:
        return self._augmenter.make(chosen, draws)

    def __call__(self, batch: Any, learning_rate: float) -> None:
        import tensorflow as tf

        images, targets = batch
        self._run(tf.constant(images), tf.constant(targets), tf.constant(learning_rate, tf.float32))

    def _step(self, images: Any, targets: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        images = tf.cast(images, tf.float32)
        taught = None
        if self.teacher is not None:
            with giving_logits(self.teacher) as logits_of:
                taught = logits_of(self.teacher(images, training=False))
        precision, groups = self._recipe.precision, self._recipe.bn_groups
        # Those formulations are for the CPU's kernels in float32.
        on_cpu = not tf.config.list_physical_devices("GPU")
        faster = fast_layers(self.model) if on_cpu and precision == "float32" else nullcontext()
        with faster, giving_logits(self.model, precision) as logits_of, tf.GradientTape() as tape:
            logits = in_groups(lambda group: logits_of(self.model.call(group, training=True)), images, groups)
            loss = loss_of(self._recipe, logits, targets, taught)
        self._update(tape.gradient(loss, self._weights), learning_rate)
        hits = tf.equal(tf.argmax(logits, axis=-1), tf.argmax(targets, axis=-1))
        self._count(loss, tf.math.count_nonzero(hits))

    def _update(self, gradients: list[Any], learning_rate: Any) -> None:
        import tensorflow as tf

        self._taken.assign_add(1)
        step = tf.cast(self._taken.value, tf.float32)
        slots = tuple(tf.convert_to_tensor(slot) for slot in self._slots)
        weights, slots = self._optimizer.update(
            _flat(self._weights), _flat(gradients), slots, tf.constant(self._decayed), learning_rate, step
        )
        parts = tf.split(weights, [math.prod(variable.shape) for variable in self._weights])
        for variable, part in zip(self._weights, parts, strict=True):
            variable.assign(tf.reshape(part, variable.shape))
        for variable, slot in zip(self._slots, slots, strict=True):
            variable.assign(slot)
        for average in self._ema:
            decay = base.ema_decay(self._recipe.ema, step, tf.minimum)
            average.assign(average * decay + _flat(self._averaged) * (1 - decay))

    def _count(self, loss: Any, hits: Any) -> None:
        import tensorflow as tf

        self._steps.assign_add(1)
        self._loss.assign_add(loss)
        self._correct.assign_add(hits)
        steps, diverged_at = self._steps.value, self._diverged_at.value
        first = tf.logical_and(tf.equal(diverged_at, 0), tf.logical_not(tf.math.is_finite(loss)))
        self._diverged_at.assign(tf.where(first, steps, diverged_at))


def answering(model: keras.Model) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """The class probabilities of `model` for a batch; equal shapes compile once."""
    import tensorflow as tf

    run = tf.function(lambda images: model(tf.cast(images, tf.float32), training=False), jit_compile=False)

    def answer(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        probabilities: npt.NDArray[np.float32] = run(tf.constant(images)).numpy()
        return probabilities

    return answer


def has_bfloat16() -> bool:
    """Whether there is a GPU that multiplies bfloat16 (compute capability 8 and later)."""
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return bool(details) and all(found.get("compute_capability", (0, 0)) >= (8, 0) for found in details)


def _flat(tensors: list[Any]) -> Any:
    import tensorflow as tf

    return tf.concat([tf.reshape(tf.convert_to_tensor(tensor), [-1]) for tensor in tensors], axis=0)
