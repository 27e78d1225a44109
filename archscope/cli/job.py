"""One training from plan to run folder: joins data, interop, train, latency and report. Used by train-eval and demo."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.cli.machine import machine, versions
from archscope.cli.output import note
from archscope.cli.subject import Subject, subject
from archscope.errors import OutputError, TrainingError
from archscope.files import atomic_folder, cannot_write
from archscope.graph import digest
from archscope.report.network import block_rows
from archscope.report.training import data_lines, recipe_line
from archscope.runs import DataRecord, LatencyRecord, NetworkRecord, Run, times_tested, write_run
from archscope.runs.plan import Plan, write_plan

if TYPE_CHECKING:
    import keras

    from archscope.data import Dataset
    from archscope.train import EpochEnd, Finished, Recipe, TrainingState
    from archscope.train.checks import Split

REPORTS = Path("reports")
PARTIAL = ".partial"
STATE_FILE = "state.npz"


def run_job(plan: Plan, folder: Path, resume: TrainingState | None = None) -> Run:
    """Train, evaluate once, measure, and write `folder`; its `.partial` twin holds the state while it runs.

    Raises ArchscopeError; what was trained up to the last finished epoch then stands in the partial folder.
    """
    from archscope.data import load, stratified_split
    from archscope.interop.framework import load_framework
    from archscope.interop.lower import lower
    from archscope.train import Recipe, evaluate, seed_everything

    shown, recipe = subject(plan.spec), Recipe.from_dict(plan.recipe)
    partial = _open_partial(folder, resumed=resume is not None)
    try:
        dataset = load(plan.data, shown.design.input)
        _check_classes(shown, dataset)
        chosen, held_out = stratified_split(dataset.train.labels, recipe.validation_fraction, recipe.seed)
        data = _data_record(dataset, len(chosen), len(held_out))
        # All the runs that can be known of here: under reports/, and beside this one.
        known = (REPORTS, folder.parent)
        tested_before = times_tested(known, digest(shown.trace.graph), data.slug) if plan.test else 0
        for line in data_lines(data):
            note(line)
        note(recipe_line(plan.recipe))
        load_framework()
        seed_everything(recipe.seed)
        model = lower(shown.trace.graph, name=shown.design.model)
        write_plan(partial, plan)
        training = dataset.train.images[chosen], dataset.train.labels[chosen]
        validation = dataset.train.images[held_out], dataset.train.labels[held_out]
        finished = _train(model, training, validation, recipe, partial, resume)
        classes = dataset.classes
        run = Run(
            name=folder.name,
            command=plan.command,
            started=plan.started,
            seconds=sum(record.seconds for record in finished.history),
            network=_network_record(shown),
            data=data,
            recipe=plan.recipe,
            seed=recipe.seed,
            history=finished.history,
            best_epoch=finished.best_epoch,
            stopped_early=finished.stopped_early,
            validation=evaluate(model, *validation, classes, "validation"),
            test=evaluate(model, dataset.test.images, dataset.test.labels, classes, "test") if plan.test else None,
            times_tested=tested_before + plan.test,
            latency=(),
            versions=versions(),
            machine=machine(),
            model_sha256="",
        )
        run = _write_folder(folder, run, model, shown, plan.latency)
    except BaseException:
        _drop_if_empty(partial)
        raise
    shutil.rmtree(partial)
    return run


def free_folder(parent: Path, stem: str) -> Path:
    """`parent/stem`, or the first of `stem-2`, `stem-3`, ... that neither a run nor an interrupted one has taken."""
    number, folder = 1, parent / stem
    while folder.exists() or partial_of(folder).exists():
        number += 1
        folder = parent / f"{stem}-{number}"
    return folder


def partial_of(folder: Path) -> Path:
    return folder.with_name(folder.name + PARTIAL)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _open_partial(folder: Path, resumed: bool) -> Path:
    """Make the partial folder, so that a place that cannot be written is known before the training, not after it.

    Unless it is resumed, an interrupted run's folder, or one that runs just now, is not touched.
    """
    if folder.exists():
        raise OutputError(f"{folder} exists already", "name another folder with --out")
    partial = partial_of(folder)
    try:
        partial.mkdir(parents=True, exist_ok=resumed)
        (partial / ".writable").touch()
        (partial / ".writable").unlink()
    except FileExistsError as error:
        raise OutputError(
            f"{partial} holds an interrupted run, or one that is running",
            f"go on with --resume {partial}, name another folder with --out, or remove it",
        ) from error
    except OSError as error:
        raise cannot_write(partial, error) from error
    return partial


def _drop_if_empty(partial: Path) -> None:
    """A partial folder without a state can resume nothing."""
    if not (partial / STATE_FILE).exists():
        shutil.rmtree(partial, ignore_errors=True)


def _check_classes(shown: Subject, dataset: Dataset) -> None:
    if not shown.trace.graph.has_head:
        raise TrainingError(
            f"{shown.spec} has no head, and nothing to train without", "`archscope head plain` adds one"
        )
    if shown.design.classes != len(dataset.classes):
        raise TrainingError(
            f"the network tells {shown.design.classes} classes apart, and {dataset.name} has {len(dataset.classes)}",
            f"`archscope set classes={len(dataset.classes)}`, or add ,classes={len(dataset.classes)} to the spec",
        )


def _train(
    model: keras.Model,
    training: Split,
    validation: Split,
    recipe: Recipe,
    partial: Path,
    resume: TrainingState | None,
) -> Finished:
    from archscope.cli.progress import Watch
    from archscope.train import save_state, train

    def keep(event: EpochEnd) -> None:
        save_state(partial / STATE_FILE, event.state)

    return Watch(keep).follow(train(model, training, validation, recipe, resume))


def _write_folder(folder: Path, run: Run, model: keras.Model, shown: Subject, latency: bool) -> Run:
    from archscope.interop.export import export_keras, export_litert
    from archscope.report.page import run_page
    from archscope.report.plots import write_confusion, write_curves
    from archscope.report.readme import run_markdown

    with atomic_folder(folder) as made:
        export_keras(model, made / "model.keras")
        export_litert(model, made / "model.tflite")
        measured = measure_latency(model, (made / "model.tflite").read_bytes()) if latency else ()
        model_hash = sha256((made / "model.keras").read_bytes()).hexdigest()
        run = replace(run, latency=measured, model_sha256=model_hash)
        write_run(made, run)
        write_curves(run, made)
        write_confusion(run.test or run.validation, run.data.name, made)
        (made / "report.html").write_text(run_page(run, blocks=block_rows(shown.trace)), encoding="utf-8")
        (made / "README.md").write_text(run_markdown(run), encoding="utf-8")
    return run


def measure_latency(
    model: keras.Model, litert: bytes, threads: int = 1, tensorflow_threads: int | None = None, runs: int = 1000
) -> tuple[LatencyRecord, ...]:
    """Every runtime's single-image latency, with a note while each is measured."""
    from archscope.latency import measure

    note("latency: measuring single images on the CPU ...")
    return tuple(measure(model, litert, threads=threads, tensorflow_threads=tensorflow_threads, runs=runs))


def _network_record(shown: Subject) -> NetworkRecord:
    trace = shown.trace
    return NetworkRecord(
        spec=shown.spec,
        digest=digest(trace.graph),
        input=shown.design.input,
        classes=shown.design.classes,
        params=trace.params,
        trainable_params=trace.trainable_params,
        macs=trace.macs,
    )


def _data_record(dataset: Dataset, train: int, validation: int) -> DataRecord:
    return DataRecord(
        name=dataset.name,
        slug=dataset.slug,
        source=dataset.source,
        sha256=dataset.sha256,
        classes=dataset.classes,
        train_images=train,
        validation_images=validation,
        test_images=len(dataset.test.labels),
    )
