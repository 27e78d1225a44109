"""`archscope scan`: one design at many input sizes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.editing import Yes
from archscope.cli.output import Format, console, emit, emit_json, may_write, next_step, say
from archscope.cli.subject import Model, subject
from archscope.design import format_spec
from archscope.diagnose.scan import DEFAULT_SIZES, parse_sizes
from archscope.diagnose.scan import scan as scan_sizes
from archscope.graph import digest
from archscope.report.figure import check_picture
from archscope.report.network import network_record
from archscope.report.scan import heat_map, legend, scan_grid, scan_record, scan_sentence, scan_table, write_scan


class Unit(StrEnum):
    """What a row stands for."""

    block = "block"
    layer = "layer"


def scan(
    model: Model = None,
    sizes: Annotated[
        str,
        typer.Option("--sizes", metavar="A..B[:STEP]|A,B,...", help="Square input sizes; the step is 8 unless given."),
    ] = DEFAULT_SIZES,
    by: Annotated[Unit, typer.Option("--by", help="A row per block, or per layer with a window.")] = Unit.block,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Draw it into a .png or .svg file as well.", show_default=False
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
    yes: Yes = False,
) -> None:
    """Scan input sizes: each block's map, collapse and dead taps, and the smallest healthy input."""
    wanted = parse_sizes(sizes)
    if out is not None:
        check_picture(out)
        may_write(out, yes)
    shown = subject(model)
    found = scan_sizes(shown.design, wanted, by.value)
    if out is not None:
        write_scan(found, shown.spec, out)
    if form is Format.json:
        record = network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace)
        emit_json({**record, "scan": scan_record(found)})
    elif form is Format.csv:
        emit(scan_table(found).csv())
    elif form is Format.md:
        emit(f"{scan_grid(found).markdown()}\n{scan_sentence(found)}\n")
    else:
        shown.announce()
        screen = console()
        for line in heat_map(found, screen.width):
            screen.print(line, soft_wrap=True)
        say(legend(found, screen.width), style="dim")
        say(scan_sentence(found))
        if out is not None:
            say(f"wrote {out}")
        next_step(_next(found.smallest_healthy(), shown.design.input[0], format_spec(shown.design), model))


def _next(smallest: int | None, side: int, spec: str, model: str | None) -> str:
    """An input that is too small asks for the diagnosis; one that is not, for the layers."""
    sick = smallest is None or side < smallest
    return f"archscope {'diagnose' if sick else 'shapes'}{'' if model is None else f' {spec}'}"
