"""`archscope diff`: what differs between two networks, and what merely follows."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from archscope.cli.output import emit, emit_json, next_step, say, show, title
from archscope.cli.subject import InputSize, Subject, subject
from archscope.diagnose.diff import Diff
from archscope.diagnose.diff import diff as compare
from archscope.graph import digest
from archscope.report.diff import (
    SHOWN_EDITS,
    diff_markdown,
    diff_record,
    diff_sentence,
    edit_table,
    knock_on_table,
    left_out,
)
from archscope.report.network import SCHEMA_VERSION, change_table, headline, network_record


class DiffFormat(StrEnum):
    """How the difference leaves."""

    table = "table"
    json = "json"
    md = "md"


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A model, spec, design file or run folder: before.")],
    b: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="After; without it, the design of this folder.", show_default=False),
    ] = None,
    input_size: InputSize = None,
    form: Annotated[DiffFormat, typer.Option("--format", "-f", help="Output format.")] = DiffFormat.table,
) -> None:
    """Align two networks by structure: what was edited, what follows from it, and the totals."""
    before, after = subject(a, input_size), subject(b, input_size)
    found = compare(before.trace, after.trace)
    if form is DiffFormat.json:
        networks = {"before": _record(before), "after": _record(after)}
        emit_json({"schema_version": SCHEMA_VERSION, **networks, **diff_record(found)})
    elif form is DiffFormat.md:
        emit(diff_markdown(found, before.spec, after.spec))
    else:
        for sign, side in (("-", before), ("+", after)):
            spec, cost = headline(side.spec, side.trace, side.source)
            title(f"{sign} {spec}", cost)
        _tables(found)
        next_step(f"archscope shapes {after.spec}")


def _record(side: Subject) -> dict[str, object]:
    return network_record(side.spec, digest(side.trace.graph), side.source, side.trace)


def _tables(found: Diff) -> None:
    if found.edits:
        show(edit_table(found, SHOWN_EDITS))
        if more := left_out(found):
            say(more, style="dim")
        say()
    if found.knock_on:
        show(knock_on_table(found))
        say()
    if not found.same:
        show(change_table(found.before, found.after))
    say(diff_sentence(found))
