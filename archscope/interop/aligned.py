"""Which channel of one network is which of another: by the layers that make them, and what ties those together.

Two tensors hold the same channels where they are strung together from the same groups, in the same order. A group here
stands for one there if a layer that makes it has a namesake that makes the other. Sizes may differ: which of a group's
channels stand for it is then chosen once, for all that have it on an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from archscope.analysis.channels import ChannelGroup, ChannelGroups, Segments, channel_groups
from archscope.graph import Concatenate, Flatten, Input, Reshape, Shape, Trace, shape_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Origin = npt.NDArray[np.int64]
    Choice = Callable[[ChannelGroup, int], Origin]


@dataclass(frozen=True, slots=True)
class Side:
    """One network: its groups, the layers that make channels, and the maps that are written down as vectors."""

    trace: Trace
    groups: ChannelGroups
    makers: frozenset[str]
    maps: Mapping[str, tuple[Shape, ...]]

    @classmethod
    def of(cls, trace: Trace) -> Side:
        """All of that for a sound network."""
        groups = channel_groups(trace)
        makers = frozenset(chain(*(group.producers for group in groups.groups)))
        return cls(trace, groups, makers, _maps(trace, makers))


class Alignment:
    """Two networks; `twins` gives for a layer here its namesake there, of those that have one."""

    def __init__(self, there: Trace, here: Trace, twins: Mapping[str, str]) -> None:
        self.there, self.here = Side.of(there), Side.of(here)
        self.twins = {**twins, here.graph.nodes[0].name: there.graph.nodes[0].name}  # the image, whatever its name
        self.stands_for = self._stands_for()

    def origin(self, before: str, after: str, choose: Choice) -> Origin | None:
        """For each channel of `after`, a layer here, the one of `before`, there, that it is; -1 for a fresh one.

        None where they do not hold the same channels, or where a Flatten writes down maps of two shapes: there each
        channel stands at other places. `choose` says which of a group's channels stand for so many.
        """
        if self.there.maps[before] != self.here.maps[after]:
            return None
        old, new = self.there.groups.segments(before), self.here.groups.segments(after)
        if self._same(old, new):
            return _strung(old, new, choose)
        return self._whole(before, after)

    def difference(self, before: str, after: str) -> str:
        """Where two layers do not hold the same channels, why not, in words that follow "the channels are"."""
        if self.there.maps[before] != self.here.maps[after]:
            maps = (
                " and ".join(map(shape_text, one[name])) or "no map"
                for one, name in ((self.there.maps, before), (self.here.maps, after))
            )
            return "those of {} there, of {} here".format(*maps)
        (old, *more), (new, *others) = self.there.groups.pieces(before), self.here.groups.pieces(after)
        if more or others or old[0] == new[0]:
            return "put together otherwise there"
        return f"those of {old[0]!r} there, of {new[0]!r} here"

    def _same(self, old: Segments, new: Segments) -> bool:
        return len(old) == len(new) and all(
            one.repeat == other.repeat
            and one.group.name in self.stands_for[other.group.name]
            and (one.group.size == other.group.size or one.group.runs == other.group.runs)
            for one, other in zip(old, new, strict=True)
        )

    def _whole(self, before: str, after: str) -> Origin | None:
        """Where sums and concatenations cut up what a layer makes otherwise than there: it may be as large still."""
        import numpy as np

        old, new = self.there.groups.pieces(before), self.here.groups.pieces(after)
        if len(old) != len(new):
            return None
        for (maker, repeat), (other, times) in zip(old, new, strict=True):
            twin = self.twins.get(other, "")
            if repeat != times or twin not in self.there.makers:
                return None
            tied = self.there.groups.segments(twin) == self.there.groups.segments(maker)
            if not tied or self._width(other) != sum(one.size for one in self.there.groups.segments(twin)):
                return None
        return np.arange(sum(one.size for one in self.here.groups.segments(after)))

    def _width(self, maker: str) -> int:
        return sum(one.size for one in self.here.groups.segments(maker))

    def _stands_for(self) -> dict[str, set[str]]:
        """For each group here, those there that a namesake of one of its makers makes."""
        found: dict[str, set[str]] = {group.name: set() for group in self.here.groups.groups}
        for maker in self.here.makers:
            twin = self.twins.get(maker, "")
            if twin not in self.there.makers or not self._alike(maker, twin):
                continue
            old, new = self.there.groups.segments(twin), self.here.groups.segments(maker)
            if len(old) == len(new):
                for one, other in zip(old, new, strict=True):
                    found[other.group.name].add(one.group.name)
        return found

    def _alike(self, maker: str, twin: str) -> bool:
        """Whether a layer that only moves channels about, and so is said to make them, moves as many."""
        here, there = self.here.trace.row(maker), self.there.trace.row(twin)
        return bool(here.weights) or isinstance(here.node.op, Input) or here.inputs == there.inputs


def _strung(old: Segments, new: Segments, choose: Choice) -> Origin:
    import numpy as np

    parts, start = [np.zeros(0, np.int64)], 0
    for one, other in zip(old, new, strict=True):
        chosen = choose(one.group, other.group.size)
        repeated = chosen[:, None] * one.repeat + np.arange(one.repeat)
        parts.append(np.where(chosen[:, None] < 0, -1, repeated + start).ravel())
        start += one.size
    return np.concatenate(parts)


def _maps(trace: Trace, makers: frozenset[str]) -> dict[str, tuple[Shape, ...]]:
    """For each layer, the shapes of the maps whose positions are written down among its channels, each once."""
    found: dict[str, tuple[Shape, ...]] = {}
    for row in trace:
        if row.name in makers:
            found[row.name] = ()
            continue
        handed_on = row.node.inputs if isinstance(row.node.op, Concatenate) else row.node.inputs[:1]
        maps = list(chain(*(found[name] for name in handed_on)))
        if isinstance(row.node.op, (Flatten, Reshape)) and row.output[-1:] != row.inputs[0][-1:]:
            maps.append(row.inputs[0][:-1])
        found[row.name] = tuple(dict.fromkeys(maps))
    return found
