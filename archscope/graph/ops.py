"""What an op is: one rule for its output shape, its weights and its multiply-accumulates. The table follows it.

A rule is branch-free integer arithmetic on the values of shapes and attributes (the rank of a shape and words such as
"same" belong to the topology and may choose the formula). It returns what it computes together with `fits`, whether
such a layer exists; it never raises. So the same rule prices one network with ints, and a million at once with NumPy
integer arrays in place of any attribute.

The table is spread over `windows` (convolutions, pooling, dense), `maps` (what changes the map alone), `elementwise`,
`norms` and `merges`; an op's class has the name of the Keras layer that does the same.

Conventions: shapes are (height, width, channels) or (units,), without the batch; layout, weight names and weight
shapes are Keras'. MACs are for one image; bias, normalisation and activation are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

Shape = tuple[int, ...]
Pair = tuple[int, int]
Role = Literal["computes", "folds", "in place", "views"]
"""What an op does with memory: it makes a tensor of its own; it is folded into the layer it alone reads; it may write
over one of its inputs; or it hands its input on."""
Mixes = Literal["none", "channels", "positions"]
"""What an output may read beside its own channel under its window: nothing; all channels; all channels everywhere."""


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


def positive(shape: Shape) -> bool:
    """Whether every size is at least 1."""
    fits = True
    for size in shape:
        fits = fits & (size >= 1)
    return fits


@dataclass(frozen=True, slots=True)
class Op:
    """Base of the table. `arity` is (least, most) inputs, None for any number; `needs` completes "it needs ...".

    What adds attributes is a dataclass again; what adds none is not, as making one takes a millisecond of every start.
    """

    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    rank: ClassVar[int | None] = 3
    needs: ClassVar[str] = "an input of height x width x channels"
    role: ClassVar[Role] = "computes"

    @property
    def mixes(self) -> Mixes:
        """What an output may read beside its own channel under its window."""
        return "none"

    @property
    def ends_zeros(self) -> bool:
        """Whether it makes something else of zeros, so that none of its output is structurally zero."""
        return False

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
        return Effect(self.shape, fits=positive(self.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque(Op):
    """A layer that archscope has no rule for: its recorded kind, output shape and weights; its MACs are unknown.

    `reads` are the input shapes that these were recorded for; None for any.
    """

    arity: ClassVar[tuple[int, int | None]] = (1, None)
    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "the inputs that its shape was recorded for"
    kind: str
    shape: Shape
    weights: tuple[Weight, ...] = ()
    reads: tuple[Shape, ...] | None = None

    @property
    def mixes(self) -> Mixes:
        return "positions"

    @property
    def ends_zeros(self) -> bool:
        return True

    def effect(self, *inputs: Shape) -> Effect:
        fits = self.reads is None or self.reads == inputs
        return Effect(self.shape, self.weights, fits=fits, counted=False)
