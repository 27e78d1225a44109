"""`archscope params`: where the parameters are, and whether they fit a budget."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.budget import Verdict, parse_count
from archscope.cli.output import Format, emit, emit_json, next_step, say, show
from archscope.cli.subject import ByOption, InputSize, Model, row_unit, subject
from archscope.graph import digest
from archscope.report.budget import budget_line, budget_record, budget_style
from archscope.report.network import network_record, param_table, param_totals


def params(
    model: Model = None,
    input_size: InputSize = None,
    by: ByOption = None,
    max_params: Annotated[
        str | None,
        typer.Option("--max-params", metavar="N", help="A limit such as 600k; exit 1 above it.", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Show the parameter table, the totals as Keras prints them, and the budget."""
    shown = subject(model, input_size)
    verdict = Verdict(shown.trace.params, parse_count(max_params, "--max-params")) if max_params is not None else None
    table = param_table(shown.trace, row_unit(by, form))
    if form is Format.json:
        record = network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace)
        emit_json({**record, "budget": verdict and budget_record(verdict), "rows": table.records()})
    elif form is Format.csv:
        emit(table.csv())
    elif form is Format.md:
        totals = "  \n".join([*param_totals(shown.trace), *([budget_line(verdict)] if verdict else [])])
        emit(f"{table.markdown()}\n{totals}\n")
    else:
        shown.announce()
        show(table)
        for line in param_totals(shown.trace):
            say(line)
        if verdict:
            say(budget_line(verdict), style=budget_style(verdict))
        next_step("archscope shapes")
    if verdict and not verdict.holds:
        raise typer.Exit(1)
