"""The training step and the prediction on the backend that Keras runs on."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

from archscope.errors import TrainingError
from archscope.train.augment import Augmenter
from archscope.train.backends.base import Step
from archscope.train.forward import body_of
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

BACKENDS = ("tensorflow", "jax", "torch")
PREDICT_BATCH = 250


def training_step(model: keras.Model, recipe: Recipe, augmenter: Augmenter, teacher: keras.Model | None = None) -> Step:
    """The step that trains `model` on the batches of `augmenter`. Its batch norms take the recipe's momentum.

    Raises TrainingError where Keras runs on a backend that there is no step for, and for mixed precision on a machine
    that would only emulate it, or of a network that has no part for it.
    """
    backend = _backend()
    if recipe.precision == "mixed":
        _check_mixed(backend, model)
    # Each group of a batch moves the statistics, and together they move them as far as one would.
    set_bn_momentum(model, recipe.bn_momentum ** (1 / recipe.bn_groups))
    step: Step = backend.Step(model, recipe, augmenter, teacher)
    return step


def _check_mixed(backend: Any, model: keras.Model) -> None:
    missing = None
    if not backend.has_bfloat16():
        missing = "this machine has no GPU that multiplies bfloat16"
    elif not body_of(model):
        missing = "the network has no global pooling or Flatten, up to which it would hold"
    if missing:
        raise TrainingError(f"precision is 'mixed' and {missing}", "set --precision float32")


class Predictor:
    """Class probabilities of `model` for any number of images, in equal batches of `batch_size`."""

    def __init__(self, model: keras.Model, batch_size: int = PREDICT_BATCH) -> None:
        self._batch_size, self._answer = batch_size, _backend().answering(model)

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities (images, classes); the last batch is padded with its last image, and the padding dropped."""
        import numpy as np

        batches = []
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            missing = self._batch_size - len(batch)
            padded = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch
            batches.append(self._answer(padded))
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


def _backend() -> Any:
    """The module of archscope.train.backends that is Keras' backend's."""
    import keras

    name = keras.backend.backend()
    if name not in BACKENDS:
        raise TrainingError(
            f"Keras runs on {name}, and there is no training step for it",
            f"set KERAS_BACKEND to {' or '.join(BACKENDS)}",
        )
    return import_module(f"archscope.train.backends.{name}")
