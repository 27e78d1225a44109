"""What `compare --train` does once it knows the designs: forecast, train them alike, and report what came out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from archscope.cli.contenders import contender
from archscope.cli.output import Format, emit, emit_json, note, say, show
from archscope.cli.series import run_series, seeded
from archscope.cli.trainable import check_classifier, check_growing, check_same
from archscope.diagnose.compare import Contender, label, verdicts
from archscope.errors import DesignError, DivergedError, TrainingError
from archscope.files import write_atomic
from archscope.graph import digest
from archscope.report.compare import cost_table, forecast_sentence, outcome_sentence
from archscope.report.compare_page import comparison_markdown, comparison_page
from archscope.report.compare_plot import write_tradeoff
from archscope.report.comparison import Comparison, caveats, comparison_record, histories, setting_lines, summary_line
from archscope.report.names import run_stem
from archscope.runs.plan import Plan
from archscope.runs.series import Job, Series, read_series
from archscope.train import Recipe


def planned(contenders: tuple[Contender, ...], plan: Plan, seeds: int) -> list[Job]:
    """The training of each contender with the recipe's seed and the next ones, in all else as `plan` says.

    A seed of every design comes first: what an interruption leaves can be compared.
    Raises DesignError or TrainingError where one cannot be trained.
    """
    recipe = Recipe.from_dict(plan.recipe)
    if recipe.distill:
        raise TrainingError(f"distill is {recipe.distill:g} and a comparison has no teacher", "set it to 0")
    _check_trainable(contenders, recipe)
    digests = [digest(one.trace.graph) for one in contenders]
    return [
        Job(
            f"{run_stem(one.design, identity)}-seed-{seeded_recipe['seed']}",
            replace(plan, spec=one.spec, digest=identity, recipe=seeded_recipe),
        )
        for seeded_recipe in seeded(plan.recipe, seeds)
        for one, identity in zip(contenders, digests, strict=True)
    ]


def _check_trainable(contenders: tuple[Contender, ...], recipe: Recipe) -> None:
    """What would stop the series at its last design, hours later. Raises DesignError or TrainingError."""
    seen: dict[str, Contender] = {}
    first = contenders[0]
    for one in contenders:
        named = f"{one.label} ({one.spec})"
        check_classifier(named, one.trace, one.design.classes)
        check_growing(one.trace, recipe)
        if one.design.input[2] != first.design.input[2]:
            raise DesignError(
                f"A takes images of {first.design.input[2]} channels and {one.label} of {one.design.input[2]}",
                "one data set has one channel count: build them for the same",
            )
        same = seen.setdefault(digest(one.trace.graph), one)
        if same is not one:
            raise DesignError(f"{same.label} and {one.label} are the same network", "name each once; see --seeds")
        if one.design.classes != first.design.classes:
            raise DesignError(
                f"A tells {first.design.classes} classes apart and {one.label} {one.design.classes}",
                "one data set needs one class count: put ,classes=N behind the model in the spec, before any +EDIT",
            )


def begun(folder: Path) -> Series:
    series = read_series(folder)
    if series.kind != "compare":
        raise DesignError(f"{folder} is no comparison", f"go on with: archscope train-eval --resume {folder}")
    return series


def named_in(series: Series) -> tuple[Contender, ...]:
    """The designs of a series. Raises RunError where one is another network than when it was planned."""
    plans = {job.plan.spec: job.plan for job in series.jobs}
    found = tuple(contender(label(number), spec) for number, spec in enumerate(plans))
    for plan, one in zip(plans.values(), found, strict=True):
        check_same(plan, one.trace)
    return found


def prove(contenders: tuple[Contender, ...], folder: Path, series: Series, form: Format) -> None:
    """Forecast, train what is not trained yet, and report."""
    tell = say if form is Format.table else note
    for one in contenders:
        tell(f"{one.label} {one.spec}")
    tell("")
    for verdict in verdicts(contenders):
        tell(forecast_sentence(verdict))
    done, diverged = run_series(folder, series)
    whole = []
    for one in contenders:
        runs = tuple(measured for measured in done if measured.run.network.spec == one.spec)
        if runs and len(runs) == sum(job.plan.spec == one.spec for job in series.jobs):
            whole.append(replace(one, runs=runs))
    if not whole:
        raise DivergedError(f"no design has all its seeds: {diverged[0]}", "choose a smaller learning rate")
    comparison = Comparison(tuple(whole), series.command, diverged)
    _write(comparison, folder)
    if form is Format.json:
        emit_json(comparison_record(comparison))
    elif form is Format.csv:
        emit(cost_table(comparison.contenders, machine=True).csv())
    elif form is Format.md:
        emit(comparison_markdown(comparison))
    else:
        _print(comparison)
        say(f"report: {folder / 'report.html'}", wrap=False)


def _write(comparison: Comparison, folder: Path) -> None:
    write_atomic(folder / "compare.json", json.dumps(comparison_record(comparison), indent=2, allow_nan=False) + "\n")
    write_atomic(folder / "compare.csv", cost_table(comparison.contenders, machine=True).csv())
    write_atomic(folder / "history.csv", histories(comparison).to_csv(index=False, lineterminator="\n"))
    write_tradeoff(comparison, folder)
    write_atomic(folder / "report.html", comparison_page(comparison))
    write_atomic(folder / "README.md", comparison_markdown(comparison))


def _print(comparison: Comparison) -> None:
    say()
    for line in setting_lines(comparison):
        say(line)
    say()
    show(cost_table(comparison.contenders))
    say()
    for verdict in comparison.verdicts:
        say(outcome_sentence(verdict))
    say(summary_line(comparison))
    say()
    for line in caveats(comparison):
        say(line, style="dim")
    say()
