"""`archscope status`: the design of this folder."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.output import Format, emit_json, next_step, say, show
from archscope.cli.subject import Model, subject, workspace
from archscope.errors import DesignError
from archscope.graph import digest
from archscope.report.network import network_record, verdict
from archscope.report.status import history_line, status_table


def status(
    model: Model = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="table or json.")] = Format.table,
) -> None:
    """Show the design: base, arguments, edits, cost, and what undo would take back."""
    shown = subject(model)
    steps = workspace().history() if model is None else None
    table = status_table(shown.design, shown.trace)
    if form is Format.json:
        emit_json(network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace))
        return
    if form is not Format.table:
        raise DesignError(f"--format {form}: status comes as table or json", "")
    shown.announce()
    show(table)
    say(verdict(shown.trace))
    if steps:
        say(history_line(*steps), style="dim")
    next_step("archscope shapes")
