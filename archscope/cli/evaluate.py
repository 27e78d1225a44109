"""`archscope evaluate`: score a finished run's saved model again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archscope.cli.output import note, say, title
from archscope.cli.train_eval import DATA_HELP, FlipTta
from archscope.errors import RunError
from archscope.report.facts import percent, tested_since
from archscope.report.run_text import accuracy_line, calibration_line, confused_line, flip_line, recorded_line
from archscope.report.training import named_data
from archscope.runs import Run, classification_report, read_run, saved_model, write_predictions, write_run
from archscope.runs.held_out import HeldOut
from archscope.runs.predictions import PREDICTIONS_FILE
from archscope.runs.record import KNOWN_DATA

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archscope.data import Dataset

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]


def evaluate(
    run: RunFolder,
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", metavar="PATH|digits", help=DATA_HELP, show_default="the run's own"),
    ] = None,
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

    A run that left the test set alone is scored there with --test only, and that is counted in its run.json; its
    --predictions are those of its validation images.
    """
    from archscope.data import load
    from archscope.interop.framework import load_framework
    from archscope.interop.read import read_keras
    from archscope.train import evaluate as score

    recorded = read_run(run)
    title(f"{recorded.network.spec} · run {run}", f"{recorded.network.params:,} params")
    split = "test" if test or recorded.test else "validation"
    if split == "validation" and not predictions:
        raise RunError(
            f"{run} left the test set alone, and its validation accuracy is {percent(recorded.validation.accuracy, 2)}",
            "to use the test set now, once the choice is made: --test",
        )
    if predictions and split != recorded.headline.split:
        raise RunError(
            f"{run} left the test set alone, and --predictions are the answers that its own figure counts",
            "leave --test or --predictions out",
        )
    path = saved_model(run, recorded)
    dataset = load(data or own_data(recorded), recorded.network.input)
    if (count := len(dataset.classes)) != recorded.network.classes:
        raise RunError(
            f"the network tells {recorded.network.classes} classes apart, and {dataset.name} has {count}",
            "name data of its own classes with --data",
        )
    if predictions and dataset.sha256 != recorded.data.sha256:
        raise RunError(
            f"{run} recorded no accuracy on these images, so that these answers are not its own",
            "leave --predictions out, or name the run's own data with --data",
        )
    images, labels = dataset.test.images, dataset.test.labels
    if split == "validation":
        held_out = _held_out(recorded, dataset)
        images, labels = dataset.train.images[held_out], dataset.train.labels[held_out]
    note(f"data: {named_data(dataset.name, dataset.source)}, {len(labels):,} {split} images")
    if split != recorded.headline.split and dataset.slug == recorded.data.slug:
        # Counted before it is seen.
        recorded = replace(recorded, tested_since=recorded.tested_since + 1)
        write_run(run, recorded)
        note(f"the training left the test set alone; {tested_since(recorded)}, which its run.json counts")
    load_framework()
    found = score(read_keras(path), images, labels, dataset.classes, split, flip_tta)
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
        write_predictions(run, found.predictions)
        say(f"wrote {run / PREDICTIONS_FILE}", wrap=False)


def own_data(run: Run) -> str:
    """Where the data that the run was made with can be found: where they were, or by their name."""
    if run.data.named and Path(run.data.named).expanduser().exists():
        return run.data.named
    if run.data.slug not in KNOWN_DATA:
        raise RunError(f"the run is of {run.data.name}, found then at {run.data.source}", "name it with --data PATH")
    return run.data.slug


def _held_out(run: Run, dataset: Dataset) -> npt.NDArray[np.int64]:
    """The places in the training split, (images,), of those that the run held out."""
    from archscope.data import stratified_split

    held_out = HeldOut.of(run)
    return stratified_split(dataset.train.labels, held_out.fraction, held_out.seed)[1]
