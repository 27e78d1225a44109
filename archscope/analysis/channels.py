"""What the channels of a network are made of: groups that ops tie to one width.

A layer with filters or units makes channels. Whatever only hands them on keeps them: norms, activations, pooling,
padding; a depthwise window repeats each one in place, a Concatenate strings several kinds together, a Flatten writes
them down once a position. An Add, or a Multiply by a gate, ties what it joins: channels that meet there must be as many
on all sides. So each layer's output is a row of segments, and each segment is one group of channels, which has one
width wherever it appears. Where a sum meets a concatenation, what one layer makes falls into several groups.

    conv 32 --- BN ------------------- Add     (conv 1)          conv and other: one group of 32
    other 32 ---------------------------+
    conv 8 -- depthwise, multiplier 2 -- x     (conv, repeat 2)  16 channels: 0 0 1 1 2 2 ...
    a 8, b 16 -- Concatenate -- Flatten, 2x1   (a) (b) (a) (b)   48 values

Scaling the free groups, each to any multiple of its runs, leaves a network that holds together and has the same groups:
the segments of a layer before and after say which channels stand for which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import lcm

from archscope.analysis.ties import Part, Pieces, Walk, edges_of, joined
from archscope.graph import Graph, Trace, no_layer


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are as many at every layer that makes them.

    `producers` are those layers, in the graph's order; `name` is the first that makes nothing else (`conv#1` is the
    second part of what `conv` makes, where all of them make more). The channels fall into `runs` equal stretches, which
    grouped convolutions and group norms keep apart: `size` is a multiple of it. `reason` says why a group is fixed.
    """

    name: str
    size: int
    producers: tuple[str, ...]
    runs: int = 1
    reason: str = ""

    @property
    def fixed(self) -> bool:
        """Whether the size cannot be changed."""
        return bool(self.reason)


@dataclass(frozen=True, slots=True)
class Segment:
    """All channels of a group, in a row, each `repeat` times: channel `c * repeat + i` is the group's channel c."""

    group: ChannelGroup
    repeat: int = 1

    @property
    def size(self) -> int:
        """How many channels of the layer these are."""
        return self.group.size * self.repeat


Segments = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class ChannelGroups:
    """The groups of a network's channels, and what each layer's output is made of."""

    graph: Graph
    groups: tuple[ChannelGroup, ...]
    _pieces: Mapping[str, Pieces] = field(repr=False)
    _made: Mapping[str, tuple[ChannelGroup, ...]] = field(repr=False)

    def segments(self, layer: str) -> Segments:
        """The segments of a layer's last output axis, in order; their sizes add up to it.

        Raises GraphError for no such layer.
        """
        if layer not in self._pieces:
            raise no_layer(layer, self.graph)
        return tuple(
            Segment(group, repeat) for producer, repeat in self._pieces[layer] for group in self._made[producer]
        )

    def pieces(self, layer: str) -> Pieces:
        """The same by the layers that make the channels, and how often each of them is repeated."""
        return self._pieces[layer]


def channel_groups(trace: Trace) -> ChannelGroups:
    """The channel groups of a network; `trace` is one of a sound graph, as `verify` returns it.

    Fixed are the image's channels, those of a network's classifier, and what meets a layer that archscope cannot look
    through: one without a rule, a reshape that moves channels to another axis. Without a head nothing is known of
    what the output is for: its channels can be changed, and `width` does so only where they are named.
    """
    walk = Walk()
    for row in trace:
        walk.pieces[row.name] = walk.read(row)
    if trace.graph.has_head:
        walk.fix(walk.pieces[trace.graph.output.name], "they are the network's output")
    groups, made = _grouped(walk)
    return ChannelGroups(trace.graph, groups, walk.pieces, made)


def _grouped(walk: Walk) -> tuple[tuple[ChannelGroup, ...], dict[str, tuple[ChannelGroup, ...]]]:
    """The groups, in the graph's order, and those of each layer that makes channels."""
    edges = edges_of(walk)
    first = joined(walk, edges)
    for pieces, runs, reason in walk.splits:
        if len(pieces) > 1 or len(edges[pieces[0][0]]) > 2 or walk.sizes[pieces[0][0]] % runs:
            walk.fix(pieces, reason)
    members: dict[Part, list[Part]] = defaultdict(list)
    for layer, cuts in edges.items():
        for start, _ in pairwise(cuts):
            members[first[layer, start]].append((layer, start))
    groups = {}
    for part, parts in members.items():
        whole = (layer for layer, _ in parts if len(edges[layer]) == 2)
        name = next(whole, f"{part[0]}#{edges[part[0]].index(part[1])}")
        reason = next((walk.reasons[layer] for layer, _ in parts if layer in walk.reasons), "")
        groups[part] = ChannelGroup(
            name,
            next(stop - start for start, stop in pairwise(edges[part[0]]) if start == part[1]),
            tuple(dict.fromkeys(layer for layer, _ in parts)),
            1 if reason else _runs(walk, {layer for layer, _ in parts}),
            reason,
        )
    made = {layer: tuple(groups[first[layer, start]] for start, _ in pairwise(cuts)) for layer, cuts in edges.items()}
    return tuple(groups.values()), made


def _runs(walk: Walk, layers: set[str]) -> int:
    return lcm(*(runs for pieces, runs, _ in walk.splits if pieces[0][0] in layers))
