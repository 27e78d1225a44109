"""What one output position of a layer sees of the input: output stride and receptive field, per axis.

The receptive field is the length of the unclipped input interval that a position sees: index intervals are propagated
as if every map went on beyond its edges (Araujo et al. 2019, doi:10.23915/distill.00021), minimum and maximum taken
over all paths; where positions differ, as behind an upsampling, the longest counts. Dilation leaves holes in what is
seen, and the interval covers them. Gates, global ops and layers without a rule are reported apart: a Multiply's second
input does not count, and behind a global op or an unknown layer a path has no interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Literal

from archscope.analysis.axes import Axis, Region, axes_of, axis_of, map_of, mixes_positions
from archscope.analysis.collapse import gate_layers, shown_by
from archscope.graph import (
    Conv2DTranspose,
    GlobalPooling2D,
    Norm,
    Opaque,
    Row,
    Trace,
    Windowed,
)

Interval = tuple[int, int]
"""The first and the last position."""
Apart = Literal["gate", "global", "unknown"]


@dataclass(frozen=True, slots=True)
class Sight:
    """The input interval that each position sees by paths of one stride, along one axis; None where it sees nothing.

    Position q sees `intervals[q % period]`, moved by `shift` for each whole period: the stride is shift / period.
    Without upsampling the period is 1.
    """

    shift: int
    intervals: tuple[Interval | None, ...]

    @property
    def period(self) -> int:
        return len(self.intervals)

    @property
    def stride(self) -> Fraction:
        return Fraction(self.shift, self.period)

    def at(self, position: int) -> Interval | None:
        turns, place = divmod(position, self.period)
        interval = self.intervals[place]
        return interval and (interval[0] + turns * self.shift, interval[1] + turns * self.shift)


@dataclass(frozen=True, slots=True)
class View:
    """What a layer sees along one axis: `sights` by all paths, one Sight for each stride at which they lead to it, and
    `narrow` by the narrowest path alone; both are empty where no path has an interval. `after` is the map's size.
    """

    sights: tuple[Sight, ...]
    narrow: tuple[Sight, ...]
    after: int

    @property
    def stride(self) -> Fraction:
        return max(sight.stride for sight in self.sights)

    def at(self, position: int) -> Interval | None:
        return _hull(sight.at(position) for sight in self.sights)


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of one layer, in input positions; pairs are (height, width).

    `size` is the length of the longest interval over all paths, `least` that by the narrowest path (past a residual,
    say), which RFA-Toolbox goes by. `stride`, the output stride, is the product of the strides along the path, divided
    by the factors of upsampling; the largest where paths differ. All three are None where no path has an interval.
    `apart` says how else the layer sees the input: through a gate, a global op, or a layer without a rule.
    """

    size: tuple[int, int] | None
    least: tuple[int, int] | None
    stride: tuple[Fraction, Fraction] | None
    apart: frozenset[Apart]
    views: tuple[View, View] = field(repr=False)

    def window(self, position: tuple[int, int]) -> tuple[Interval | None, Interval | None]:
        """The unclipped input intervals, rows and columns, that the output position (row, column) sees."""
        return self.views[0].at(position[0]), self.views[1].at(position[1])


def receptive_fields(trace: Trace) -> Mapping[str, Field]:
    """The receptive field of every layer, in the graph's order. `trace` is one of a sound graph."""
    down, across = _views(trace, 0), _views(trace, 1)
    fields: dict[str, Field] = {}
    for row in trace:
        apart = _apart(row).union(*(fields[name].apart for name in shown_by(row)))
        views = down[row.name], across[row.name]
        if all(view.sights for view in views):
            size = _length(views[0].sights, views[0].after), _length(views[1].sights, views[1].after)
            least = _length(views[0].narrow, views[0].after), _length(views[1].narrow, views[1].after)
            fields[row.name] = Field(size, least, (views[0].stride, views[1].stride), apart, views)
        else:
            fields[row.name] = Field(None, None, None, apart, views)
    return fields


def first_beyond(trace: Trace, fields: Mapping[str, Field] | None = None) -> str | None:
    """The first layer whose receptive field exceeds the input along an axis, gates left out; None where none does."""
    height, width = map_of(trace.input)[:2]
    fields, gates = fields or receptive_fields(trace), gate_layers(trace)
    for name, seen in fields.items():
        if seen.size and name not in gates and (seen.size[0] > height or seen.size[1] > width):
            return name
    return None


def border_layer(trace: Trace, fields: Mapping[str, Field] | None = None) -> str | None:
    """RFA-Toolbox's border layer, gates left out: the first of those predicted to be unproductive at this input size.

    It is the first window whose own receptive field and those of all its inputs, each by its narrowest path, reach or
    exceed the input along both axes: nothing new comes into its view. None where there is none. Source: Richter et al.
    2021, arXiv:2106.12307, as the toolbox's `EnrichedNetworkNode.is_border` tests it.
    """
    size = map_of(trace.input)[:2]
    fields, gates = fields or receptive_fields(trace), gate_layers(trace)
    for row in trace:
        if isinstance(row.node.op, (Windowed, Conv2DTranspose)) and row.name not in gates:
            least = [fields[name].least for name in (row.name, *row.node.inputs)]
            if all(one and one[0] >= size[0] and one[1] >= size[1] for one in least):
                return row.name
    return None


def seen(trace: Trace, layer: str, position: tuple[int, int]) -> Region:
    """The input positions that one output position (row, column) of `layer` reads, exactly.

    By every path, gates and global ops too, and clipped at every map: padding shows nothing. A layer without a rule
    is taken to read all of its input. Raises GraphError where there is no such layer.
    """
    trace.row(layer)
    reads = {layer: Region(((1 << position[0], 1 << position[1]),))}
    for row in reversed(trace.rows):
        region = reads.get(row.name, Region())
        for number, name in enumerate(row.node.inputs if region else ()):
            reads[name] = reads.get(name, Region()) | region.pulled(axes_of(row, number))
    return reads.get(trace.rows[0].name, Region())


_PIXEL = Sight(1, ((0, 0),))


def _is_global(row: Row) -> bool:
    # Statistics over the map, as batch normalisation takes in training, are no way of seeing.
    return isinstance(row.node.op, GlobalPooling2D) or (mixes_positions(row) and not isinstance(row.node.op, Norm))


def _apart(row: Row) -> frozenset[Apart]:
    if len(shown_by(row)) < len(row.inputs):
        return frozenset({"gate"})
    if isinstance(row.node.op, Opaque):
        return frozenset({"unknown"})
    return frozenset({"global"} if _is_global(row) else ())


def _views(trace: Trace, along: int) -> dict[str, View]:
    views: dict[str, View] = {}
    for row in trace:
        after = map_of(row.output)[along]
        if not row.inputs:
            views[row.name] = View((_PIXEL,), (_PIXEL,), after)
        elif _is_global(row):
            views[row.name] = View((), (), after)
        else:
            read = [(views[name], _axis(row, along, name)) for name in shown_by(row)]
            sights = _by_stride(_through(sight, axis) for view, axis in read for sight in view.sights)
            narrow = [_through(sight, axis) for view, axis in read for sight in view.narrow]
            narrow.sort(key=lambda sight: (_length((sight,), after), sight.stride))
            views[row.name] = View(sights, tuple(narrow[:1]), after)
    return views


def _axis(row: Row, along: int, name: str) -> Axis:
    if isinstance(row.node.op, Norm):
        return Axis(map_of(row.output)[along], map_of(row.output)[along])
    return axis_of(row, along, row.node.inputs.index(name))


def _through(sight: Sight, axis: Axis) -> Sight:
    """What an op with this axis sees where its input sees `sight`."""
    if axis.is_identity:
        return sight
    stride, offsets = axis.stride, axis.offsets
    if axis.spreads:
        return Sight(
            sight.shift,
            tuple(
                _hull(sight.at((q - offset) // stride) for offset in offsets if (q - offset) % stride == 0)
                for q in range(sight.period * stride)
            ),
        )
    common = gcd(sight.period, stride)
    return Sight(
        sight.shift * (stride // common),
        tuple(_hull(sight.at(p * stride + offset) for offset in offsets) for p in range(sight.period // common)),
    )


def _by_stride(sights: Iterable[Sight]) -> tuple[Sight, ...]:
    """One Sight for each stride: the hull of those that have it."""
    merged: dict[Fraction, Sight] = {}
    for sight in sights:
        known = merged.setdefault(sight.stride, sight)
        if known != sight:
            period = lcm(known.period, sight.period)
            both = tuple(_hull((known.at(q), sight.at(q))) for q in range(period))
            merged[sight.stride] = Sight(known.shift * (period // known.period), both)
    return tuple(merged.values())


def _hull(intervals: Iterable[Interval | None]) -> Interval | None:
    return reduce(_joined, intervals, None)


def _joined(one: Interval | None, other: Interval | None) -> Interval | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _length(sights: tuple[Sight, ...], after: int) -> int:
    """The longest interval that one of a map's positions sees, 0 where they see nothing."""
    # Paths of one stride repeat themselves; between paths of unequal stride the distance grows along the map.
    positions = range(min(after, sights[0].period) if len(sights) == 1 else after)
    hulls = (_hull(sight.at(q) for sight in sights) for q in positions)
    return max((hull[1] - hull[0] + 1 if hull else 0 for hull in hulls), default=0)
