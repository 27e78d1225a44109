"""A design as a person reads it."""

from __future__ import annotations

from archscope.analysis import final_map
from archscope.design import Design, Step, edit_text
from archscope.graph import Trace, shape_text
from archscope.report.numbers import keras_size
from archscope.report.table import Column, Line, Table
from archscope.zoo import Argument


def status_table(design: Design, trace: Trace) -> Table:
    """Base, arguments, edits, cost: one row each."""
    arguments = ", ".join(f"{name}={Argument.text(value)}" for name, value in design.arguments.items())
    edits = [(f"edit {number}", edit_text(edit)) for number, edit in enumerate(design.edits, 1)]
    rows = [
        ("base", f"{design.family.title} ({design.family.source})"),
        ("input", shape_text(design.input)),
        ("arguments", arguments),
        *(edits or [("edits", "none")]),
        ("params", f"{trace.params:,} ({keras_size(trace.params)}), {trace.trainable_params:,} trainable"),
        ("MACs", f"{trace.macs:,}"),
        ("final map", shape_text(final_map(trace))),
    ]
    columns = (Column("figure", "", left=True), Column("value", "", left=True))
    return Table(columns, tuple(Line(row) for row in rows))


def history_line(done: tuple[Step, ...], undone: tuple[Step, ...]) -> str:
    """`undo takes back: cut block_12_add (2 more before it); redo does again: ...`."""
    parts = []
    if done:
        more = f" ({len(done) - 1} more before it)" if len(done) > 1 else ""
        parts.append(f"undo takes back: {done[-1].command}{more}")
    if undone:
        parts.append(f"redo does again: {undone[0].command}")
    return "; ".join(parts) or "nothing to undo or redo"
