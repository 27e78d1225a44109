"""Remedies: edits, applied to the graph and traced, so that each states its exact price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from archscope.analysis import Collapse, collapse, final_map, last_before, share_on_1x1, taps
from archscope.design import Cut, Edit, Head, Stride, Upsample
from archscope.errors import ArchscopeError
from archscope.graph import HEAD, Graph, Shape, Trace, Windowed, verify

HEAD_UNITS = 1000
"""The study's head, offered beside the plain one wherever a cut is."""


@dataclass(frozen=True, slots=True)
class Illness:
    """What of a network is lost, in figures that a remedy lowers. `cramped` layers are waste, not loss."""

    collapses: bool
    params_on_1x1: int
    dead_weights: int
    cramped: int

    @property
    def healthy(self) -> bool:
        """Whether nothing is lost."""
        return not any(self._losses)

    @property
    def _losses(self) -> tuple[bool, int, int]:
        return self.collapses, self.params_on_1x1, self.dead_weights

    def better_than(self, other: Illness) -> bool:
        """No loss greater, and one smaller; where there is none to begin with, fewer layers cramped."""
        if other.healthy:
            return self.healthy and self.cramped < other.cramped
        pairs = list(zip(self._losses, other._losses, strict=True))
        return any(mine < theirs for mine, theirs in pairs) and all(mine <= theirs for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Remedy:
    """Edits in order, and the network that they make, traced."""

    edits: tuple[Edit, ...]
    after: Trace
    left: Illness

    @property
    def final_map(self) -> Shape:
        return final_map(self.after)

    @property
    def collapse(self) -> Collapse | None:
        return collapse(self.after)


@dataclass(frozen=True, slots=True)
class Remedies:
    """Those of one command and those of several, the cheapest in MACs first among the equally good."""

    single: tuple[Remedy, ...]
    combined: tuple[Remedy, ...]

    def __iter__(self) -> Iterator[Remedy]:
        return chain(self.single, self.combined)


def illness(trace: Trace) -> Illness:
    """The losses and the waste of a traced network."""
    kernels = taps(trace).values()
    return Illness(
        collapses=collapse(trace) is not None,
        params_on_1x1=share_on_1x1(trace).params,
        dead_weights=sum(kernel.dead_weights for kernel in kernels),
        cramped=sum(kernel.cramped for kernel in kernels),
    )


def remedies(trace: Trace, classes: int) -> Remedies:
    """Every edit on offer that leaves less lost than there was, and the combinations that experts reach for.

    Single: stride 1 at each strided layer, a cut before the collapse with the plain and with the study's head, and
    upsampling. Combined: the first strides together, and the cut with the first strides at 1. Empty for a network
    that loses and wastes nothing.
    """
    before = illness(trace)
    if before.healthy and not before.cramped:
        return Remedies((), ())
    strides = [Stride(row.name, 1) for row in trace if _is_strided(row.node.op) and row.node.stage != HEAD]
    cuts = list(_cuts(trace, collapse(trace)))
    upsamplings = [Upsample(2), Upsample(2, "transpose"), Upsample(4)]
    alone: list[Edit] = [*strides, *upsamplings]
    single: list[tuple[Edit, ...]] = [*((edit,) for edit in alone), *cuts]
    prefixes = [tuple(strides[:count]) for count in (1, 2) if len(strides) >= count]
    combined = [*prefixes[1:], *((*cut, *prefix) for cut in cuts for prefix in prefixes)]
    return Remedies(
        _that_help(trace.graph, classes, before, single), _that_help(trace.graph, classes, before, combined)
    )


def _that_help(
    graph: Graph, classes: int, before: Illness, candidates: Iterable[tuple[Edit, ...]]
) -> tuple[Remedy, ...]:
    helping = []
    for edits in candidates:
        try:
            after = verify(_applied(graph, edits, classes))
        except ArchscopeError:
            # A residual whose other side keeps its size, a window that no longer fits: not a remedy here.
            continue
        left = illness(after)
        if left.better_than(before):
            helping.append(Remedy(edits, after, left))
    return tuple(sorted(helping, key=_rank))


def _applied(graph: Graph, edits: Iterable[Edit], classes: int) -> Graph:
    for edit in edits:
        graph = edit.apply(graph, classes)
    return graph


def _rank(remedy: Remedy) -> tuple[bool, bool, int, int]:
    """Whole cures first, then those that keep the map; the cheapest first among them."""
    return not remedy.left.healthy, remedy.left.collapses, remedy.after.macs, remedy.after.params


def _cuts(trace: Trace, fallen: Collapse | None) -> Iterator[tuple[Edit, ...]]:
    layer = last_before(trace, fallen) if fallen else None
    if layer is not None:
        yield (Cut(layer),)
        if trace.graph.has_head:
            yield Cut(layer), Head(HEAD_UNITS)


def _is_strided(op: object) -> bool:
    return isinstance(op, Windowed) and max(op.strides) > 1
