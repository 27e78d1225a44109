"""The optimizers' rules, each written once over flat arrays: all weights of a network as one vector.

A network has a hundred small weight tensors, and an update of each on its own is mostly overhead. The rules use
arithmetic operators alone, so that TensorFlow, JAX, PyTorch and NumPy arrays go through the same lines. They are those
of the Keras optimizers of the same names (and of their papers), with decoupled weight decay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archscope.train.recipe import Recipe

RMSPROP_RHO, RMSPROP_EPSILON = 0.9, 1e-7
ADAM_BETA_2, ADAM_EPSILON = 0.999, 1e-7

Array = Any
Rule = Callable[[Array, Array, tuple[Array, ...], Array, Array], tuple[Array, tuple[Array, ...]]]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """`rule(weights, gradient, slots, learning_rate, step)` gives the new weights and slots; step counts from 1.

    slots: how many vectors of the weights' length the rule remembers, all zero at the start.
    weight_decay: w <- w * (1 - learning_rate * weight_decay) for the decayed weights, before the rule.
    """

    slots: int
    rule: Rule
    weight_decay: float

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: tuple[Array, ...],
        decayed: Array,
        learning_rate: Array,
        step: Array,
    ) -> tuple[Array, tuple[Array, ...]]:
        """One step over vectors; `decayed` is 1 where a weight is decayed and 0 where not."""
        if self.weight_decay:
            weights = weights - weights * (decayed * (learning_rate * self.weight_decay))
        return self.rule(weights, gradient, slots, learning_rate, step)


def optimizer_of(recipe: Recipe) -> Optimizer:
    """The recipe's optimizer."""
    slots, make = _RULES[recipe.optimizer]
    return Optimizer(slots, make(recipe.momentum), recipe.weight_decay)


def _sgd(momentum: float) -> Rule:
    """Nesterov's momentum (Sutskever et al. 2013)."""

    def rule(weights: Array, gradient: Array, slots: tuple[Array, ...], rate: Array, step: Array) -> Any:
        change = gradient * rate
        velocity = slots[0] * momentum - change
        return weights + velocity * momentum - change, (velocity,)

    return rule


def _rmsprop(momentum: float) -> Rule:
    """RMSprop (Tieleman and Hinton 2012) with momentum on the scaled gradient."""

    def rule(weights: Array, gradient: Array, slots: tuple[Array, ...], rate: Array, step: Array) -> Any:
        square = slots[0] * RMSPROP_RHO + gradient * gradient * (1 - RMSPROP_RHO)
        velocity = slots[1] * momentum + gradient * rate / (square + RMSPROP_EPSILON) ** 0.5
        return weights - velocity, (square, velocity)

    return rule


def _adamw(momentum: float) -> Rule:
    """Adam (Kingma and Ba 2015); its decay is decoupled by Optimizer (Loshchilov and Hutter 2019)."""

    def rule(weights: Array, gradient: Array, slots: tuple[Array, ...], rate: Array, step: Array) -> Any:
        mean = slots[0] + (gradient - slots[0]) * (1 - momentum)
        square = slots[1] + (gradient * gradient - slots[1]) * (1 - ADAM_BETA_2)
        scale = rate * (1 - ADAM_BETA_2**step) ** 0.5 / (1 - momentum**step)
        return weights - mean * scale / (square**0.5 + ADAM_EPSILON), (mean, square)

    return rule


_RULES: dict[str, tuple[int, Callable[[float], Rule]]] = {
    "sgd": (1, _sgd),
    "rmsprop": (2, _rmsprop),
    "adamw": (2, _adamw),
}
