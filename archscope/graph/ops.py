"""The op table: one rule per op for its output shape, its weights and its multiply-accumulates.

A rule is branch-free integer arithmetic on the values of shapes and attributes (the rank of a shape and words such as
"same" belong to the topology and may choose the formula). It returns what it computes together with `fits`, whether
such a layer exists; it never raises. So the same rule prices one network with ints, and a million at once with NumPy
integer arrays in place of any attribute.

Conventions: shapes are (height, width, channels) or (units,), without the batch; layout, weight names and weight
shapes are Keras'. MACs are for one image; bias, normalisation and activation are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar, Literal

Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = Literal["same", "valid"]


@dataclass(frozen=True, slots=True)
class Weight:
    """One variable of a layer, as Keras names and shapes it."""

    name: str
    shape: Shape
    trainable: bool = True

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Effect:
    """What an op makes of its inputs: output shape, weights, MACs for one image, and whether it fits them."""

    shape: Shape
    weights: tuple[Weight, ...] = ()
    macs: int = 0
    fits: bool = True


def shape_text(shape: Shape) -> str:
    """`2x2x96`, or `1280` for a vector."""
    return "x".join(str(size) for size in shape)


def _positive(shape: Shape) -> bool:
    fits = True
    for size in shape:
        fits = fits & (size >= 1)
    return fits


@dataclass(frozen=True, slots=True)
class Op:
    """Base of the table. `arity` is the number of inputs (None: two or more); `needs` completes "it needs ..."."""

    arity: ClassVar[int | None] = 1
    rank: ClassVar[int | None] = 3
    needs: ClassVar[str] = "an input of height x width x channels"

    def effect(self, *inputs: Shape) -> Effect:
        """Apply the rule. `inputs` has the arity and the ranks that the class states; `verify` saw to it."""
        raise TypeError(f"{type(self).__name__} has no rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Op):
    """The image, as pixels 0..255."""

    arity: ClassVar[int | None] = 0
    needs: ClassVar[str] = "sizes of at least 1"
    shape: Shape

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(self.shape, fits=_positive(self.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Elementwise(Op):
    """An op that keeps the shape, has no weights, and multiplies nothing that counts."""

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input"

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaling(_Elementwise):
    """x * scale + offset: the preprocessing, inside the network."""

    scale: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReLU(_Elementwise):
    max_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation(_Elementwise):
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout(_Elementwise):
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormalization(Op):
    """Per-channel normalisation; the moving statistics are weights that no gradient trains."""

    rank: ClassVar[int | None] = None
    # How fast the statistics move is the trainer's business; left out of the repr, it is no part of the digest.
    momentum: float = field(default=0.99, repr=False)
    epsilon: float = 1e-3

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][-1:]
        return Effect(
            inputs[0],
            (
                Weight("gamma", channels),
                Weight("beta", channels),
                Weight("moving_mean", channels, trainable=False),
                Weight("moving_variance", channels, trainable=False),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroPadding2D(Op):
    """Zeros around the map: ((top, bottom), (left, right))."""

    needs: ClassVar[str] = "padding of at least 0 on a map"
    padding: tuple[Pair, Pair]

    def effect(self, *inputs: Shape) -> Effect:
        height, width, channels = inputs[0]
        (top, bottom), (left, right) = self.padding
        fits = (top >= 0) & (bottom >= 0) & (left >= 0) & (right >= 0)
        return Effect((height + top + bottom, width + left + right, channels), fits=fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowed(Op):
    """A window that moves over the map: kernel, strides, padding; pairs are (height, width)."""

    needs: ClassVar[str] = "a map at least as large as its window"
    kernel: Pair
    strides: Pair = (1, 1)
    padding: Padding = "same"

    def map_after(self, shape: Shape) -> tuple[Pair, bool]:
        """Height and width of the output, and whether a window fits.

        "same": ceil(size / stride). "valid": floor((size - kernel) / stride) + 1.
        """
        height, width = (
            -(-size // stride) if self.padding == "same" else (size - kernel) // stride + 1
            for size, kernel, stride in zip(shape, self.kernel, self.strides, strict=False)
        )
        return (height, width), (height >= 1) & (width >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2D(Windowed):
    """MACs = Ho * Wo * Cout * kh * kw * Cin / groups."""

    needs: ClassVar[str] = "a map at least as large as its window, at least one filter, and channels its groups divide"
    filters: int
    groups: int = 1
    use_bias: bool = False

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        (height, width), fits = self.map_after(inputs[0])
        kernel = (*self.kernel, channels // self.groups, self.filters)
        bias = (Weight("bias", (self.filters,)),) if self.use_bias else ()
        fits = fits & (self.filters >= 1) & (channels % self.groups == 0) & (self.filters % self.groups == 0)
        return Effect(
            (height, width, self.filters), (Weight("kernel", kernel), *bias), height * width * prod(kernel), fits
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2D(Windowed):
    """One window per channel. MACs = Ho * Wo * kh * kw * Cin * depth_multiplier."""

    depth_multiplier: int = 1
    use_bias: bool = False

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        (height, width), fits = self.map_after(inputs[0])
        kernel = (*self.kernel, channels, self.depth_multiplier)
        filters = channels * self.depth_multiplier
        bias = (Weight("bias", (filters,)),) if self.use_bias else ()
        fits = fits & (self.depth_multiplier >= 1)
        weights = (Weight("kernel", kernel), *bias)
        return Effect((height, width, filters), weights, height * width * prod(kernel), fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAveragePooling2D(Op):
    """The mean over all positions, per channel."""

    keepdims: bool = False

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        return Effect((1, 1, channels) if self.keepdims else (channels,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Op):
    needs: ClassVar[str] = "as many values as its shape holds"
    rank: ClassVar[int | None] = None
    shape: Shape

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(self.shape, fits=_positive(self.shape) & (prod(inputs[0]) == prod(self.shape)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Op):
    """MACs = Cin * Cout."""

    rank: ClassVar[int | None] = 1
    needs: ClassVar[str] = "a vector (pool or flatten the map first) and at least one unit"
    units: int
    use_bias: bool = True
    activation: str = "linear"

    def effect(self, *inputs: Shape) -> Effect:
        kernel = (*inputs[0], self.units)
        bias = (Weight("bias", (self.units,)),) if self.use_bias else ()
        return Effect((self.units,), (Weight("kernel", kernel), *bias), prod(kernel), self.units >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Op):
    """The sum of two or more tensors of one shape."""

    arity: ClassVar[int | None] = None
    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "equal shapes"

    def effect(self, *inputs: Shape) -> Effect:
        fits = True
        for other in inputs[1:]:
            fits = fits & (len(other) == len(inputs[0]))
            for size, same in zip(inputs[0], other, strict=False):
                fits = fits & (size == same)
        return Effect(inputs[0], fits=fits)
