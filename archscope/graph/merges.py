"""Ops of several inputs. Conventions as in `ops`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archscope.graph.ops import Effect, Op, Role, Shape


class Merge(Op):
    """Base of what joins tensors of one shape value by value."""

    __slots__ = ()

    arity: ClassVar[tuple[int, int | None]] = (2, None)
    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "equal shapes"

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(inputs[0], fits=_equal(inputs))


class Add(Merge):
    """The sum of two or more tensors."""

    __slots__ = ()

    role: ClassVar[Role] = "in place"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledAdd(Merge):
    """The first tensor and `scale` times the second: the damped residual of Inception-ResNet (arXiv:1602.07261)."""

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    role: ClassVar[Role] = "in place"
    scale: float


class Subtract(Merge):
    """The first tensor less the second."""

    __slots__ = ()

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    role: ClassVar[Role] = "in place"


class Average(Merge):
    """The mean of two or more tensors."""

    __slots__ = ()


class Maximum(Merge):
    """The larger value, of two or more tensors."""

    __slots__ = ()


class Minimum(Merge):
    """The smaller value, of two or more tensors."""

    __slots__ = ()


class Multiply(Merge):
    """The product of tensors of one shape, or of a map and a gate: a map of 1x1 scales each channel of the other."""

    __slots__ = ()

    needs: ClassVar[str] = "equal shapes, or two maps of equal channels of which one is 1x1"
    role: ClassVar[Role] = "in place"

    def gate(self, inputs: Sequence[Shape]) -> int | None:
        """Which input only scales what the other one shows: the 1x1 one, of two alike the second."""
        if len(inputs) != 2:
            return None
        return 0 if inputs[0][:-1] == (1, 1) != inputs[1][:-1] else 1

    def effect(self, *inputs: Shape) -> Effect:
        if len(inputs) != 2 or len(inputs[0]) != 3 or len(inputs[1]) != 3:
            return Effect(inputs[0], fits=_equal(inputs))
        (height, width, channels), (rows, columns, same) = inputs
        first = (rows == 1) & (columns == 1)
        second = (height == 1) & (width == 1)
        fits = (channels == same) & (first | second | (rows == height) & (columns == width))
        # The larger of the two maps, branch-free: of one 1x1 map and another, the product is the other.
        return Effect((_larger(height, rows), _larger(width, columns), channels), fits=fits)


class Concatenate(Op):
    """Tensors side by side, along the channels."""

    __slots__ = ()

    arity: ClassVar[tuple[int, int | None]] = (2, None)
    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "maps of equal height and width"

    def effect(self, *inputs: Shape) -> Effect:
        fits = _equal([shape[:-1] for shape in inputs])
        return Effect((*inputs[0][:-1], sum(shape[-1] for shape in inputs)), fits=fits)


def _equal(shapes: Sequence[Shape]) -> bool:
    fits = True
    for other in shapes[1:]:
        fits = fits & (len(other) == len(shapes[0]))
        for size, same in zip(shapes[0], other, strict=False):
            fits = fits & (size == same)
    return fits


def _larger(one: int, other: int) -> int:
    return one + (other - one) * (other > one)
