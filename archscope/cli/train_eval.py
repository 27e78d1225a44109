"""`archscope train-eval`: train the network, evaluate it once, measure it, and write the report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from archscope.cli.job import REPORTS, STATE_FILE, free_folder, now, partial_of, run_job
from archscope.cli.output import next_step, note, say, show
from archscope.cli.subject import InputSize, Model, subject
from archscope.errors import DesignError, TrainingError
from archscope.graph import digest
from archscope.report.names import run_stem
from archscope.report.run_text import latency_table, run_lines
from archscope.runs.plan import Plan, read_plan
from archscope.train import OPTIMIZER_DEFAULTS, Recipe, load_state

_RECIPE = Recipe()
# 1,437 images are few steps an epoch: smaller batches, statistics that follow; and a mirrored digit is none.
_DIGITS: dict[str, object] = {"augment": "crop", "batch_size": 32, "bn_momentum": 0.9, "learning_rate": 0.05}

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        metavar="PATH|digits",
        help="CIFAR-10 as an archive, folder, Parquet or .npz; or `digits`, scikit-learn's bundled ones.",
        show_default="$ARCHSCOPE_CIFAR10, Keras' cache, a download",
    ),
]


def _knob(name: str, metavar: str, help: str = "", short: str = "") -> Any:
    """The option of a recipe's knob; its default is the recipe's."""
    by_optimizer = [f"{defaults[name]:g} ({key})" for key, defaults in OPTIMIZER_DEFAULTS.items() if name in defaults]
    default = ", ".join(by_optimizer) or str(getattr(_RECIPE, name))
    flags = [f"--{name.replace('_', '-')}", *([short] if short else [])]
    return typer.Option(*flags, metavar=metavar, help=help, show_default=default, rich_help_panel="Recipe")


def train_eval(
    model: Model = None,
    input_size: InputSize = None,
    data: Data = None,
    epochs: Annotated[int | None, _knob("epochs", "N", short="-e")] = None,
    batch_size: Annotated[int | None, _knob("batch_size", "N")] = None,
    optimizer: Annotated[str | None, _knob("optimizer", "sgd|rmsprop|adamw", "sgd is Nesterov's.")] = None,
    learning_rate: Annotated[float | None, _knob("learning_rate", "X", "At its peak.", short="--lr")] = None,
    momentum: Annotated[float | None, _knob("momentum", "X", "adamw: beta 1.")] = None,
    weight_decay: Annotated[float | None, _knob("weight_decay", "X", "Decoupled; kernels only.")] = None,
    schedule: Annotated[str | None, _knob("schedule", "cosine|constant")] = None,
    warmup: Annotated[float | None, _knob("warmup", "FRACTION", "Of all steps.")] = None,
    label_smoothing: Annotated[float | None, _knob("label_smoothing", "X")] = None,
    augment: Annotated[
        str | None, _knob("augment", "none|flip|crop|standard", "standard: crop and flip; digits: crop.")
    ] = None,
    cutout: Annotated[int | None, _knob("cutout", "PIXELS", "Side of a grey square; 0: none.")] = None,
    bn_momentum: Annotated[float | None, _knob("bn_momentum", "X", "Of the moving statistics.")] = None,
    patience: Annotated[
        int | None, _knob("patience", "N", "Stop after N epochs without a better one on validation; 0: never.")
    ] = None,
    validation: Annotated[float | None, _knob("validation_fraction", "FRACTION", short="--validation")] = None,
    seed: Annotated[int | None, _knob("seed", "N")] = None,
    no_test: Annotated[bool, typer.Option("--no-test", help="Leave the test set alone: for experiments.")] = False,
    no_latency: Annotated[bool, typer.Option("--no-latency", help="Do not measure latency.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The run folder.", show_default="reports/NAME")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with an interrupted run; all else is as it was.", show_default=False),
    ] = None,
) -> None:
    """Train on CIFAR-10, evaluate once on the test set, measure CPU latency, and write a report."""
    if resume is not None:
        _refuse_beside_resume(sys.argv[2:], resume)
        _resume(resume)
        return
    shown = subject(model, input_size)
    shown.announce()
    recipe = recipe_for(
        data,
        optimizer=optimizer,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        batch_size=batch_size,
        epochs=epochs,
        schedule=schedule,
        warmup=warmup,
        label_smoothing=label_smoothing,
        augment=augment,
        cutout=cutout,
        bn_momentum=bn_momentum,
        patience=patience,
        validation_fraction=validation,
        seed=seed,
    )
    # The record must name the network: archscope.toml will hold another one by and by.
    named = [] if model is not None else [shown.spec]
    command = shlex.join(["archscope", "train-eval", *named, *sys.argv[2:]])
    plan = Plan(shown.spec, data, recipe.to_dict(), not no_test, not no_latency, command, now())
    prove(plan, out or free_folder(REPORTS, run_stem(shown.design, digest(shown.trace.graph))))


def recipe_for(data: str | None, **given: object) -> Recipe:
    """The recipe for a data source: what was given, then what suits the data, then the common defaults."""
    suited = dict(_DIGITS) if data == "digits" else {}
    if given.get("optimizer") not in (None, _RECIPE.optimizer):
        # The rate suits the default optimizer; another one has its own.
        suited.pop("learning_rate", None)
    return Recipe.choose(**{**suited, **{name: value for name, value in given.items() if value is not None}})


def prove(plan: Plan, folder: Path, resumed: bool = False) -> None:
    """Run the plan, and print what came out; an interrupted run says how to go on."""
    state = load_state(partial_of(folder) / STATE_FILE) if resumed else None
    try:
        run = run_job(plan, folder, state)
    except BaseException as error:
        # A training that diverged would diverge again.
        if (partial_of(folder) / STATE_FILE).exists() and not isinstance(error, TrainingError):
            note(f"the finished epochs are kept; go on with: archscope train-eval --resume {partial_of(folder)}")
        raise
    say()
    for line in run_lines(run):
        say(line)
    if run.latency:
        say()
        show(latency_table(run.latency))
    say()
    say(f"report: {folder / 'report.html'}", wrap=False)
    next_step(f"archscope evaluate {folder}")


def _refuse_beside_resume(words: list[str], resume: Path) -> None:
    rest = [word for word in words if word not in ("--resume", str(resume), f"--resume={resume}")]
    if rest:
        raise DesignError(
            f"--resume takes nothing beside it, and got {' '.join(rest)}", "the run goes on as it was begun"
        )


def _resume(named: Path) -> None:
    folder = named.with_name(named.name.removesuffix(".partial"))
    partial = partial_of(folder)
    if (folder / "run.json").is_file():
        raise DesignError(
            f"{folder} is a finished run", f"see {folder / 'report.html'}, or train anew with another --out"
        )
    if not partial.is_dir():
        known = sorted(str(path) for path in REPORTS.glob("*.partial"))
        raise DesignError(
            f"{partial} does not exist",
            f"interrupted runs: {', '.join(known)}" if known else "there is no interrupted run in reports/",
        )
    plan = read_plan(partial)
    subject(plan.spec).announce()
    prove(plan, folder, resumed=True)
