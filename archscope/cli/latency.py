"""`archscope latency`: single-image CPU latency of a network or a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.job import measure_latency
from archscope.cli.machine import machine
from archscope.cli.output import Format, emit, emit_json, note, show
from archscope.cli.subject import InputSize, Model, subject
from archscope.report.run_text import latency_table
from archscope.runs import SCHEMA_VERSION, read_run, saved_model


def latency(
    model: Model = None,
    input_size: InputSize = None,
    threads: Annotated[int, typer.Option(metavar="N", help="LiteRT's threads.")] = 1,
    tensorflow_threads: Annotated[
        int | None, typer.Option(metavar="N", help="Threads of tf.function and predict.", show_default="all CPUs")
    ] = None,
    runs: Annotated[int, typer.Option(metavar="N", help="Timed images per runtime, at most 5 s of them.")] = 1000,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Measure one image at a time on the CPU: LiteRT, a compiled tf.function, and Keras predict."""
    from archscope.interop.export import litert_bytes
    from archscope.interop.framework import load_framework
    from archscope.interop.lower import lower
    from archscope.interop.read import read_keras

    shown = subject(model, input_size)
    if form is Format.table:
        shown.announce()
    run = Path(model) if shown.source.startswith("run ") and model and input_size is None else None
    note("weights: the run's" if run else "weights: freshly initialised (latency does not depend on them)")
    load_framework()
    network = read_keras(saved_model(run, read_run(run))) if run else lower(shown.trace.graph)
    measured = measure_latency(network, litert_bytes(network), threads, tensorflow_threads, runs)
    table = latency_table(measured)
    if form is Format.json:
        records = [asdict(record) for record in measured]
        emit_json({"schema_version": SCHEMA_VERSION, "spec": shown.spec, "machine": machine(), "latency": records})
    elif form is Format.csv:
        emit(table.csv())
    elif form is Format.md:
        emit(table.markdown())
    else:
        show(table)
