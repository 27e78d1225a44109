"""Ops that look at one value at a time, or, as a softmax does, at one position. Conventions as in `ops`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archscope.graph.ops import Effect, Mixes, Op, Role, Shape, Weight

# An activation that is not listed is taken to end structural zeros: a tap is called dead only where it is.
# fmt: off
_ZERO_AT_ZERO = frozenset({
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "hard_silu",
    "hard_swish", "tanh", "hard_tanh", "tanh_shrink", "softsign", "soft_shrink", "hard_shrink",
})
# fmt: on
_MIX_CHANNELS = frozenset({"softmax", "log_softmax", "sparsemax"})


def ends_zeros(activation: str) -> bool:
    """Whether f(0) of this activation may be something else than 0."""
    return activation not in _ZERO_AT_ZERO


class Elementwise(Op):
    """An op that keeps the shape, has no weights, and multiplies nothing that counts."""

    __slots__ = ()

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input"
    role: ClassVar[Role] = "folds"

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0])


class Identity(Elementwise):
    """The input, handed on."""

    __slots__ = ()

    role: ClassVar[Role] = "views"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaling(Elementwise):
    """x * scale + offset, each one number or one per channel: the preprocessing, inside the network."""

    needs: ClassVar[str] = "one input, with the channels of its scale and offset"
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...] = 0.0

    @property
    def ends_zeros(self) -> bool:
        offsets = self.offset if isinstance(self.offset, tuple) else (self.offset,)
        return any(offset != 0 for offset in offsets)

    def effect(self, *inputs: Shape) -> Effect:
        fits = True
        for values in (self.scale, self.offset):
            if isinstance(values, tuple):
                fits = fits & ((len(values) == 1) | (inputs[0][-1] == len(values)))
        return Effect(inputs[0], fits=fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation(Elementwise):
    """A function by its Keras name."""

    function: str

    @property
    def mixes(self) -> Mixes:
        return "channels" if self.function in _MIX_CHANNELS else "none"

    @property
    def ends_zeros(self) -> bool:
        return ends_zeros(self.function)


class Softmax(Elementwise):
    """exp(x) over its sum along the channels."""

    __slots__ = ()

    @property
    def mixes(self) -> Mixes:
        return "channels"

    @property
    def ends_zeros(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReLU(Elementwise):
    """x from `threshold` on, at most `max_value`; below it, negative_slope * (x - threshold)."""

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    @property
    def ends_zeros(self) -> bool:
        return self.threshold > 0 and self.negative_slope != 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakyReLU(Elementwise):
    negative_slope: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ELU(Elementwise):
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PReLU(Elementwise):
    """A leaky ReLU whose slopes are learnt, one for each value but along `shared_axes` (1: height, 2: width)."""

    shared_axes: tuple[int, ...] = ()

    def effect(self, *inputs: Shape) -> Effect:
        slopes = tuple(1 if axis in self.shared_axes else size for axis, size in enumerate(inputs[0], 1))
        return Effect(inputs[0], (Weight("alpha", slopes),))


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerScale(Elementwise):
    """x * gamma, a learnt factor per channel (Touvron et al. 2021, arXiv:2103.17239), each `init` at first."""

    init: float = 1e-6

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0], (Weight("gamma", inputs[0][-1:]),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout(Elementwise):
    """Nothing at inference. `noise_shape`, batch included, has a 1 along each axis that is dropped as a whole."""

    role: ClassVar[Role] = "views"
    rate: float
    noise_shape: tuple[int | None, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialDropout2D(Elementwise):
    """Drops whole channels; nothing at inference."""

    rank: ClassVar[int | None] = 3
    needs: ClassVar[str] = "an input of height x width x channels"
    role: ClassVar[Role] = "views"
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StochasticDepth(Elementwise):
    """Drops the whole tensor of an image (Huang et al. 2016, arXiv:1603.09382); nothing at inference."""

    role: ClassVar[Role] = "views"
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianDropout(Elementwise):
    """Multiplied noise in training; nothing at inference."""

    role: ClassVar[Role] = "views"
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianNoise(Elementwise):
    """Added noise in training; nothing at inference."""

    role: ClassVar[Role] = "views"
    stddev: float
