"""Several trainings, one after the other, in one folder: what is finished is never trained again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from archscope.cli.job import REPORTS, is_finished, now, remove_leftover, run_job
from archscope.cli.output import note
from archscope.diagnose.compare import Measured
from archscope.errors import DivergedError, OutputError, StoppedError
from archscope.files import write_atomic
from archscope.interop.framework import forget_models
from archscope.report.run_text import run_line
from archscope.runs import Predictions, Run, read_predictions, read_run
from archscope.runs.lock import is_locked
from archscope.runs.series import Job, Series, read_series, series_identity, write_series
from archscope.runs.store import SERIES_FILE, partial_of
from archscope.train import Recipe, has_state

DIVERGED = ".diverged"


def series_place(kind: str, command: str, jobs: Sequence[Job], out: Path | None, stem: str) -> tuple[Path, Series]:
    """The folder of a series and what stands in it: the same jobs find the same folder again, and go on there.

    Raises OutputError where `out` holds something else.
    """
    folder = out or REPORTS / f"{stem}-{series_identity(kind, jobs)}"
    series = Series(kind, command, now(), tuple(jobs))
    if not folder.exists():
        return folder, series
    if not (folder / SERIES_FILE).exists():
        raise OutputError(f"{folder} exists already, and is no series of runs", "name another folder with --out")
    begun = read_series(folder)
    if begun.identity != series.identity:
        raise OutputError(
            f"{folder} holds another series: {begun.command}", "name another folder with --out, or repeat that command"
        )
    return folder, begun


def seeded(recipe: dict[str, object], seeds: int) -> list[dict[str, object]]:
    """The recipe with its seed and the next ones. Raises TrainingError where they run past the largest."""
    first = Recipe.from_dict(recipe).seed
    found = [recipe | {"seed": seed} for seed in range(first, first + seeds)]
    Recipe.from_dict(found[-1])
    return found


def run_series(folder: Path, series: Series) -> tuple[tuple[Measured, ...], tuple[str, ...]]:
    """Run what is not finished, in order: every run with its answers, and a sentence for each that diverged.

    An interrupted one says how to go on. Raises DivergedError where all of them diverged.
    """
    write_series(folder, series)
    found, diverged = [], []
    for number, job in enumerate(series.jobs, 1):
        place, lead = folder / job.name, f"{number} of {len(series.jobs)}: {job.plan.spec}, seed {_seed(job)}"
        mark = _mark(place)
        remove_leftover(place)
        if is_finished(place):
            run = read_run(place)
            note(f"{lead}: finished before: {run_line(run)}")
        elif mark.exists():
            diverged.append(f"{job.plan.spec}, seed {_seed(job)}: {mark.read_text(encoding='utf-8').strip()}")
            note(f"{lead}: diverged before (remove {mark} to train it again)")
            continue
        else:
            note(f"\n{lead}")
            try:
                run = _train(folder, series, job)
            except DivergedError as error:
                # It would diverge again; the others need not wait for it.
                write_atomic(mark, f"{error.message}\n")
                diverged.append(f"{job.plan.spec}, seed {_seed(job)}: {error.message}")
                note(f"diverged: {error.message}")
                forget_models()
                continue
            note(f"finished: {run_line(run)}")
        found.append(Measured(place, run, _answers(place, run)))
    if not found:
        raise DivergedError(
            f"all {len(diverged)} runs diverged; {diverged[0]}",
            f"lower the learning rate, and name another folder with --out or remove {folder}",
        )
    return tuple(found), tuple(diverged)


def resume_command(folder: Path, kind: str) -> str:
    """The command that goes on with a series."""
    command = "compare" if kind == "compare" else "train-eval"
    return shlex.join(["archscope", command, "--resume", str(folder)])


def _train(folder: Path, series: Series, job: Job) -> Run:
    place = folder / job.name
    how = f"go on with: {resume_command(folder, series.kind)}"
    try:
        run = run_job(job.plan, place, resumed=partial_of(place).exists())
    except StoppedError as stopped:
        raise StoppedError(stopped.message, how, stopped.exit_code) from stopped
    except DivergedError:
        raise
    except BaseException:
        if _is_begun(folder, series):
            note(f"what was trained is kept; {how}")
        else:
            # Nothing to go on with, and the corrected command will be another series.
            (folder / SERIES_FILE).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()
        raise
    forget_models()
    return run


def _is_begun(folder: Path, series: Series) -> bool:
    """Whether any of the series' runs is finished or diverged, has a state, or is trained by another process."""
    places = [folder / job.name for job in series.jobs]
    return any(
        is_finished(place) or _mark(place).exists() or has_state(partial_of(place)) or is_locked(partial_of(place))
        for place in places
    )


def _mark(place: Path) -> Path:
    """What says that the run diverged."""
    return place.with_name(place.name + DIVERGED)


def _answers(folder: Path, run: Run) -> Predictions | None:
    return read_predictions(folder, run.headline)


def _seed(job: Job) -> object:
    return job.plan.recipe["seed"]
