"""How ops tie channels: who makes those of each layer, which must be as many as which, and what fixes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from archscope.graph import (
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Elementwise,
    Flatten,
    GlobalPooling2D,
    GroupNormalization,
    Input,
    Merge,
    Norm,
    Normalization,
    Op,
    Permute,
    Pooling2D,
    Rescaling,
    Reshape,
    RMSNormalization,
    Row,
    SeparableConv2D,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)

MAX_PIECES = 10_000
"""A guard: a layer whose channels fall into more pieces than this is taken as a whole, and not scaled."""

Pieces = tuple[tuple[str, int], ...]
"""What a layer's channels are: (the layer that makes them, how often each is repeated), in order."""
Part = tuple[str, int]
"""A stretch of what a layer makes, by that layer and its first channel."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Channels `start` to `start + length` of what `layer` makes are as many as those of `other` from `at` on."""

    layer: str
    start: int
    other: str
    at: int
    length: int


_MAKES = (Conv2D, Conv2DTranspose, Dense, SeparableConv2D)
# fmt: off
_KEEPS = (
    Cropping2D, Elementwise, GlobalPooling2D, Norm, Normalization, Pooling2D, RMSNormalization, UnitNormalization,
    UpSampling2D, ZeroPadding2D,
)
# fmt: on


@dataclass(slots=True)
class Walk:
    """What is known of the layers up to one: who makes their channels, how wide, what ties and what fixes them."""

    pieces: dict[str, Pieces] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    # In order, each once.
    ties: dict[Tie, None] = field(default_factory=dict)
    splits: list[tuple[Pieces, int, str]] = field(default_factory=list)

    def read(self, row: Row) -> Pieces:
        """What the layer's channels are, from what its inputs' are; notes down what it ties and fixes."""
        op = row.node.op
        inputs = [self.pieces[name] for name in row.node.inputs]
        if isinstance(op, Input):
            return self._new(row, "they are the image's")
        if isinstance(op, _MAKES) and not is_depthwise(row):
            made = self._new(row)
            if isinstance(op, Conv2D) and op.groups > 1:
                self._split(row, op.groups, inputs[0], made)
            return made
        if isinstance(op, Merge):
            for other in inputs[1:]:
                self._tie(row, inputs[0], other)
            return inputs[0]
        handed_on = _handed_on(row, inputs)
        if handed_on is None or len(handed_on) > MAX_PIECES:
            reason = f"{row.name!r} ({row.node.kind}) takes and makes a given number"
            self.fix(tuple(chain(*inputs)), reason)
            return self._new(row, reason)
        if isinstance(op, GroupNormalization):
            self._split(row, op.groups, handed_on)
        if _has_one_for_each(op):
            self.fix(handed_on, f"{row.name!r} ({row.node.kind}) has a constant for each")
        return handed_on

    def fix(self, pieces: Pieces, reason: str) -> None:
        for layer, _ in pieces:
            self.reasons.setdefault(layer, reason)

    def _new(self, row: Row, reason: str = "") -> Pieces:
        self.sizes[row.name] = row.output[-1] if row.output else 1
        if reason:
            self.reasons[row.name] = reason
        return ((row.name, 1),)

    def _split(self, row: Row, groups: int, *sides: Pieces) -> None:
        reason = f"{row.name!r} ({row.node.kind}) has {groups} groups of them, across a seam"
        self.splits.extend((pieces, groups, reason) for pieces in sides)

    def _tie(self, row: Row, one: Pieces, other: Pieces) -> None:
        """Walk along both, and tie piece to piece; where a repeated channel meets plain ones, all are fixed."""
        if one == other:
            return
        ties, repeats = [], True
        left, right = list(reversed(self._spans(one))), list(reversed(self._spans(other)))
        while left and right:
            layer, start, stop, repeat = left.pop()
            second, at, end, times = right.pop()
            length = min(stop - start, end - at)
            repeats = repeats and repeat == times
            ties.append(Tie(layer, start, second, at, length))
            if start + length < stop:
                left.append((layer, start + length, stop, repeat))
            if at + length < end:
                right.append((second, at + length, end, times))
        if repeats:
            self.ties.update(dict.fromkeys(tie for tie in ties if (tie.layer, tie.start) != (tie.other, tie.at)))
        else:
            self.fix((*one, *other), f"{row.name!r} ({row.node.kind}) joins repeated channels with others")

    def _spans(self, pieces: Pieces) -> list[tuple[str, int, int, int]]:
        return [(layer, 0, self.sizes[layer], repeat) for layer, repeat in pieces]


def is_depthwise(row: Row) -> bool:
    """Whether a layer is a plain convolution with a group for each channel: as many groups as it reads channels."""
    return isinstance(row.node.op, Conv2D) and row.node.op.groups == row.inputs[0][-1] > 1


def _handed_on(row: Row, inputs: Sequence[Pieces]) -> Pieces | None:
    """What of its inputs' channels a layer hands on, None where they cannot be followed."""
    match row.node.op:
        case Concatenate():
            return tuple(chain(*inputs))
        case Conv2D() | DepthwiseConv2D():
            multiplier = row.output[-1] // row.inputs[0][-1]
            return tuple((layer, repeat * multiplier) for layer, repeat in inputs[0])
        case Flatten() | Reshape():
            # Channels vary fastest: a last axis of several times as many holds those of several positions in a row.
            channels, after = row.inputs[0][-1:], row.output[-1:]
            if not channels or not after or after[0] % channels[0]:
                return None
            positions = after[0] // channels[0]
            return inputs[0] * positions if positions * len(inputs[0]) <= MAX_PIECES else None
        case Permute(dims=dims) if not dims or dims[-1] != len(dims):
            return None
        case Permute():
            return inputs[0]
        case op if isinstance(op, _KEEPS):
            return inputs[0]
        case _:
            return None


def _has_one_for_each(op: Op) -> bool:
    """Whether an op is given a number for each channel, so that there cannot be more or fewer."""
    match op:
        case Rescaling():
            return any(isinstance(values, tuple) and len(values) > 1 for values in (op.scale, op.offset))
        case Normalization(mean=mean):
            return mean is not None and len(mean) > 1
        case Dropout(noise_shape=sizes):
            return sizes is not None and sizes[-1:] not in ((None,), (1,))
        case _:
            return False


def edges_of(walk: Walk) -> dict[str, list[int]]:
    """Where the channels that each layer makes fall into parts, from 0 to their number."""
    cuts = {layer: {0, size} for layer, size in walk.sizes.items()}
    reaching: dict[str, list[Tie]] = defaultdict(list)
    pending: list[Part] = []
    for tie in chain.from_iterable(map(_both_ways, walk.ties)):
        reaching[tie.layer].append(tie)
        pending += [(tie.layer, tie.start), (tie.layer, tie.start + tie.length)]
    made = 0
    while pending and made <= MAX_PIECES:
        layer, cut = pending.pop()
        if cut in cuts[layer]:
            continue
        cuts[layer].add(cut)
        made += 1
        inside = (tie for tie in reaching[layer] if tie.start < cut < tie.start + tie.length)
        pending += [(tie.other, cut - tie.start + tie.at) for tie in inside]
    if made > MAX_PIECES:
        walk.fix(tuple((layer, 1) for layer in reaching), "sums and concatenations tie them in too many ways")
        walk.ties.clear()
        return {layer: [0, size] for layer, size in walk.sizes.items()}
    return {layer: sorted(known) for layer, known in cuts.items()}


def _both_ways(tie: Tie) -> Iterator[Tie]:
    yield tie
    yield Tie(tie.other, tie.at, tie.layer, tie.start, tie.length)


def joined(walk: Walk, edges: Mapping[str, Sequence[int]]) -> dict[Part, Part]:
    """For each part, the first one, in the graph's order, that it is tied to."""
    order = {(layer, start): number for number, (layer, start) in enumerate(_parts(edges))}
    above = {part: part for part in order}

    def root(part: Part) -> Part:
        while above[part] != part:
            above[part] = above[above[part]]
            part = above[part]
        return part

    for tie in walk.ties:
        for start in edges[tie.layer]:
            if tie.start <= start < tie.start + tie.length:
                one, other = root((tie.layer, start)), root((tie.other, start - tie.start + tie.at))
                earlier, later = sorted((one, other), key=order.__getitem__)
                above[later] = earlier
    return {part: root(part) for part in order}


def _parts(edges: Mapping[str, Sequence[int]]) -> Iterator[Part]:
    return ((layer, start) for layer, cuts in edges.items() for start, _ in pairwise(cuts))
