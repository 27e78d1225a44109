"""`archscope status`: the design of this folder."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from archscope.cli.output import emit_json, next_step, say, show
from archscope.cli.subject import Model, subject, workspace
from archscope.errors import DesignError
from archscope.graph import digest
from archscope.report.network import network_record, verdict
from archscope.report.status import history_line, status_table


class StatusFormat(StrEnum):
    """For people, or for machines."""

    table = "table"
    json = "json"


def status(
    model: Model = None,
    form: Annotated[StatusFormat, typer.Option("--format", "-f", help="Output format.")] = StatusFormat.table,
) -> None:
    """Show the design: base, arguments, edits, cost, and what undo would take back."""
    shown = subject(model)
    table = status_table(shown.design, shown.trace)
    if form is StatusFormat.json:
        emit_json(network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace))
        return
    shown.announce()
    show(table)
    say(verdict(shown.trace))
    if model is None:
        say(_history(), style="dim")
    next_step("archscope shapes" if model is None else f"archscope shapes {shown.spec}")


def _history() -> str:
    """What undo and redo would do; a damaged history takes nothing from the design."""
    try:
        return history_line(*workspace().history())
    except DesignError as error:
        return f"undo is not available: {error}"
