"""`archscope shapes`: where the map goes, layer by layer, and where it collapses."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.analysis import collapse, last_before
from archscope.cli.output import Format, emit, emit_json, next_step, say, show
from archscope.cli.subject import ByOption, InputSize, Model, find_design, row_unit, subject
from archscope.graph import Trace, digest
from archscope.report.network import coverage_line, layer_records, network_record, shape_table, verdict
from archscope.report.signals import SIGNALS


def shapes(
    model: Model = None,
    input_size: InputSize = None,
    by: ByOption = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help=f"More columns: {', '.join(SIGNALS)}; or all.", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Show the feature map through the network, and where it collapses to 1x1."""
    shown = subject(model, input_size)
    table = shape_table(shown.trace, row_unit(by, form), columns.split(",") if columns else ())
    if form is Format.json:
        record = network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace)
        emit_json({**record, "rows": table.records(), "layers": layer_records(shown.trace)})
    elif form is Format.csv:
        emit(table.csv())
    elif form is Format.md:
        emit(f"{table.markdown()}\n{verdict(shown.trace)}\n")
    else:
        shown.announce()
        show(table)
        say(verdict(shown.trace))
        if shown.trace.uncounted:
            say(coverage_line(shown.trace))
        here = model is None and find_design(None)[0] == shown.design
        next_step(_next(shown.trace, "" if here else shown.spec))


def _next(trace: Trace, spec: str) -> str:
    """Cut where the map is lost; train what keeps it. `spec` names a network that is not this folder's."""
    fallen = collapse(trace)
    layer = last_before(trace, fallen) if fallen else None
    if layer is None:
        return f"archscope train-eval {spec}".rstrip()
    return f"archscope cut {layer} --head 1000{' -m ' if spec else ''}{spec}"
