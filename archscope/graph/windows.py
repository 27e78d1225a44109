"""Ops with a window or a kernel: convolutions, pooling, dense. Conventions as in `ops`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from archscope.graph.elementwise import ends_zeros
from archscope.graph.ops import Effect, Mixes, Op, Pair, Shape, Weight

Padding = Literal["same", "valid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowed(Op):
    """A window that moves over the map: kernel, strides, padding, dilation; pairs are (height, width)."""

    needs: ClassVar[str] = "a map at least as large as its window"
    kernel: Pair
    strides: Pair = (1, 1)
    padding: Padding = "same"
    dilation: Pair = (1, 1)

    @property
    def span(self) -> Pair:
        """Height and width from the window's first tap to its last: (kernel - 1) * dilation + 1."""
        height, width = ((size - 1) * step + 1 for size, step in zip(self.kernel, self.dilation, strict=True))
        return height, width

    def map_after(self, shape: Shape) -> tuple[Pair, bool]:
        """Height and width of the output, and whether a window fits.

        "same": ceil(size / stride). "valid": floor((size - span) / stride) + 1.
        """
        height, width = (
            -(-size // stride) if self.padding == "same" else (size - span) // stride + 1
            for size, span, stride in zip(shape, self.span, self.strides, strict=False)
        )
        return (height, width), (height >= 1) & (width >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2D(Windowed):
    """MACs = Ho * Wo * Cout * kh * kw * Cin / groups."""

    needs: ClassVar[str] = "a map at least as large as its window, at least one filter, and channels its groups divide"
    filters: int
    groups: int = 1
    use_bias: bool = False
    activation: str = "linear"

    @property
    def ends_zeros(self) -> bool:
        return self.use_bias or ends_zeros(self.activation)

    @property
    def mixes(self) -> Mixes:
        return "channels"  # of a group

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        (height, width), fits = self.map_after(inputs[0])
        kernel = (*self.kernel, channels // self.groups, self.filters)
        weights = (Weight("kernel", kernel), *_bias(self, self.filters))
        fits = fits & (self.filters >= 1) & (channels % self.groups == 0) & (self.filters % self.groups == 0)
        return Effect((height, width, self.filters), weights, height * width * prod(kernel), fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2D(Windowed):
    """One window per channel. MACs = Ho * Wo * kh * kw * Cin * depth_multiplier."""

    depth_multiplier: int = 1
    use_bias: bool = False
    activation: str = "linear"

    @property
    def ends_zeros(self) -> bool:
        return self.use_bias or ends_zeros(self.activation)

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        (height, width), fits = self.map_after(inputs[0])
        kernel = (*self.kernel, channels, self.depth_multiplier)
        filters = channels * self.depth_multiplier
        fits = fits & (self.depth_multiplier >= 1)
        weights = (Weight("kernel", kernel), *_bias(self, filters))
        return Effect((height, width, filters), weights, height * width * prod(kernel), fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparableConv2D(Windowed):
    """A depthwise window and a 1x1 convolution in one layer, nothing between them.

    MACs = Ho * Wo * Cin * depth_multiplier * (kh * kw + Cout).
    """

    needs: ClassVar[str] = "a map at least as large as its window, and at least one filter"
    filters: int
    depth_multiplier: int = 1
    use_bias: bool = False
    activation: str = "linear"

    @property
    def ends_zeros(self) -> bool:
        return self.use_bias or ends_zeros(self.activation)

    @property
    def mixes(self) -> Mixes:
        return "channels"

    def effect(self, *inputs: Shape) -> Effect:
        channels = inputs[0][2]
        (height, width), fits = self.map_after(inputs[0])
        depthwise = (*self.kernel, channels, self.depth_multiplier)
        pointwise = (1, 1, channels * self.depth_multiplier, self.filters)
        weights = (Weight("depthwise_kernel", depthwise), Weight("pointwise_kernel", pointwise))
        fits = fits & (self.depth_multiplier >= 1) & (self.filters >= 1)
        macs = height * width * (prod(depthwise) + prod(pointwise))
        return Effect((height, width, self.filters), (*weights, *_bias(self, self.filters)), macs, fits)


class Pooling2D(Windowed):
    """Maximum or mean over a window. A padded position counts for neither."""

    __slots__ = ()

    def effect(self, *inputs: Shape) -> Effect:
        (height, width), fits = self.map_after(inputs[0])
        return Effect((height, width, inputs[0][2]), fits=fits)


class MaxPooling2D(Pooling2D):
    """The largest value under the window."""

    __slots__ = ()


class AveragePooling2D(Pooling2D):
    """The mean of the values under the window."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2DTranspose(Op):
    """The adjoint of a strided convolution: each input position spreads a window over the output.

    "same": size * stride. "valid": size * stride + max(kernel - stride, 0). MACs use the *input* positions:
    Hi * Wi * kh * kw * Cin * Cout.
    """

    needs: ClassVar[str] = "a map, and at least one filter"
    filters: int
    kernel: Pair
    strides: Pair
    padding: Padding = "same"
    use_bias: bool = False
    activation: str = "linear"

    @property
    def mixes(self) -> Mixes:
        return "channels"

    @property
    def ends_zeros(self) -> bool:
        return self.use_bias or ends_zeros(self.activation)

    def effect(self, *inputs: Shape) -> Effect:
        height, width, channels = inputs[0]
        after = []
        for size, taps, stride in zip(inputs[0], self.kernel, self.strides, strict=False):
            # max(taps - stride, 0), branch-free
            overlap = (taps - stride) * (taps > stride)
            after.append(size * stride + (0 if self.padding == "same" else overlap))
        kernel = (*self.kernel, self.filters, channels)
        weights = (Weight("kernel", kernel), *_bias(self, self.filters))
        return Effect((after[0], after[1], self.filters), weights, height * width * prod(kernel), self.filters >= 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Op):
    """Every value of the last axis from all of them, at each position apart. MACs = positions * Cin * Cout."""

    rank: ClassVar[int | None] = None
    needs: ClassVar[str] = "at least one unit"
    units: int
    use_bias: bool = True
    activation: str = "linear"

    @property
    def mixes(self) -> Mixes:
        return "channels"

    @property
    def ends_zeros(self) -> bool:
        return self.use_bias or ends_zeros(self.activation)

    def effect(self, *inputs: Shape) -> Effect:
        positions, channels = inputs[0][:-1], inputs[0][-1]
        kernel = (channels, self.units)
        weights = (Weight("kernel", kernel), *_bias(self, self.units))
        return Effect((*positions, self.units), weights, prod(positions) * prod(kernel), self.units >= 1)


def _bias(op: Conv2D | DepthwiseConv2D | SeparableConv2D | Conv2DTranspose | Dense, size: int) -> tuple[Weight, ...]:
    return (Weight("bias", (size,)),) if op.use_bias else ()
