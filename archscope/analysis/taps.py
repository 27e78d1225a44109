"""Live and dead taps: which weights of a kernel only ever multiply zeros, or feed what is thrown away.

Structural zeros are the positions of a map that are zero whatever the weights and the image. They come from padding;
they pass through padding layers, through ops that make zero of zeros, and through sums and products as arithmetic has
it; a bias, a normalisation or an activation with f(0) != 0 ends them. A tap is live where, at an output position that
can reach the network's output, it stands on a position that is not structurally zero. Every other weight has a gradient
of exactly zero, always (a trained normalisation, as at inference: on its batch it would join all positions).

Both sets are exact, per axis, per channel, and across branches, for all ops with a rule. What lies behind a layer
without one may be anything but zero, and all of its input may matter: there a tap is called dead only where it is. The
same holds of a Reshape to another map, which shuffles positions among channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain, pairwise
from math import prod
from operator import and_

from archscope.analysis.axes import Region, axes_of, map_of, mixes_positions
from archscope.graph import Concatenate, Conv2D, Conv2DTranspose, DepthwiseConv2D, Multiply, Row, SeparableConv2D, Trace

Tap = tuple[int, int]
Channels = tuple[tuple[int, Region], ...]
"""A region for each channel of a tensor, run-length encoded: (how many channels, their region), in order."""


@dataclass(frozen=True, slots=True)
class Part:
    """The weights of a kernel that read alike channels and write alike channels: all of them have the same live taps.

    In a grouped convolution, output channels read those of `inputs` that are in their group.
    """

    inputs: range
    outputs: range
    weights_per_tap: int
    live: frozenset[Tap]


@dataclass(frozen=True, slots=True)
class Taps:
    """The taps (row, column) of one kernel; `padding_macs` of its `macs` multiply structural zeros.

    MACs are counted over all positions, those that cannot reach the output too: they are computed all the same. A
    transposed convolution's products that fall outside its output are no padding.
    """

    kernel: tuple[int, int]
    parts: tuple[Part, ...]
    macs: int
    padding_macs: int

    @property
    def live(self) -> frozenset[Tap]:
        """The taps that are live for at least one of the kernel's weights."""
        return frozenset().union(*(part.live for part in self.parts))

    @property
    def dead(self) -> int:
        """How many taps are dead for all of the kernel's weights."""
        return prod(self.kernel) - len(self.live)

    @property
    def weights(self) -> int:
        """The weights of the kernel, the bias apart."""
        return prod(self.kernel) * sum(part.weights_per_tap for part in self.parts)

    @property
    def dead_weights(self) -> int:
        return self.weights - sum(len(part.live) * part.weights_per_tap for part in self.parts)

    @property
    def padding_share(self) -> float:
        """The share of the layer's MACs that multiply padding, 0 to 1."""
        return self.padding_macs / self.macs if self.macs else 0.0

    @property
    def cramped(self) -> bool:
        """Whether at least half of the layer's MACs multiply padding."""
        return 0 < self.macs <= 2 * self.padding_macs


def taps(trace: Trace) -> Mapping[str, Taps]:
    """The taps of every convolution, by layer, in the graph's order; of a SeparableConv2D, its depthwise kernel's.

    `trace` is one of a sound graph, as `verify` returns it. The kernels of layers without a rule are left out.
    """
    values = _values(trace)
    reaching = _reaching(trace, values)
    found: dict[str, Taps] = {}
    for row in trace:
        read = values[row.node.inputs[0]] if row.inputs else ()
        if isinstance(row.node.op, SeparableConv2D):
            window = _depthwise(row, row.node.op)
            # The 1x1 convolution behind the window hands all its channels on from where any of the output is read.
            reach = ((window.output[2], _any(reaching[row.name])),)
            depthwise = _taps_of(window, row.node.op.kernel, read, reach)
            found[row.name] = replace(depthwise, macs=row.macs)
        elif isinstance(row.node.op, (Conv2D, DepthwiseConv2D, Conv2DTranspose)):
            found[row.name] = _taps_of(row, row.node.op.kernel, read, reaching[row.name])
    return found


def _depthwise(row: Row, op: SeparableConv2D) -> Row:
    """The first half of a separable convolution, as a layer of its own."""
    window = DepthwiseConv2D(
        kernel=op.kernel,
        strides=op.strides,
        padding=op.padding,
        dilation=op.dilation,
        depth_multiplier=op.depth_multiplier,
    )
    return Row(replace(row.node, op=window), row.inputs, window.effect(*row.inputs))


def _taps_of(row: Row, kernel: tuple[int, int], values: Channels, reaching: Channels) -> Taps:
    vertical, horizontal = axes_of(row)
    parts, used = [], 0
    for first, count, (inputs, outputs) in _runs(_groups(row), values, reaching):
        width_in, width_out = _width(inputs), _width(outputs)
        at_input = first * width_in
        for channels_in, value in inputs:
            products = sum(vertical.products(rows) * horizontal.products(columns) for rows, columns in value.products)
            used += products * count * channels_in * width_out
            at_output = first * width_out
            # A run of several groups has one region for all its inputs and one for all its outputs.
            read = range(at_input, at_input + count * channels_in)
            for channels_out, reach in outputs:
                live = frozenset(
                    (y, x)
                    for rows, columns in value.products
                    for rows_out, columns_out in reach.products
                    for y in vertical.live(rows, rows_out)
                    for x in horizontal.live(columns, columns_out)
                )
                written = range(at_output, at_output + count * channels_out)
                parts.append(Part(read, written, count * channels_in * channels_out, live))
                at_output += channels_out
            at_input += channels_in
    return Taps(kernel, tuple(parts), row.macs, row.macs - used)


def _values(trace: Trace) -> dict[str, Channels]:
    """Where each layer's output is not structurally zero."""
    values: dict[str, Channels] = {}
    for row in trace:
        height, width, channels = map_of(row.output)
        inputs = [values[name] for name in row.node.inputs]
        if not inputs or row.node.op.ends_zeros:
            values[row.name] = ((channels, Region.full(height, width)),)
        elif isinstance(row.node.op, Concatenate):
            values[row.name] = _joined(chain(*inputs))
        else:
            values[row.name] = _joined(_pushed(row, inputs))
    return values


def _pushed(row: Row, inputs: Sequence[Channels]) -> Iterator[tuple[int, Region]]:
    groups = _groups(row)
    axes = [axes_of(row, number) for number in range(len(inputs))]
    for _, count, held in _runs(groups, *inputs):
        pushed = [_any(channels).pushed(along) for channels, along in zip(held, axes, strict=True)]
        together = reduce(and_, pushed) if isinstance(row.node.op, Multiply) else _union(pushed)
        yield count * (map_of(row.output)[2] // groups), together


def _reaching(trace: Trace, values: Mapping[str, Channels]) -> dict[str, Channels]:
    """From where each layer's output can reach the network's output."""
    reaching: dict[str, Channels] = {}
    for row in trace:
        height, width, channels = map_of(row.output)
        reaching[row.name] = ((channels, Region.full(height, width) if row is trace.rows[-1] else Region()),)
    for row in reversed(trace.rows):
        for number, name in enumerate(row.node.inputs):
            pulled = _joined(_pulled(row, number, reaching[row.name], values))
            known = reaching[name]
            runs = _runs(_width(known), known, pulled)
            reaching[name] = _joined((count, _any(one) | _any(other)) for _, count, (one, other) in runs)
    return reaching


def _pulled(row: Row, number: int, reaching: Channels, values: Mapping[str, Channels]) -> Iterator[tuple[int, Region]]:
    """From where input `number` reaches the network's output by way of `row`."""
    before = [map_of(shape)[2] for shape in row.inputs]
    groups, axes = _groups(row), axes_of(row, number)
    if isinstance(row.node.op, Concatenate):
        yield from _slice(reaching, sum(before[:number]), sum(before[: number + 1]))
    elif isinstance(row.node.op, Multiply):
        # A factor passes on what the others do not blot out.
        others = [other for other in range(len(row.inputs)) if other != number]
        for _, count, (out, *factors) in _runs(groups, reaching, *(values[row.node.inputs[other]] for other in others)):
            shown = (_any(factor).pushed(axes_of(row, other)) for other, factor in zip(others, factors, strict=True))
            yield count, reduce(and_, shown, _any(out)).pulled(axes)
    else:
        for _, count, (out,) in _runs(groups, reaching):
            yield count * (before[number] // groups), _any(out).pulled(axes)


def _groups(row: Row) -> int:
    """Into how many groups a layer's channels fall: an output channel reads all input channels of its own group."""
    op = row.node.op
    if isinstance(op, Conv2D):
        return op.groups
    return 1 if op.mixes == "channels" or mixes_positions(row) else map_of(row.inputs[0])[2]


def _runs(groups: int, *tensors: Channels) -> Iterator[tuple[int, int, tuple[Channels, ...]]]:
    """The channel groups in runs of like ones: the first, how many, and what one group holds of each tensor."""
    sizes = [_width(channels) // groups for channels in tensors]
    cuts = {0, groups}
    for channels, size in zip(tensors, sizes, strict=True):
        edge = 0
        for count, _ in channels:
            edge += count
            # A group across an edge is a run of its own.
            cuts.update((edge // size, -(-edge // size)))
    for first, end in pairwise(sorted(cuts)):
        held = (_slice(one, first * size, (first + 1) * size) for one, size in zip(tensors, sizes, strict=True))
        yield first, end - first, tuple(held)


def _slice(channels: Channels, start: int, stop: int) -> Channels:
    kept, edge = [], 0
    for count, region in channels:
        inside = min(edge + count, stop) - max(edge, start)
        if inside > 0:
            kept.append((inside, region))
        edge += count
    return tuple(kept)


def _joined(channels: Iterable[tuple[int, Region]]) -> Channels:
    """Neighbours with one region as one run."""
    joined: list[tuple[int, Region]] = []
    for count, region in channels:
        if joined and joined[-1][1] == region:
            count += joined.pop()[0]
        joined.append((count, region))
    return tuple(joined)


def _width(channels: Channels) -> int:
    return sum(count for count, _ in channels)


def _any(channels: Channels) -> Region:
    """Where any of the channels is in its region."""
    return _union([region for _, region in channels])


def _union(regions: Sequence[Region]) -> Region:
    first, *others = regions
    for other in others:
        first = first | other
    return first
