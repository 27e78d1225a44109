"""A diff as tables and sentences for people, as Markdown for a pull request, and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from archscope.diagnose.diff import Change, Diff, Entry
from archscope.graph import shape_text
from archscope.report.network import change_table
from archscope.report.table import Column, Line, Table, Value

SHOWN_EDITS = 16
"""So many rows of edits leave a screen room for the rest."""

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}
_WHAT_MAX = 44


@dataclass(frozen=True, slots=True)
class _Run:
    """Edits that stand together: one changed layer, or consecutive layers added or removed."""

    kind: str
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        first, last = self.entries[0].row.name, self.entries[-1].row.name
        return first if first == last else f"{first}..{last}"

    @property
    def what(self) -> str:
        if self.kind == "changed":
            return ", ".join(_change(change) for change in self.entries[0].changes)
        kind, count = self.entries[0].row.node.kind, len(self.entries)
        return f"{self.kind}: {kind if count == 1 else f'{count} layers'}"

    @property
    def output(self) -> str:
        return _shapes(self.entries[-1])


def edit_table(diff: Diff, limit: int | None = None) -> Table:
    """The edits: a row for each changed layer and each run of added or removed ones."""
    columns = (
        Column("edit", "edit", left=True),
        Column("what", "what", _clipped if limit else str, left=True, keep=8),
        Column("output", "output", left=True, keep=3),
        Column("params_growth", "params", _signed, keep=6),
        Column("macs_growth", "MACs", _signed, keep=5),
    )
    lines = [
        Line(
            (f"{_SIGNS[run.kind]} {run.name}", run.what, run.output, *_growth(run.entries)),
            _STYLES[run.kind],
        )
        for run in _runs(diff)[:limit]
    ]
    return Table(columns, tuple(lines), ("all edits", None, None, *_growth(diff.edits)))


def left_out(diff: Diff) -> str:
    """What a table of SHOWN_EDITS rows does not show; empty where it shows all."""
    more = len(_runs(diff)) - SHOWN_EDITS
    return f"and {more} more edits; `--format md` or `json` lists them all" if more > 0 else ""


def knock_on_table(diff: Diff) -> Table:
    """What follows, a row for each block with such layers."""
    columns = (
        Column("block", "follows in", left=True),
        Column("layers", "layers"),
        Column("output", "ends in", left=True, keep=7),
        Column("params_growth", "params", _signed, keep=6),
        Column("macs_growth", "MACs", _signed, keep=5),
    )
    lines = []
    for name, members in groupby(diff.knock_on, lambda entry: entry.row.node.block):
        entries = tuple(members)
        lines.append(Line((name, len(entries), _shapes(entries[-1]), *_growth(entries))))
    total: tuple[Value, ...] = ("all that follows", len(diff.knock_on), None, *_growth(diff.knock_on))
    return Table(columns, tuple(lines), total)


def diff_sentence(diff: Diff) -> str:
    """The difference in a sentence."""
    if diff.same:
        return "The same network: equal digests, names apart."
    counts = {kind: sum(entry.kind == kind for entry in diff.edits) for kind in _SIGNS}
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("changed", "removed", "added") if counts[kind])
    layers = "layer" if sum(counts.values()) == 1 else "layers"
    follow = len(diff.knock_on)
    rest = f"{follow} more {'layer differs' if follow == 1 else 'layers differ'} in shapes or cost as they follow"
    return f"Edited {layers}: {told or 'none'}; {rest if follow else 'nothing else differs'}."


def diff_markdown(diff: Diff, before: str, after: str) -> str:
    """For a pull request: the totals and the edits in sight, the knock-on changes folded away."""
    parts = [f"**Architecture**: `{before}` -> `{after}`\n", f"{diff_sentence(diff)}\n"]
    if not diff.same:
        parts += [change_table(diff.before, diff.after).markdown()]
        parts += [edit_table(diff).markdown()] if diff.edits else []
    if diff.knock_on:
        inner = knock_on_table(diff).markdown()
        parts.append(f"<details><summary>What follows from the edits</summary>\n\n{inner}\n</details>\n")
    return "\n".join(parts)


def diff_record(diff: Diff) -> dict[str, object]:
    """Every layer that differs, raw."""
    return {
        "same": diff.same,
        "params_growth": diff.after.params - diff.before.params,
        "macs_growth": diff.after.macs - diff.before.macs,
        "edits": [_record(entry) for entry in diff.edits],
        "knock_on": [_record(entry) for entry in diff.knock_on],
    }


def _record(entry: Entry) -> dict[str, object]:
    before, after = entry.before, entry.after
    return {
        "kind": entry.kind,
        "before": before and before.name,
        "after": after and after.name,
        "op": entry.row.node.kind,
        "block": entry.row.node.block,
        "changes": [
            {"attribute": change.attribute, "before": change.before, "after": change.after} for change in entry.changes
        ],
        "output_shape_before": list(before.output) if before else None,
        "output_shape_after": list(after.output) if after else None,
        "params_growth": entry.params,
        "macs_growth": entry.macs,
    }


def _runs(diff: Diff) -> list[_Run]:
    """Neighbours of one kind together; a changed layer stays alone. What was not edited parts the runs."""
    runs: list[_Run] = []
    for kind, members in groupby(diff.entries, lambda entry: entry.kind):
        if kind == "changed":
            runs += [_Run(kind, (entry,)) for entry in members]
        elif kind in _SIGNS:
            runs.append(_Run(kind, tuple(members)))
    return runs


def _change(change: Change) -> str:
    return f"{change.attribute} {_spell(change.before)} -> {_spell(change.after)}"


def _spell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple) and all(isinstance(item, int) for item in value):
        return shape_text(value)
    return str(value).replace(" ", "") if isinstance(value, tuple) else str(value)


def _shapes(entry: Entry) -> str:
    """The output before and after; once where it is the same, or where there is only one."""
    return " -> ".join(dict.fromkeys(shape_text(row.output) for row in (entry.before, entry.after) if row))


def _growth(entries: Sequence[Entry]) -> tuple[int, int]:
    return sum(entry.params for entry in entries), sum(entry.macs for entry in entries)


def _signed(value: Value) -> str:
    return f"{value:+,}" if isinstance(value, int) and value else "0"


def _clipped(value: Value) -> str:
    text = str(value)
    return text if len(text) <= _WHAT_MAX else text[: _WHAT_MAX - 1] + "…"
