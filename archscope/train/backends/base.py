"""What the steps of all backends have in common: what they keep between two steps, and how it is read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.train.augment import Augmenter, Draws
from archscope.train.forward import leaves
from archscope.train.optimizer import optimizer_of
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the images since the last reset; `diverged_at` is the first step whose loss was not finite, or None."""

    loss: float
    correct: int
    images: int
    diverged_at: int | None


class Step(ABC):
    """One optimizer step of `model` per call; loss and hits are summed on the device until `totals` asks for them.

    Where the recipe asks for it, an exponential moving average of weights and moving statistics is kept; `averaged`
    puts it into the model for as long as it is evaluated. A `teacher` answers in inference mode and is never changed.
    """

    count_dtype = "int32"

    def __init__(self, model: keras.Model, recipe: Recipe, augmenter: Augmenter, teacher: keras.Model | None) -> None:
        import numpy as np

        self.model, self.teacher = model, teacher
        self._recipe, self._augmenter, self._optimizer = recipe, augmenter, optimizer_of(recipe)
        self._weights = model.trainable_variables
        # Of what is frozen the mean would be itself, but for rounding.
        frozen = {id(weight) for layer in leaves(model) if not layer.trainable for weight in layer.weights}
        moving = [weight for weight in model.variables if weight.dtype == "float32" and id(weight) not in frozen]
        self._averaged = moving if recipe.ema else []
        sizes = [math.prod(weight.shape) for weight in self._weights]
        kernels = [float(len(weight.shape) > 1) for weight in self._weights]
        self._decayed = np.repeat(np.array(kernels, dtype=np.float32), sizes)
        self._slots = [_variable(np.zeros(sum(sizes)), "float32") for _ in range(self._optimizer.slots)]
        self._taken = _variable(0, self.count_dtype)
        start = [weight.numpy().ravel() for weight in self._averaged]
        self._ema = [_variable(np.concatenate(start), "float32")] if recipe.ema else []
        self._loss, self._correct = _variable(0.0, "float32"), _variable(0, self.count_dtype)
        self._steps, self._diverged_at = _variable(0, self.count_dtype), _variable(0, self.count_dtype)
        self._sums = [self._loss, self._correct, self._steps, self._diverged_at]
        self._own: list[keras.Variable] = [*self._slots, self._taken, *self._ema, *self._sums]

    @abstractmethod
    def prepare(self, chosen: Indices, draws: Draws) -> Any:
        """One batch for `__call__`: the images `chosen` by index, to be augmented as `draws` say."""

    @abstractmethod
    def __call__(self, batch: Any, learning_rate: float) -> None:
        """Train on one batch that `prepare` made. Equal shapes never compile anew.

        Steps use the model's own `call`, which takes images of any size: it is `__call__` that insists on the input's.
        """

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While this is open, the model holds what it is to be judged by: the moving average, where one is kept."""
        import numpy as np

        self._write_back()
        trained = [variable.numpy() for variable in self._averaged]
        for average in self._ema:
            ends = np.cumsum([math.prod(variable.shape) for variable in self._averaged])
            for variable, part in zip(self._averaged, np.split(average.numpy(), ends[:-1]), strict=True):
                variable.assign(part.reshape(variable.shape))
        try:
            yield
        finally:
            for variable, value in zip(self._averaged, trained, strict=True):
                variable.assign(value)

    def totals(self) -> Totals:
        """The sums since the last reset; waits for the device."""
        loss, correct, steps, diverged_at = (float(value) for value in self._read_sums())
        batch = self._recipe.batch_size
        return Totals(loss * batch, int(correct), int(steps) * batch, int(diverged_at) or None)

    def reset(self) -> None:
        """Forget the sums, as at the start of an epoch."""
        self._write_back()
        for variable in self._sums:
            variable.assign(0)

    @property
    def variables(self) -> list[Any]:
        """All that a step changes: weights, moving statistics, dropout seeds, the optimizer's own, then the sums."""
        self._write_back()
        return [*self.model.variables, *self._own]

    def _write_back(self) -> None:  # noqa: B027
        """Let the variables hold what the last step left; a backend that computes in them has nothing to do."""

    def _read_sums(self) -> list[Any]:
        return [variable.numpy() for variable in self._sums]


def ema_decay(limit: float, step: Any, smaller: Any) -> Any:
    """The decay of the moving average behind step `step`, from 1; `smaller` is the backend's elementwise minimum."""
    return smaller(limit, (1 + step) / (10 + step))


def _variable(value: Any, dtype: str) -> keras.Variable:
    import keras

    return keras.Variable(value, dtype=dtype, trainable=False)
