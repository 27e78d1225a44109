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
from typing import ClassVar

Shape = tuple[int, ...]
Pair = tuple[int, int]


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
    """What an op makes of its inputs: output shape, weights, MACs for one image, and whether it fits them.

    `counted` is False for an op whose MACs nobody knows: its 0 is no figure.
    """

    shape: Shape
    weights: tuple[Weight, ...] = ()
    macs: int = 0
    fits: bool = True
    counted: bool = True


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
    """Base of the table. `arity` is (least, most) inputs, None for any number; `needs` completes "it needs ..."."""

    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    rank: ClassVar[int | None] = 3
    needs: ClassVar[str] = "an input of height x width x channels"

    def effect(self, *inputs: Shape) -> Effect:
        """Apply the rule. `inputs` has the arity and the ranks that the class states; `verify` saw to it."""
        raise TypeError(f"{type(self).__name__} has no rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Op):
    """The image, as pixels 0..255."""

    arity: ClassVar[tuple[int, int | None]] = (0, 0)
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

    arity: ClassVar[tuple[int, int | None]] = (2, None)
    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "equal shapes"

    def effect(self, *inputs: Shape) -> Effect:
        fits = True
        for other in inputs[1:]:
            fits = fits & (len(other) == len(inputs[0]))
            for size, same in zip(inputs[0], other, strict=False):
                fits = fits & (size == same)
        return Effect(inputs[0], fits=fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenate(Op):
    """Tensors of one map side by side, along the channels."""

    arity: ClassVar[tuple[int, int | None]] = (2, None)
    needs: ClassVar[str] = "maps of equal height and width"

    def effect(self, *inputs: Shape) -> Effect:
        height, width, _ = inputs[0]
        fits = True
        for other in inputs[1:]:
            fits = fits & (other[0] == height) & (other[1] == width)
        return Effect((height, width, sum(shape[2] for shape in inputs)), fits=fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiply(Op):
    """A map times a gate: the first input is scaled, per channel, by a second of 1x1 or of its own size."""

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    needs: ClassVar[str] = "two maps of equal channels, the second 1x1 or as large as the first"

    def effect(self, *inputs: Shape) -> Effect:
        (height, width, channels), gate = inputs
        broadcasts = (gate[0] == 1) & (gate[1] == 1) | (gate[0] == height) & (gate[1] == width)
        return Effect(inputs[0], fits=broadcasts & (gate[2] == channels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque(Op):
    """A layer that archscope has no rule for: its recorded kind, output shape and weights; its MACs are unknown."""

    arity: ClassVar[tuple[int, int | None]] = (1, None)
    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "at least one input"
    kind: str
    shape: Shape
    weights: tuple[Weight, ...] = ()

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(self.shape, self.weights, counted=False)
