"""`archscope train-eval`: train the network, evaluate it once, measure it, and write the report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.alone import resume_alone
from archscope.cli.carried import Weights, named_weights
from archscope.cli.job import (
    REPORTS,
    is_finished,
    named_folder,
    now,
    remove_leftover,
    resume_command,
    run_job,
)
from archscope.cli.offer import place_for
from archscope.cli.output import next_step, note, say, show
from archscope.cli.recipe import DISTILL, Preset, knob, recipe_for
from archscope.cli.seeds import finish_seeds, prove_seeds
from archscope.cli.subject import InputSize, Model, subject
from archscope.cli.teacher import named_teacher
from archscope.errors import DesignError, OutputError, RunError, StoppedError, TrainingError
from archscope.graph import digest
from archscope.report.names import run_stem
from archscope.report.run_text import latency_table, run_lines
from archscope.runs import read_run
from archscope.runs.lock import is_locked
from archscope.runs.plan import Plan, read_plan
from archscope.runs.series import read_series
from archscope.runs.store import PARTIAL, PLAN_FILE, SERIES_FILE, partial_of
from archscope.train import FLIPS, OPTIMIZERS, SCHEDULES, Recipe, has_state
from archscope.train.checks import check_taught
from archscope.train.recipe import RULES

DATA_HELP = (
    "CIFAR-10 as an archive or folder; a folder of images by class; Parquet; .npz; or `digits`, scikit-learn's bundled "
    "ones."
)

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        metavar="PATH|digits",
        help=DATA_HELP,
        show_default="$ARCHSCOPE_CIFAR10, Keras' cache, a download",
    ),
]

FlipTta = Annotated[
    bool,
    typer.Option("--flip-tta", help="Score the mean over each image and its mirror as well, apart from the accuracy."),
]
TrainImages = Annotated[
    int | None,
    typer.Option(
        "--train-images",
        metavar="N",
        min=1,
        help="A pilot: train on N of the training images, stratified.",
        show_default="all of them",
    ),
]


def train_eval(
    context: typer.Context,
    model: Model = None,
    input_size: InputSize = None,
    data: Data = None,
    recipe: Preset = None,
    epochs: Annotated[int | None, knob("epochs", "N", short="-e")] = None,
    batch_size: Annotated[int | None, knob("batch_size", "N")] = None,
    optimizer: Annotated[str | None, knob("optimizer", "|".join(OPTIMIZERS), "sgd is Nesterov's.")] = None,
    learning_rate: Annotated[float | None, knob("learning_rate", "X", "At its peak.", short="--lr")] = None,
    momentum: Annotated[float | None, knob("momentum", "X", "adamw: beta 1.")] = None,
    weight_decay: Annotated[float | None, knob("weight_decay", "X", "Decoupled; kernels only.")] = None,
    schedule: Annotated[str | None, knob("schedule", "|".join(SCHEDULES))] = None,
    warmup: Annotated[float | None, knob("warmup", "FRACTION", "Of all steps.")] = None,
    label_smoothing: Annotated[float | None, knob("label_smoothing", "X")] = None,
    ema: Annotated[float | None, knob("ema", "DECAY", "Average the weights; 0: do not.")] = None,
    crop: Annotated[float | None, knob("crop", "FRACTION", "Pad by it, crop anywhere.")] = None,
    flip: Annotated[str | None, knob("flip", "|".join(FLIPS), "Left to right.")] = None,
    cutout: Annotated[int | None, knob("cutout", "PIXELS", "Side of a grey square; 0: none.")] = None,
    rotation: Annotated[float | None, knob("rotation", "DEGREES", "At most.")] = None,
    sharpness: Annotated[float | None, knob("sharpness", "X", "Blur or sharpen, by at most this.")] = None,
    jitter: Annotated[float | None, knob("jitter", "X", "Brightness, contrast, saturation, by at most this.")] = None,
    mixup: Annotated[float | None, knob("mixup", "X", "Share of a second image, growing from 0 to this.")] = None,
    start_size: Annotated[
        float | None, knob("start_size", "SHARE", "Images grow from this share of their side; 1: full size always.")
    ] = None,
    bn_momentum: Annotated[float | None, knob("bn_momentum", "X", "Of the moving statistics.")] = None,
    bn_groups: Annotated[
        int | None, knob("bn_groups", "N", "Of a batch, each with batch norm statistics of its own.")
    ] = None,
    patience: Annotated[
        int | None, knob("patience", "N", "Stop after N epochs without a better one on validation; 0: never.")
    ] = None,
    precision: Annotated[
        str | None, knob("precision", "float32|mixed", "mixed: bfloat16, on a GPU that has it.")
    ] = None,
    distill: Annotated[float | None, knob("distill", "SHARE", "Of the loss, against the teacher's answers.")] = None,
    temperature: Annotated[float | None, knob("temperature", "X", "Softens both sides' answers there.")] = None,
    validation_fraction: Annotated[float | None, knob("validation_fraction", "FRACTION", short="--validation")] = None,
    seed: Annotated[int | None, knob("seed", "N")] = None,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=1000, help="N whole runs, with this seed and the next ones, and their mean."
        ),
    ] = 1,
    train_images: TrainImages = None,
    flip_tta: FlipTta = False,
    teacher: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help=f"Distil from a finished run of the same input and classes (--distill {DISTILL}).",
            show_default=False,
        ),
    ] = None,
    weights: Weights = None,
    freeze_prefix: Annotated[
        bool,
        typer.Option(
            "--freeze-prefix",
            help="With --weights: leave the layers in front of the first change as they are, batch norms at their "
            "statistics.",
        ),
    ] = False,
    no_test: Annotated[bool, typer.Option("--no-test", help="Leave the test set alone: for experiments.")] = False,
    no_latency: Annotated[bool, typer.Option("--no-latency", help="Do not measure latency.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The run folder.", show_default="reports/NAME")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Keep logs for TensorBoard in the run folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with an interrupted run; all else is as it was.", show_default=False),
    ] = None,
) -> None:
    """Train on CIFAR-10, evaluate once on the test set, measure CPU latency, and write a report.

    With --weights the network begins with what another one has learnt. The recipe stays what it is: fine-tuning mostly
    wants a tenth of the learning rate.
    """
    knobs = {name: value for name, value in locals().items() if name in RULES}
    if resume is not None:
        resume_alone(context)
        _resume(resume)
        return
    out = named_folder(out) if out else None
    shown = subject(model, input_size)
    shown.announce()
    if freeze_prefix and weights is None:
        raise TrainingError("--freeze-prefix keeps weights as they are, and fresh ones know nothing", "name --weights")
    taught_by = named_teacher(teacher, shown.design.input) if teacher else None
    chosen = recipe_for(data, recipe, taught=teacher is not None, **knobs)
    check_taught(chosen, teacher is not None)
    # The record must name the network: archscope.toml will hold another one by and by.
    named = [] if model is not None else [shown.spec]
    command = shlex.join(["archscope", "train-eval", *named, *sys.argv[2:]])
    asked = Plan(
        shown.spec,
        data,
        chosen.to_dict(),
        not no_test,
        not no_latency,
        command,
        now(),
        train_images=train_images,
        flip_tta=flip_tta,
        tensorboard=tensorboard,
        teacher=str(teacher) if teacher else None,
        teacher_sha256=taught_by.record.model_sha256 if taught_by else "",
        weights=weights,
        weights_sha256=named_weights(weights, shown),
        freeze_prefix=freeze_prefix,
        digest=digest(shown.trace.graph),
    )
    stem = run_stem(shown.design, asked.digest)
    if seeds > 1:
        prove_seeds(asked, seeds, out, stem)
    else:
        prove(*place_for(asked, out, stem))


def prove(plan: Plan, folder: Path, resumed: bool = False) -> None:
    """Run the plan, and print what came out; an interrupted run says how to go on. `resumed` as in `run_job`."""
    partial = partial_of(folder)
    try:
        run = run_job(plan, folder, resumed)
    except StoppedError as stopped:
        remedy = f"go on with: {resume_command(partial)}" if has_state(partial) else "nothing was saved yet"
        if is_finished(folder):
            remedy = f"the run is finished: {folder}"
        raise StoppedError(stopped.message, remedy, stopped.exit_code) from stopped
    except (TrainingError, RunError):
        # A training that diverged would diverge again, and another network or teacher is refused again.
        raise
    except BaseException as error:
        # Held by another process, it is that one that goes on; and what is refused for its sake has said so.
        said = isinstance(error, OutputError) and resume_command(partial) in error.remedy
        if has_state(partial) and not is_locked(partial) and not said:
            note(f"what was saved is kept; go on with: {resume_command(partial)}")
        raise
    say()
    for line in run_lines(run):
        say(line)
    if run.latency:
        say()
        show(latency_table(run.latency))
    say()
    say(f"report: {folder / 'report.html'}", wrap=False)
    if run.test is not None:
        next_step(f"archscope evaluate {folder}")


def _resume(named: Path) -> None:
    if (named / SERIES_FILE).is_file():
        series = read_series(named)
        if series.kind != "seeds":
            raise DesignError(f"{named} is a comparison", f"go on with: archscope compare --resume {named}")
        subject(series.jobs[0].plan.spec).announce()
        finish_seeds(named, series)
        return
    named = named_folder(named)
    folder = named.with_name(named.name.removesuffix(PARTIAL))
    partial = partial_of(folder)
    remove_leftover(folder)
    if is_finished(folder):
        read_run(folder)  # or what is damaged says so
        raise DesignError(
            f"{folder} is a finished run",
            f"move it away to go on with {partial}"
            if partial.is_dir()
            else f"see {folder / 'report.html'}, or train anew with another --out",
        )
    if not partial.is_dir():
        known = sorted(str(path) for path in REPORTS.glob("*.partial"))
        raise DesignError(
            f"{named} holds no interrupted run" if named.is_dir() else f"{partial} does not exist",
            f"interrupted runs: {', '.join(known)}" if known else "there is no interrupted run in reports/",
        )
    plan = read_plan(partial)
    try:
        Recipe.from_dict(plan.recipe)
    except TrainingError as error:
        raise RunError(f"{partial / PLAN_FILE} is damaged: {error.message}", "start the run anew") from error
    subject(plan.spec).announce()
    prove(plan, folder, resumed=True)
