"""The training step as one compiled JAX function over values that stay on the device, the training images too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from archscope.train.augment import Augmenter, Draws, apply
from archscope.train.backends import base
from archscope.train.forward import giving_logits, in_groups, loss_of
from archscope.train.pixels import mix
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt


class Step(base.Step):
    """Augmentation, forward, loss, gradients, update and counters in one function.

    What a step changes is one tuple of arrays, donated to the next step. Keras' variables get it back where somebody
    asks for `variables` or `averaged`; the step then begins from them again. Runs repeat bit by bit on a CPU; on a GPU
    XLA chooses among kernels by timing them, unless XLA_FLAGS holds --xla_gpu_deterministic_ops=true.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, augmenter: Augmenter, teacher: keras.Model | None) -> None:
        import jax

        super().__init__(model, recipe, augmenter, teacher)
        arrays = (augmenter.images, augmenter.labels.astype("int32"), augmenter.targets, self._decayed)
        self._data = tuple(jax.device_put(array) for array in arrays)
        self._taught_by = _values(teacher) if teacher is not None else ()
        self._sizes = [math.prod(weight.shape) for weight in self._weights]
        self._state: Any = None
        self._run = jax.jit(self._step, donate_argnums=0)

    def prepare(self, chosen: base.Indices, draws: Draws) -> Any:
        import jax

        numbers = tuple(getattr(draws, field.name) for field in fields(draws))
        return jax.device_put((chosen.astype("int32"), numbers))

    def __call__(self, batch: Any, learning_rate: float) -> None:
        if self._state is None:
            self._state = self._read()
        self._state = self._run(self._state, self._data, self._taught_by, batch, learning_rate)

    def _read(self) -> Any:
        """The state from the variables: weights as one vector, moving statistics and seeds, then this step's own."""
        import jax
        import numpy as np

        # Copies, by way of NumPy: what is donated is gone, and on the device each shape's copy would be compiled.
        weights = np.concatenate([weight.numpy().ravel() for weight in self._weights])
        others, own = self.model.non_trainable_variables, self._own
        return jax.device_put((weights, *([variable.numpy() for variable in some] for some in (others, own))))

    def _write_back(self) -> None:
        import numpy as np

        if self._state is None:
            return
        weights, others, own = self._state
        parts = np.split(np.asarray(weights), np.cumsum(self._sizes)[:-1])
        for variable, part in zip(self._weights, parts, strict=True):
            variable.assign(part.reshape(variable.shape))
        for variable, value in zip([*self.model.non_trainable_variables, *self._own], [*others, *own], strict=True):
            variable.assign(value)
        self._state = None

    def _read_sums(self) -> list[Any]:
        import jax

        if self._state is None:
            return super()._read_sums()
        return list(jax.device_get(self._state[2][-len(self._sums) :]))

    def _step(self, state: Any, data: Any, taught_by: Any, batch: Any, rate: Any) -> Any:
        import jax
        import jax.numpy as jnp

        (weights, others, own), (every_image, labels, rows, decayed), (chosen, numbers) = state, data, batch
        draws = Draws(*numbers)
        images = apply(every_image[chosen], draws, self._recipe).astype(jnp.float32)
        targets = mix(rows[labels[chosen]], draws.share)
        taught = None
        if self.teacher is not None:
            with giving_logits(self.teacher) as logits_of:
                taught = logits_of(self.teacher.stateless_call(*taught_by, images, training=False)[0])

        def loss_at(vector: Any) -> Any:
            parts, changed = self._parts(vector), others

            def logits_of(group: Any) -> Any:
                nonlocal changed
                answers, changed = self.model.stateless_call(parts, changed, group, training=True)
                return bare(answers)

            with giving_logits(self.model, self._recipe.precision) as bare:
                logits = in_groups(logits_of, images, self._recipe.bn_groups)
            return loss_of(self._recipe, logits, targets, taught), (logits, changed)

        (loss, (logits, others)), gradient = jax.value_and_grad(loss_at, has_aux=True)(weights)
        hits = (logits.argmax(axis=-1) == targets.argmax(axis=-1)).sum(dtype=jnp.int32)
        return self._advance(weights, others, own, gradient, decayed, rate, loss, hits)

    def _advance(
        self, weights: Any, others: Any, own: Any, gradient: Any, decayed: Any, rate: Any, loss: Any, hits: Any
    ) -> Any:
        import jax.numpy as jnp

        count = len(self._slots)
        slots, (taken, *ema), (total, correct, steps, diverged_at) = own[:count], own[count:-4], own[-4:]
        taken, steps = taken + 1, steps + 1
        step = taken.astype(jnp.float32)
        weights, slots = self._optimizer.update(weights, gradient, tuple(slots), decayed, rate, step)
        decay = base.ema_decay(self._recipe.ema, step, jnp.minimum)
        ema = [average * decay + self._averaged_flat(weights, others) * (1 - decay) for average in ema]
        diverged_at = jnp.where((diverged_at == 0) & ~jnp.isfinite(loss), steps, diverged_at)
        return weights, others, [*slots, taken, *ema, total + loss, correct + hits, steps, diverged_at]

    def _parts(self, vector: Any) -> list[Any]:
        """The vector of all weights as the weights."""
        import jax.numpy as jnp
        import numpy as np

        parts = jnp.split(vector, np.cumsum(self._sizes)[:-1])
        return [part.reshape(weight.shape) for weight, part in zip(self._weights, parts, strict=True)]

    def _averaged_flat(self, weights: Any, others: Any) -> Any:
        """All that is averaged, as one vector in the order of the model's variables."""
        import jax.numpy as jnp

        variables = [*self._weights, *self.model.non_trainable_variables]
        values = dict(zip(map(id, variables), [*self._parts(weights), *others], strict=True))
        return jnp.concatenate([values[id(variable)].ravel() for variable in self._averaged])


def answering(model: keras.Model) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """The class probabilities of `model` for a batch; equal shapes compile once."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    run = jax.jit(lambda values, images: model.stateless_call(*values, images.astype(jnp.float32), training=False)[0])
    return lambda images: np.asarray(run(_values(model), images))


def has_bfloat16() -> bool:
    """Whether the device multiplies bfloat16: a TPU, or a GPU of compute capability 8 and later."""
    import jax

    device = jax.devices()[0]
    if device.platform == "gpu":
        return float(getattr(device, "compute_capability", 0)) >= 8
    return bool(device.platform == "tpu")


def _values(model: keras.Model) -> tuple[list[Any], list[Any]]:
    trainable, others = model.trainable_variables, model.non_trainable_variables
    return [variable.value for variable in trainable], [variable.value for variable in others]
