"""Normalisations. Conventions as in `ops`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from archscope.graph.ops import Effect, Mixes, Op, Role, Shape, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm(Op):
    """Base of what keeps the shape and has a learnt scale (gamma) and centre (beta) per channel, or does without."""

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input"
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True

    @property
    def mixes(self) -> Mixes:
        return "channels"

    @property
    def ends_zeros(self) -> bool:
        return self.center

    def learnt(self, shape: Shape) -> tuple[Weight, ...]:
        """gamma and beta, as far as the op has them."""
        gamma = (Weight("gamma", shape[-1:]),) if self.scale else ()
        return (*gamma, Weight("beta", shape[-1:])) if self.center else gamma

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0], self.learnt(inputs[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormalization(Norm):
    """Per channel, by statistics of the batch; the moving ones are weights that no gradient trains."""

    role: ClassVar[Role] = "folds"
    # How fast the statistics move is the trainer's business; left out of the repr, it is no part of the digest.
    momentum: float = field(default=0.99, repr=False)

    @property
    def mixes(self) -> Mixes:
        return "none"

    @property
    def ends_zeros(self) -> bool:
        return True

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][-1:]
        moving = (
            Weight("moving_mean", channels, trainable=False),
            Weight("moving_variance", channels, trainable=False),
        )
        return Effect(inputs[0], (*self.learnt(inputs[0]), *moving))


class LayerNormalization(Norm):
    """Per position, by mean and variance of its channels (Ba et al. 2016, arXiv:1607.06450, as ConvNeXt uses it)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNormalization(Norm):
    """Per image, by mean and variance of groups of channels over the whole map (Wu & He 2018, arXiv:1803.08494)."""

    needs: ClassVar[str] = "channels that its groups divide"
    # The statistics join all positions.
    groups: int = 32

    @property
    def mixes(self) -> Mixes:
        return "positions"

    @property
    def ends_zeros(self) -> bool:
        return True

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][-1]
        return Effect(inputs[0], self.learnt(inputs[0]), fits=(self.groups >= 1) & (channels % self.groups == 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RMSNormalization(Op):
    """Per position, by the root mean square of its channels, with a learnt scale (arXiv:1910.07467)."""

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input"
    epsilon: float = 1e-6

    @property
    def mixes(self) -> Mixes:
        return "channels"

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0], (Weight("scale", inputs[0][-1:]),))


class UnitNormalization(Op):
    """Per position, to a Euclidean norm of 1."""

    __slots__ = ()

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input"

    @property
    def mixes(self) -> Mixes:
        return "channels"

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization(Op):
    """(x - mean) / sqrt(variance) per channel, of the training set: given, or else weights that `adapt` sets.

    `invert` undoes it.
    """

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input, with the channels of its mean and variance"
    role: ClassVar[Role] = "folds"
    mean: tuple[float, ...] | None = None
    variance: tuple[float, ...] | None = None
    invert: bool = False

    @property
    def ends_zeros(self) -> bool:
        return True

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][-1:]
        if self.mean is None:
            moments = (Weight("mean", channels, trainable=False), Weight("variance", channels, trainable=False))
            return Effect(inputs[0], (*moments, Weight("count", (), trainable=False)))
        return Effect(inputs[0], fits=(len(self.mean) == 1) | (channels[0] == len(self.mean)))
