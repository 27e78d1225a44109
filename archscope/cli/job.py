"""One training from plan to run folder: joins data, interop, train, latency and report."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.cli.carried import begin_with, planned_weights
from archscope.cli.logs import logged
from archscope.cli.machine import machine, versions
from archscope.cli.output import note
from archscope.cli.progress import Watch
from archscope.cli.saver import Saver
from archscope.cli.stop import Stop
from archscope.cli.subject import Subject, subject
from archscope.cli.teacher import planned_teacher
from archscope.cli.trainable import check_classes, check_growing, check_same
from archscope.errors import DivergedError, OutputError, RunError
from archscope.files import atomic_folder, cannot_write, sync
from archscope.graph import digest
from archscope.report.names import run_stem
from archscope.report.network import block_rows
from archscope.report.training import data_lines, recipe_line
from archscope.runs import (
    RUN_FILE,
    DataRecord,
    LatencyRecord,
    NetworkRecord,
    Predictions,
    Run,
    read_run,
    times_tested,
    write_predictions,
    write_run,
)
from archscope.runs.lock import LOCK_FILE, is_locked, locked
from archscope.runs.plan import Plan, read_plan, write_plan
from archscope.runs.store import PLAN_FILE, partial_of
from archscope.train import Generations, has_state

if TYPE_CHECKING:
    import keras

    from archscope.data import Dataset
    from archscope.train import Recipe, TrainingState

REPORTS = Path("reports")
AFTER = " after the training"
LOGS = "tensorboard"
BEGINS_SECONDS = 0.3


def run_job(plan: Plan, folder: Path, resumed: bool = False) -> Run:
    """Train, evaluate once, measure, and write `folder`; its `.partial` twin holds the state while it runs.

    `resumed`: go on from the state there, or begin where none was saved yet. Raises ArchscopeError; what was saved
    then stands in the partial folder, and where nothing was, that is gone.
    """
    from archscope.data import load, stratified_split, stratified_subset
    from archscope.interop.carry import thaw
    from archscope.interop.framework import load_framework
    from archscope.interop.lower import lower
    from archscope.interop.read import read_keras
    from archscope.train import Recipe, evaluate, seed_everything, train

    shown, recipe = subject(plan.spec), Recipe.from_dict(plan.recipe)
    check_growing(shown.trace, recipe)
    check_same(plan, shown.trace)
    with Stop() as stop, _partial_folder(folder, resumed) as partial:
        begun = _begun(partial, plan)
        generations = Generations(partial)
        saver = Saver(generations, stop)
        resume = _saved(generations, recipe) if resumed else None
        dataset = load(plan.data, shown.design.input)
        check_classes(shown.spec, shown.trace, shown.design.classes, dataset)
        chosen, held_out = stratified_split(dataset.train.labels, recipe.validation_fraction, recipe.seed)
        available = len(chosen)
        if plan.train_images is not None:
            chosen = chosen[stratified_subset(dataset.train.labels[chosen], plan.train_images, recipe.seed)]
        data = _data_record(dataset, plan.data or "", len(chosen), len(held_out), available - len(chosen))
        # All the runs that can be known of here: under reports/, and beside this one.
        known = (REPORTS, folder.parent)
        tested_before = times_tested(known, digest(shown.trace.graph), data.slug) if plan.test else 0
        for line in data_lines(data):
            note(line, wrap=True)
        teacher = planned_teacher(plan, shown.design.input, data)
        source = planned_weights(plan, shown.design)
        note(recipe_line(plan.recipe), wrap=True)
        load_framework(recipe.bn_groups)
        seed_everything(recipe.seed)
        model = lower(shown.trace.graph, name=run_stem(shown.design, digest(shown.trace.graph)))
        weights = begin_with(model, source, shown, plan, data) if source else None
        del source  # as large as the network, for as long as it trains
        _say_what_changed(partial, begun)
        training = dataset.train.images[chosen], dataset.train.labels[chosen]
        validation = dataset.train.images[held_out], dataset.train.labels[held_out]
        taught_by = read_keras(teacher.model) if teacher else None
        events = saver.watch(train(model, training, validation, recipe, resume, saver.due, taught_by))
        if plan.tensorboard:
            events = logged(events, partial / LOGS, resume.history if resume else ())
        finished = Watch(resume.history if resume else ()).follow(events)
        # A file of the network does not say what this training left alone.
        thaw(model)
        classes = dataset.classes
        flip = plan.flip_tta
        validated = evaluate(model, *validation, classes, "validation", flip and not plan.test)
        test = dataset.test.images, dataset.test.labels
        stop.answer(AFTER)
        tested = evaluate(model, *test, classes, "test", flip) if plan.test else None
        stop.answer(AFTER)
        headline = tested or validated
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
            validation=validated.scores,
            test=tested.scores if tested else None,
            times_tested=tested_before + plan.test,
            latency=(),
            versions=versions(),
            machine=machine(),
            model_sha256="",
            flip_tta=headline.flip_tta,
            teacher=teacher.record if teacher else None,
            weights=weights,
        )
        return _write_folder(folder, run, headline.predictions, model, shown, plan.latency, partial, stop)


def free_folder(parent: Path, stem: str) -> Path:
    """`parent/stem`, or the first of `stem-2`, `stem-3`, ... that neither a run nor an interrupted one has taken."""
    number, folder = 1, parent / stem
    while folder.exists() or (partial_of(folder).exists() and not _is_abandoned(partial_of(folder))):
        number += 1
        folder = parent / f"{stem}-{number}"
    return folder


def named_folder(path: Path) -> Path:
    """The same folder, by a path that ends in its name: `.` and `..` have none to put `.partial` behind."""
    return path.resolve() if path.name in ("", "..") else path


def is_finished(folder: Path) -> bool:
    """Whether `folder` holds a finished run."""
    return (folder / RUN_FILE).exists()


def remove_leftover(folder: Path) -> None:
    """Remove what a kill between its last two doings left beside a finished run: its own partial folder, no other's."""
    partial = partial_of(folder)
    if not is_finished(folder) or not partial.exists() or is_locked(partial):
        return
    try:
        plan, run = read_plan(partial), read_run(folder)
    except RunError:
        return
    if (plan.command, plan.started) == (run.command, run.started):
        shutil.rmtree(partial, ignore_errors=True)


def resume_command(partial: Path) -> str:
    """The command that goes on with the run of that partial folder."""
    return shlex.join(["archscope", "train-eval", "--resume", str(partial)])


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _partial_folder(folder: Path, resumed: bool) -> Iterator[Path]:
    """The `.partial` twin of `folder`, this process' alone; removed at the end, on errors kept if it holds a state.

    Of what diverged nothing is kept: it could only diverge again, and would stand in the way of a smaller rate.
    """
    partial = _open_partial(folder, resumed)
    with locked(partial):
        try:
            yield partial
        except DivergedError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        except BaseException:
            # Without a state it can resume nothing; but what a person named is theirs.
            if not resumed and not has_state(partial):
                shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(partial, ignore_errors=True)


def _open_partial(folder: Path, resumed: bool) -> Path:
    """Make the partial folder, so that a place that cannot be written is known before the training, not after it.

    Unless it is resumed, an interrupted run's folder, or one that runs just now, is not touched.
    """
    if folder.exists():
        raise OutputError(f"{folder} exists already", "name another folder with --out")
    partial = partial_of(folder)
    try:
        if not resumed:
            _remove_abandoned(partial)
        partial.mkdir(parents=True, exist_ok=resumed)
        (partial / ".writable").touch()
        (partial / ".writable").unlink()
        sync(partial.parent)
    except FileExistsError as error:
        if not has_state(partial):
            time.sleep(BEGINS_SECONDS)  # another process may have made it a moment ago, and lock it now
        held, go_on = is_locked(partial), f"go on with: {resume_command(partial)}; or "
        raise OutputError(
            f"{partial} " + ("is being trained by another process" if held else "holds an interrupted run"),
            ("" if held else go_on) + "name another folder with --out" + ("" if held else ", or remove it"),
        ) from error
    except OSError as error:
        raise cannot_write(partial, error) from error
    return partial


def _remove_abandoned(partial: Path) -> None:
    """Remove what a run left that was killed before it saved anything."""
    if _is_abandoned(partial):
        shutil.rmtree(partial)


def _is_abandoned(partial: Path) -> bool:
    """Whether a run was killed there before it saved anything: its lock, perhaps its plan, and no state."""
    return (partial / LOCK_FILE).exists() and not has_state(partial) and not is_locked(partial)


def _begun(partial: Path, plan: Plan) -> Plan:
    """The plan that the run began with, which is written down before anything else, so that a kill can be resumed."""
    if not (partial / PLAN_FILE).exists():
        write_plan(partial, plan)
        return plan
    begun = read_plan(partial)
    if plan.tensorboard and not begun.tensorboard:
        write_plan(partial, replace(begun, tensorboard=True))
    return begun


def _saved(generations: Generations, recipe: Recipe) -> TrainingState | None:
    """The state to go on from, with a note on where that is; None where the run was killed before it saved any."""
    generations.remove_leftovers()
    if not has_state(generations.folder):
        note("nothing was saved before the interruption: the run begins anew")
        return None
    state, damaged = generations.load()
    if damaged:
        note(damaged)
    note(f"going on after {state.place} (of {recipe.epochs})")
    return state


def _say_what_changed(partial: Path, begun: Plan) -> None:
    """A note where the run goes on under other versions, or on another machine, than it began on.

    Asked once the framework is up, which tells the backend; a run that comes so far for the first time notes them.
    """
    if not begun.versions:
        if not has_state(partial):
            write_plan(partial, replace(begun, versions=versions(), machine=machine()))
        return
    there, here = begun.versions | {"machine": begun.machine}, versions() | {"machine": machine()}
    changed = [f"{name} {there[name]} -> {here.get(name, 'none')}" for name in there if there[name] != here.get(name)]
    if changed:
        note(f"! begun under other conditions ({'; '.join(changed)}): not bit for bit the uninterrupted run")


def _write_folder(
    folder: Path,
    run: Run,
    predictions: Predictions,
    model: keras.Model,
    shown: Subject,
    latency: bool,
    partial: Path,
    stop: Stop,
) -> Run:
    from archscope.interop.export import export_keras
    from archscope.report.page import run_page
    from archscope.report.plots import write_confusion, write_curves
    from archscope.report.readme import run_markdown

    with atomic_folder(folder, inside=partial) as made:
        export_keras(model, made / "model.keras")
        stop.answer(AFTER)
        written = _write_litert(model, made / "model.tflite")
        with stop.free(AFTER):
            measured = measure_latency(model, (made / "model.tflite").read_bytes()) if written and latency else ()
        model_hash = sha256((made / "model.keras").read_bytes()).hexdigest()
        run = replace(run, latency=measured, model_sha256=model_hash)
        write_run(made, run)
        write_predictions(made, predictions)
        if (partial / LOGS).exists():
            shutil.copytree(partial / LOGS, made / LOGS)
        write_curves(run, made)
        write_confusion(run.test or run.validation, run.on(), made)
        (made / "report.html").write_text(run_page(run, blocks=block_rows(shown.trace)), encoding="utf-8")
        (made / "README.md").write_text(run_markdown(run), encoding="utf-8")
    return run


def _write_litert(model: keras.Model, path: Path) -> bool:
    """Write the LiteRT file, and say whether it could be: without TensorFlow it can neither be made nor measured."""
    from archscope.interop.export import ConversionError, export_litert
    from archscope.interop.framework import has_tensorflow

    if not has_tensorflow():
        note(f"TensorFlow is not installed: no {path.name}, and latency is not measured")
        return False
    try:
        export_litert(model, path)
    except ConversionError as error:
        # A finished training is not lost for it.
        note(f"! no {path.name}, and latency is not measured: {error.message}")
        return False
    return True


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


def _data_record(dataset: Dataset, named: str, train: int, validation: int, left_out: int) -> DataRecord:
    return DataRecord(
        name=dataset.name,
        slug=dataset.slug,
        source=dataset.source,
        sha256=dataset.sha256,
        classes=dataset.classes,
        train_images=train,
        validation_images=validation,
        test_images=len(dataset.test.labels),
        train_left_out=left_out,
        named=named,
    )
