"""`archscope compare`: designs and runs side by side; with --train, trained alike, the forecast against the outcome."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.alone import resume_alone
from archscope.cli.contenders import find_contenders
from archscope.cli.job import now
from archscope.cli.output import Format, emit, emit_json, next_step, note, say, show
from archscope.cli.proof import begun, named_in, planned, prove
from archscope.cli.recipe import Preset, knob, recipe_for
from archscope.cli.series import series_place
from archscope.cli.subject import InputSize
from archscope.cli.train_eval import Data, TrainImages
from archscope.diagnose.compare import Contender, paired_tests
from archscope.errors import DesignError
from archscope.report.compare import (
    are_telling,
    contender_record,
    cost_table,
    no_test_sentence,
    ordered,
    paired_record,
    paired_sentence,
    run_sentence,
)
from archscope.report.network import SCHEMA_VERSION
from archscope.runs.plan import Plan

TRAINABLE = 10
"""Of more designs than that nobody trains each."""

MANY_PAIRS = 10
"""Above so many pairs of runs, people are shown those with the first run alone."""


def compare(
    context: typer.Context,
    designs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="A B ...",
            help="Models, specs, design files or run folders; +EDIT... edits the last one that was named in full; "
            "globs stand for models ('*', 'keras:Efficient*').",
            show_default=False,
        ),
    ] = None,
    input_size: InputSize = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Order the rows by a column's key, as in CSV.", show_default="as named"),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="With --sort: the largest first.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
    train: Annotated[bool, typer.Option("--train", help="Train them all alike, and compare what comes out.")] = False,
    data: Data = None,
    recipe: Preset = None,
    epochs: Annotated[int | None, knob("epochs", "N", short="-e")] = None,
    batch_size: Annotated[int | None, knob("batch_size", "N")] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Each design with the recipe's seed and the next ones.")
    ] = 1,
    train_images: TrainImages = None,
    test: Annotated[
        bool | None,
        typer.Option(
            "--test/--no-test",
            help="Score each run once on the test set.",
            show_default="only where all images are trained on",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Where runs and report go.", show_default="reports/compare-..."
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Go on with an interrupted comparison.", show_default=False),
    ] = None,
) -> None:
    """Set designs and runs side by side; with --train, train them alike and hold the forecasts against the outcome."""
    if resume is not None:
        resume_alone(context, "form")
        series = begun(resume)
        prove(named_in(series), resume, series, form)
        return
    found = find_contenders(designs or [], input_size)
    contenders = found.contenders
    if not train:
        _refuse_training_options(
            data=data,
            recipe=recipe,
            epochs=epochs,
            batch_size=batch_size,
            seeds=seeds if seeds > 1 else None,
            train_images=train_images,
            test=test,
            out=out,
        )
        _show(ordered(contenders, sort, reverse) if sort else contenders, found.left_out, form)
        return
    if sort is not None:
        raise DesignError("--sort orders a table of costs, and --train tells a story", "leave one of them out")
    if found.left_out:
        raise DesignError(f"not all can be trained: {found.left_out[0]}", "name those that can, or another --input")
    equal = recipe_for(data, recipe, epochs=epochs, batch_size=batch_size).to_dict()
    tested = train_images is None if test is None else test
    command = shlex.join(["archscope", "compare", *sys.argv[2:]])
    plan = Plan(
        contenders[0].spec,
        data,
        equal,
        tested,
        latency=False,
        command=command,
        started=now(),
        train_images=train_images,
    )
    jobs = planned(contenders, plan, seeds)
    bare = tuple(replace(one, runs=()) for one in contenders)
    prove(bare, *series_place("compare", command, jobs, out, "compare"), form)


def _refuse_training_options(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise DesignError(f"--{name.replace('_', '-')} says how to train", "say --train as well, or leave it out")


def _show(contenders: tuple[Contender, ...], left_out: tuple[str, ...], form: Format) -> None:
    if form is Format.json:
        designs = [contender_record(one) for one in contenders]
        tests = [paired_record(*test) for test in paired_tests(contenders)]
        emit_json({"schema_version": SCHEMA_VERSION, "designs": designs, "paired": tests, "left_out": left_out})
        return
    sentences = [*_sentences(contenders), *(f"! left out: {sentence}" for sentence in left_out)]
    if form is Format.csv:
        emit(cost_table(contenders, machine=True).csv())
        for sentence in left_out:
            note(f"! left out: {sentence}")
    elif form is Format.md:
        table = cost_table(contenders, machine=not are_telling(contenders))
        emit("\n".join(filter(None, (table.markdown(), "".join(f"- {line}\n" for line in sentences)))))
    else:
        if not are_telling(contenders):
            for one in contenders:
                say(f"{one.label} {one.spec} · {one.source}", style="bold")
            say()
        show(cost_table(contenders))
        for line in ["", *sentences] if sentences else []:
            say(line)
        if not any(one.runs for one in contenders) and len(contenders) <= TRAINABLE:
            command = shlex.join(["archscope", "compare", *sys.argv[2:]])
            next_step(f"{command} --train --train-images 10000 --epochs 5")


def _sentences(contenders: tuple[Contender, ...]) -> list[str]:
    """The runs, and their paired tests; where there are many, those with the first run."""
    lines = [run_sentence(one) for one in contenders if one.runs]
    tests = paired_tests(contenders)
    first = tests[0][0] if len(tests) > MANY_PAIRS else None
    for a, b, found in tests:
        if first is not None and a is not first:
            continue
        if isinstance(found, str):
            lines.append(no_test_sentence(a.label, b.label, found))
        else:
            lines.append(paired_sentence(a.label, b.label, found))
    if sum(not isinstance(found, str) for _, _, found in tests) > 1:
        lines.append("The p-values are each test's own: of many tests, one in twenty finds a difference where none is.")
    return lines
