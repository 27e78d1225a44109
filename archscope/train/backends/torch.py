"""The training step in PyTorch, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zlib import crc32

from archscope.train.augment import Augmenter, Draws
from archscope.train.backends import base
from archscope.train.forward import giving_logits, in_groups, loss_of
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt


class Step(base.Step):
    """Augmented on the CPU by NumPy; the rest on Keras' device."""

    def __init__(self, model: keras.Model, recipe: Recipe, augmenter: Augmenter, teacher: keras.Model | None) -> None:
        import keras

        super().__init__(model, recipe, augmenter, teacher)
        self._decayed_there = keras.ops.convert_to_tensor(self._decayed)

    def prepare(self, chosen: base.Indices, draws: Draws) -> Any:
        import keras

        images, targets = self._augmenter.make(chosen, draws)
        # Keras leaves dropout to PyTorch's own random numbers, which no variable holds: each batch begins them anew.
        seed = crc32(chosen.tobytes(), self._recipe.seed)
        return keras.ops.convert_to_tensor(images), keras.ops.convert_to_tensor(targets), seed

    def __call__(self, batch: Any, learning_rate: float) -> None:
        import torch

        images, targets, seed = batch
        images = images.float()
        torch.manual_seed(seed)
        taught = None
        if self.teacher is not None:
            with torch.no_grad(), giving_logits(self.teacher) as logits_of:
                taught = logits_of(self.teacher(images, training=False))
        groups = self._recipe.bn_groups
        with giving_logits(self.model, self._recipe.precision) as logits_of:
            logits = in_groups(lambda group: logits_of(self.model.call(group, training=True)), images, groups)
            loss = loss_of(self._recipe, logits, targets, taught)
        gradients = torch.autograd.grad(loss, [weight.value for weight in self._weights])
        with torch.no_grad():
            self._update(gradients, learning_rate)
            self._count(loss, (logits.argmax(dim=-1) == targets.argmax(dim=-1)).sum())

    def _update(self, gradients: Any, learning_rate: float) -> None:
        self._taken.value.add_(1)
        step = self._taken.value.float()
        slots = tuple(slot.value for slot in self._slots)
        weights, slots = self._optimizer.update(
            _flat(self._weights), _flat(gradients), slots, self._decayed_there, learning_rate, step
        )
        parts = weights.split([math.prod(weight.shape) for weight in self._weights])
        for variable, part in zip(self._weights, parts, strict=True):
            variable.value.copy_(part.view(variable.value.shape))
        for variable, slot in zip(self._slots, slots, strict=True):
            variable.value.copy_(slot)
        for average in self._ema:
            decay = base.ema_decay(self._recipe.ema, step, lambda limit, other: other.clamp(max=limit))
            average.value.copy_(average.value * decay + _flat(self._averaged) * (1 - decay))

    def _count(self, loss: Any, hits: Any) -> None:
        import torch

        self._steps.value.add_(1)
        self._loss.value.add_(loss)
        self._correct.value.add_(hits)
        steps, diverged_at = self._steps.value, self._diverged_at.value
        first = (diverged_at == 0) & ~torch.isfinite(loss)
        diverged_at.copy_(torch.where(first, steps, diverged_at))


def answering(model: keras.Model) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """The class probabilities of `model` for a batch."""
    import keras
    import torch

    def answer(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with torch.no_grad():
            there = keras.ops.convert_to_tensor(images).float()
            probabilities: npt.NDArray[np.float32] = model(there, training=False).cpu().numpy()
        return probabilities

    return answer


def has_bfloat16() -> bool:
    """Whether there is a GPU that multiplies bfloat16."""
    import torch

    return bool(torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0))


def _flat(tensors: Any) -> Any:
    import torch

    return torch.cat([getattr(tensor, "value", tensor).reshape(-1) for tensor in tensors])
