"""Ops that change the map and leave its values alone, or take one value of a whole map. Conventions as in `ops`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from archscope.graph.ops import Effect, Mixes, Op, Pair, Role, Shape, positive


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
class Cropping2D(Op):
    """Rows and columns cut off the map: ((top, bottom), (left, right))."""

    needs: ClassVar[str] = "a map that is larger than what it cuts off"
    cropping: tuple[Pair, Pair]

    def effect(self, *inputs: Shape) -> Effect:
        height, width, channels = inputs[0]
        (top, bottom), (left, right) = self.cropping
        height, width = height - top - bottom, width - left - right
        fits = (top >= 0) & (bottom >= 0) & (left >= 0) & (right >= 0)
        return Effect((height, width, channels), fits=fits & (height >= 1) & (width >= 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpSampling2D(Op):
    """Every position becomes size x size: repeated, or interpolated between its neighbours."""

    needs: ClassVar[str] = "a map"
    size: Pair
    interpolation: Literal["nearest", "bilinear"] = "nearest"

    def effect(self, *inputs: Shape) -> Effect:
        height, width, channels = inputs[0]
        return Effect((height * self.size[0], width * self.size[1], channels))


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalPooling2D(Op):
    """Base of what makes one value of all positions, per channel."""

    keepdims: bool = False

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        return Effect((1, 1, channels) if self.keepdims else (channels,))


class GlobalAveragePooling2D(GlobalPooling2D):
    """The mean over all positions, per channel."""

    __slots__ = ()


class GlobalMaxPooling2D(GlobalPooling2D):
    """The largest value of all positions, per channel."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Op):
    """The same values in another shape, in the same order."""

    needs: ClassVar[str] = "as many values as its shape holds"
    rank: ClassVar[int | None] = None
    role: ClassVar[Role] = "views"
    shape: Shape

    def effect(self, *inputs: Shape) -> Effect:
        return Effect(self.shape, fits=positive(self.shape) & (prod(inputs[0]) == prod(self.shape)))


class Flatten(Op):
    """All values in a row."""

    __slots__ = ()

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "one input"
    role: ClassVar[Role] = "views"

    def effect(self, *inputs: Shape) -> Effect:
        return Effect((prod(inputs[0]),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permute(Op):
    """The axes in another order: `dims` names the input axis, from 1 on, that each output axis is."""

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "as many axes as it names"
    dims: tuple[int, ...]

    @property
    def mixes(self) -> Mixes:
        return "positions"

    def effect(self, *inputs: Shape) -> Effect:
        if sorted(self.dims) != list(range(1, len(inputs[0]) + 1)):
            return Effect(inputs[0], fits=False)
        return Effect(tuple(inputs[0][axis - 1] for axis in self.dims))
