"""`archscope shapes`: where the map goes, layer by layer, and where it collapses."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.output import Format, emit, emit_json, next_step, say, show
from archscope.cli.subject import ByOption, InputSize, Model, row_unit, subject
from archscope.graph import digest
from archscope.report.network import CROSS, layer_records, network_record, shape_table, verdict


def shapes(
    model: Model = None,
    input_size: InputSize = None,
    by: ByOption = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Show the feature map through the network, and where it collapses to 1x1."""
    shown = subject(model, input_size)
    table = shape_table(shown.trace, row_unit(by, form))
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
        sentence = verdict(shown.trace)
        say(sentence)
        next_step("archscope cut block_12_add --head 1000" if sentence.startswith(CROSS) else "archscope train-eval")
