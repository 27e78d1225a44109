"""`archscope diagnose`: what is wrong, why, and what each remedy costs."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, Target, edit
from archscope.cli.output import Format, emit, emit_json, next_step, say, show
from archscope.cli.subject import InputSize, Model, subject
from archscope.design import Design, edited
from archscope.diagnose.facts import facts
from archscope.diagnose.findings import Diagnosis
from archscope.diagnose.findings import diagnose as examine
from archscope.diagnose.remedies import Remedy
from archscope.errors import DesignError
from archscope.graph import digest
from archscope.report.commands import commands, short_commands
from archscope.report.diagnosis import clean_bill, diagnosis_record, fact_lines, finding_line, remedy_table
from archscope.report.network import network_record


def diagnose(
    model: Model = None,
    input_size: InputSize = None,
    apply: Annotated[
        int | None, typer.Option(metavar="K", help="Do remedy K, as its command would.", show_default=False)
    ] = None,
    dry_run: DryRun = False,
    batch: Annotated[int, typer.Option(metavar="N", help="Batch size of the training memory estimate.")] = 128,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Find where the network loses its image and why, and price every remedy exactly."""
    if apply is not None and input_size is not None:
        raise DesignError("--apply does not go with --input", "`archscope set input=...` first")
    shown = subject(model, input_size)
    diagnosis = examine(shown.trace, shown.design.classes)
    if apply is not None:
        _apply(_chosen(diagnosis, apply), model, dry_run)
        return
    # Where this folder's design is shown as it stands, the commands change it; anything else is named in them.
    named = shown.design if model is not None or input_size is not None else None
    lines = {number: commands(remedy.edits, named) for number, remedy in enumerate(diagnosis.remedies, 1)}
    table = remedy_table(diagnosis, shown.trace)
    sentences = [finding_line(finding) for finding in diagnosis.findings] or [clean_bill(shown.trace)]
    known = facts(shown.trace, batch)
    if form is Format.json:
        record = network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace)
        emit_json({**record, **diagnosis_record(diagnosis, known, shown.trace, lines)})
    elif form is Format.csv:
        emit(table.csv())
    elif form is Format.md:
        parts = ["\n".join(f"- {sentence}" for sentence in [*sentences, *fact_lines(known, shown.trace)])]
        emit("\n\n".join([*parts, *([table.markdown()] if lines else [])]).rstrip() + "\n")
    else:
        shown.announce()
        for sentence in sentences:
            say(sentence)
        for line in fact_lines(known, shown.trace):
            say(line, style="dim")
        if lines:
            say()
            show(table)
        next_step(lines[1] if lines else f"archscope train-eval {shown.spec if named else ''}".rstrip())


def _chosen(diagnosis: Diagnosis, number: int) -> Remedy:
    offered = list(diagnosis.remedies)
    if not 1 <= number <= len(offered):
        rule = f"the remedies are 1 to {len(offered)}" if offered else "this network needs none"
        raise DesignError(f"there is no remedy {number}", rule)
    return offered[number - 1]


def _apply(remedy: Remedy, model: str | None, dry_run: bool) -> None:
    def change(design: Design) -> Design:
        for wanted in remedy.edits:
            design = edited(design, wanted)
        return design

    line = short_commands(remedy.edits)
    edit(change, Target(model, dry_run=dry_run), line, lambda design: line)
