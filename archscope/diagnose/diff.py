"""What differs between two networks, by structure: the edits, and apart from them what merely follows.

Layers are paired by an alignment of the two graphs in topological order (Gotoh 1982, affine gaps): as many layers as
possible keep their partner, first those with equal attributes, then those of the same kind; what is added or removed
stands together, and starts at a block where that is as good. Names play no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Literal

from archscope.graph import HEAD, Node, Row, Trace, digest

EntryKind = Literal["removed", "added", "changed", "follows", "same"]

# Scores of the alignment. A pair of equal layers is worth more than any pair that differs, and any pair more than the
# two gaps it could leave; a gap that starts with a block is cheaper than one that starts inside.
_EQUAL, _SAME_KIND, _ALIKE, _OPEN, _OPEN_AT_BLOCK = 12, 5, 5, -2, -1
_NEVER = -(10**9)


@dataclass(frozen=True, slots=True)
class Change:
    """An attribute before and after; `reads` is what a layer takes its input from."""

    attribute: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Entry:
    """A layer of one network, or a pair of layers that stand for each other, and the attributes that differ."""

    before: Row | None
    after: Row | None
    changes: tuple[Change, ...] = ()

    @property
    def kind(self) -> EntryKind:
        """`changed` is an edit; `follows` differs in shapes, parameters or MACs without an edit of its own."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        if self.changes:
            return "changed"
        return "same" if _computed(self.before) == _computed(self.after) else "follows"

    @property
    def row(self) -> Row:
        """The layer as it is now, or was."""
        row = self.after or self.before
        assert row is not None
        return row

    @property
    def params(self) -> int:
        """By how much the parameters grow."""
        return (self.after.params if self.after else 0) - (self.before.params if self.before else 0)

    @property
    def macs(self) -> int:
        """By how much the MACs grow."""
        return (self.after.macs if self.after else 0) - (self.before.macs if self.before else 0)

    @property
    def swapped(self) -> Entry:
        changes = tuple(replace(change, before=change.after, after=change.before) for change in self.changes)
        return Entry(self.after, self.before, changes)


@dataclass(frozen=True, slots=True)
class Diff:
    """Two networks, and their layers aligned. The growths of all entries add up to that of the whole."""

    before: Trace
    after: Trace
    same: bool
    entries: tuple[Entry, ...]

    @property
    def edits(self) -> tuple[Entry, ...]:
        """What was changed, added and removed."""
        return tuple(entry for entry in self.entries if entry.kind in ("changed", "added", "removed"))

    @property
    def knock_on(self) -> tuple[Entry, ...]:
        """What only follows from the edits."""
        return tuple(entry for entry in self.entries if entry.kind == "follows")


def diff(before: Trace, after: Trace) -> Diff:
    """Align two networks. `same` says that their digests agree; then there are no entries.

    diff(b, a) is diff(a, b) with before and after swapped.
    """
    first, second = digest(before.graph), digest(after.graph)
    if first == second:
        return Diff(before, after, True, ())
    # Of several best alignments either direction must find the same one.
    if first < second:
        return Diff(before, after, False, tuple(_entries(before, after)))
    return Diff(before, after, False, tuple(entry.swapped for entry in _entries(after, before)))


def _entries(before: Trace, after: Trace) -> Iterator[Entry]:
    pairs = list(_aligned(before, after))
    partner = {old.name: new.name for old, new in pairs if old and new}
    # What stands where a layer was: the layers that kept their partner, seen through those that did not.
    old_sources = _sources(before, partner)
    new_sources = _sources(after, {name: name for name in partner.values()})
    for old, new in pairs:
        changes: tuple[Change, ...] = ()
        if old and new:
            changes = (*_attributes(old.node, new.node), *_rewired(old.node, new.node, old_sources, new_sources))
        yield Entry(old, new, changes)


def _aligned(before: Trace, after: Trace) -> Iterator[tuple[Row | None, Row | None]]:
    """Body with body and head with head, where both networks know their head."""
    if not (before.graph.has_head and after.graph.has_head):
        yield from _align(before.rows, after.rows)
        return
    for part in (False, True):
        yield from _align(
            [row for row in before if (row.node.stage == HEAD) == part],
            [row for row in after if (row.node.stage == HEAD) == part],
        )


def _align(old: Sequence[Row], new: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """The best alignment; O(len(old) * len(new))."""
    scores = _Scores(old, new)
    open_old, open_new = list(_openings(old)), list(_openings(new))
    wide = range(1, len(new) + 1)
    # Best scores of the alignments of old[:i] and new[:j] that end in a pair, a removed layer, an added layer.
    paired = [[_NEVER] * (len(new) + 1) for _ in range(len(old) + 1)]
    removed, added = [row[:] for row in paired], [row[:] for row in paired]
    paired[0][0] = 0
    for j in wide:
        added[0][j] = max(added[0][j - 1], paired[0][j - 1] + open_new[j - 1])
    for i in range(1, len(old) + 1):
        above_p, above_r, above_a = paired[i - 1], removed[i - 1], added[i - 1]
        here_p, here_r, here_a = paired[i], removed[i], added[i]
        cost = open_old[i - 1]
        here_r[0] = max(above_r[0], above_p[0] + cost)
        row = scores.row(i - 1)
        for j in wide:
            here_p[j] = max(above_p[j - 1], above_r[j - 1], above_a[j - 1]) + row[j - 1]
            here_r[j] = max(above_r[j], max(above_p[j], above_a[j]) + cost)
            here_a[j] = max(here_a[j - 1], max(here_p[j - 1], here_r[j - 1]) + open_new[j - 1])

    pairs: list[tuple[Row | None, Row | None]] = []
    i, j = len(old), len(new)
    # From the end back to where each best score came from; of equals the first named, so that gaps stand late.
    tables = {"removed": removed, "added": added, "paired": paired}
    state = max(tables, key=lambda name: tables[name][i][j])
    while i or j:
        if state == "paired":
            pairs.append((old[i - 1], new[j - 1]))
            i, j = i - 1, j - 1
            state = max(tables, key=lambda name: tables[name][i][j])
            continue
        if state == "removed":
            cost, i = open_old[i - 1], i - 1
            pairs.append((old[i], None))
        else:
            cost, j = open_new[j - 1], j - 1
            pairs.append((None, new[j]))
        stay = state
        state = max(tables, key=lambda name: tables[name][i][j] + (0 if name == stay else cost))
    return pairs[::-1]


class _Scores:
    """What each pair is worth, computed once per pair of distinct layers: networks repeat themselves."""

    def __init__(self, old: Sequence[Row], new: Sequence[Row]) -> None:
        self._old, self._new = [_key(row.node) for row in old], [_key(row.node) for row in new]
        self._rows: dict[_Key, list[int]] = {}

    def row(self, i: int) -> list[int]:
        key = self._old[i]
        if key not in self._rows:
            worth = {other: _worth(key, other) for other in set(self._new)}
            self._rows[key] = [worth[other] for other in self._new]
        return self._rows[key]


_Key = tuple[str, int, tuple[tuple[str, object], ...]]


def _key(node: Node) -> _Key:
    """Kind, number of inputs, and the attributes that make a network another one (as in its digest)."""
    op = node.op
    return (
        # An opaque layer may be of the same kind as an op with a rule, and has other attributes.
        f"{type(op).__name__} {node.kind}",
        len(node.inputs),
        tuple((known.name, getattr(op, known.name)) for known in fields(op) if known.repr),
    )


def _worth(old: _Key, new: _Key) -> int:
    if old == new:
        return _EQUAL
    if old[0] != new[0]:
        return _NEVER
    alike = sum(mine == other for mine, other in zip(old[2], new[2], strict=True))
    return _SAME_KIND + _ALIKE * alike // max(len(old[2]), 1)


def _openings(rows: Sequence[Row]) -> Iterator[int]:
    """What it costs to start a gap at each layer."""
    if rows:
        yield _OPEN_AT_BLOCK
    for one, other in pairwise(rows):
        yield _OPEN_AT_BLOCK if one.node.block != other.node.block else _OPEN


def _attributes(old: Node, new: Node) -> Iterator[Change]:
    for known in fields(old.op):
        before, after = getattr(old.op, known.name), getattr(new.op, known.name)
        if known.repr and before != after:
            yield Change(known.name, before, after)


def _sources(trace: Trace, partner: dict[str, str]) -> dict[str, frozenset[str]]:
    """For each layer the partners it stands for: its own, or, where it has none, those of its inputs."""
    sources: dict[str, frozenset[str]] = {}
    for row in trace:
        own = partner.get(row.name)
        through = frozenset(name for read in row.node.inputs for name in sources[read])
        sources[row.name] = frozenset([own]) if own is not None else through
    return sources


def _rewired(
    old: Node, new: Node, old_sources: dict[str, frozenset[str]], new_sources: dict[str, frozenset[str]]
) -> Iterator[Change]:
    """An input that comes from elsewhere, beyond what layers added or removed in between explain."""
    kept = len(old.inputs) == len(new.inputs) and all(
        not old_sources[mine].isdisjoint(new_sources[other]) for mine, other in zip(old.inputs, new.inputs, strict=True)
    )
    if not kept:
        yield Change("reads", ", ".join(old.inputs), ", ".join(new.inputs))


def _computed(row: Row) -> tuple[object, ...]:
    return row.inputs, row.output, row.weights, row.macs
