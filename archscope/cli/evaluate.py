"""`archscope evaluate`: score a finished run's saved model again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archscope.cli.output import note, say, title
from archscope.cli.train_eval import Data, FlipTta
from archscope.errors import RunError
from archscope.report.facts import percent
from archscope.report.run_text import accuracy_line, calibration_line, confused_line, flip_line, recorded_line
from archscope.runs import Run, classification_report, read_run, saved_model, write_predictions, write_run
from archscope.runs.predictions import PREDICTIONS_FILE

if TYPE_CHECKING:
    from archscope.train import Evaluation

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]


def evaluate(
    run: RunFolder,
    data: Data = None,
    flip_tta: FlipTta = False,
    test: Annotated[
        bool, typer.Option("--test", help="Use the test set for a run that was trained with --no-test.")
    ] = False,
    predictions: Annotated[
        bool,
        typer.Option(
            "--predictions",
            help="Write each image's answer into the run folder, where the accuracy is reproduced: `compare` reads it.",
        ),
    ] = False,
) -> None:
    """Evaluate a run's model.keras on the test set, and hold it against what the run recorded.

    A run that left the test set alone is scored there with --test only, and that is counted in its run.json.
    """
    from archscope.data import load
    from archscope.interop.framework import load_framework
    from archscope.interop.read import read_keras
    from archscope.train import evaluate as score

    recorded = read_run(run)
    title(f"{recorded.network.spec} · run {run}", f"{recorded.network.params:,} params")
    if recorded.test is None and not test:
        raise RunError(
            f"{run} left the test set alone, and its validation accuracy is {percent(recorded.validation.accuracy, 2)}",
            "to use the test set now, once the choice is made: --test",
        )
    path = saved_model(run, recorded)
    dataset = load(data or own_data(recorded), recorded.network.input)
    note(f"data: {dataset.name} ({dataset.source}), {len(dataset.test.labels):,} test images")
    if recorded.test is None and dataset.slug == recorded.data.slug:
        # Counted before it is seen.
        write_run(run, replace(recorded, tested_since=recorded.tested_since + 1))
    load_framework()
    found = score(read_keras(path), dataset.test.images, dataset.test.labels, dataset.classes, "test", flip_tta)
    scores = found.scores
    say(accuracy_line(scores, recorded.on(dataset.name)))
    if found.flip_tta:
        say(flip_line(found.flip_tta, scores))
    say()
    for line in classification_report(scores).splitlines():
        say(line)
    say()
    for line in (confused_line(scores), calibration_line(scores)):
        if line:
            say(line)
    sentence, same = recorded_line(recorded, scores, dataset.name, dataset.sha256)
    say(sentence)
    if not same:
        raise typer.Exit(1)
    if predictions:
        _keep(run, recorded, found, dataset.sha256)


def own_data(run: Run) -> str:
    """Where the data that the run was made with can be found: where they were, or by their name."""
    if run.data.named and Path(run.data.named).expanduser().exists():
        return run.data.named
    if run.data.slug not in ("cifar10", "digits"):
        raise RunError(f"the run is of {run.data.name}, found then at {run.data.source}", "name it with --data PATH")
    return run.data.slug


def _keep(folder: Path, run: Run, found: Evaluation, checksum: str) -> None:
    """Write the answers that the run's own figure counts; raises RunError for any others."""
    if run.test is None or checksum != run.data.sha256:
        raise RunError(
            f"{folder} recorded no accuracy on these test images, so that these answers are not its own",
            "leave --predictions out, or name the run's own data with --data",
        )
    write_predictions(folder, found.predictions)
    say(f"wrote {folder / PREDICTIONS_FILE}", wrap=False)
