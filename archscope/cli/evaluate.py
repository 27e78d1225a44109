"""`archscope evaluate`: score a finished run's saved model again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.output import note, say, title
from archscope.cli.train_eval import Data
from archscope.report.run_text import accuracy_line, recorded_line
from archscope.runs import classification_report, read_run, saved_model

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]


def evaluate(run: RunFolder, data: Data = None) -> None:
    """Evaluate a run's model.keras on the test set, and hold it against what the run recorded."""
    from archscope.data import load
    from archscope.interop.framework import load_framework
    from archscope.interop.read import read_keras
    from archscope.train import evaluate as score

    recorded = read_run(run)
    title(f"{recorded.network.spec} · run {run}", f"{recorded.network.params:,} params")
    path = saved_model(run, recorded)
    dataset = load(data or ("digits" if recorded.data.slug == "digits" else None), recorded.network.input)
    note(f"data: {dataset.name} ({dataset.source}), {len(dataset.test.labels):,} test images")
    load_framework()
    scores = score(read_keras(path), dataset.test.images, dataset.test.labels, dataset.classes, "test")
    say(accuracy_line(scores, dataset.name))
    say()
    for line in classification_report(scores).splitlines():
        say(line)
    say()
    sentence, same = recorded_line(recorded, scores, dataset.name, dataset.sha256)
    say(sentence)
    if not same:
        raise typer.Exit(1)
