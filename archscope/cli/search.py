"""`archscope search`: price every alternative, and keep what a budget allows."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archscope.budget import Limits
from archscope.cli.editing import Yes
from archscope.cli.found import Searched, check_files, check_row, choose_row, render, score_rows, write_files
from archscope.cli.limits import (
    LimitDtype,
    MaxMacs,
    MaxParams,
    MaxPeakRam,
    MaxTrainable,
    MaxWeights,
    MinMap,
    NoCollapse,
    NoDeadTaps,
    given_limits,
    limits_source,
    own_limits,
)
from archscope.cli.output import Format, next_step, note, say
from archscope.cli.subject import InputSize, Model, subject
from archscope.cli.train_eval import Data
from archscope.cli.trainable import check_classes
from archscope.design import FILE_NAME, Design
from archscope.errors import DesignError
from archscope.report.search import space_sentence
from archscope.toml import read_text

# The room of searches is NumPy's; `archscope --help` reads this file and need not wait for it.
if TYPE_CHECKING:
    from archscope.search.search import Plan
    from archscope.search.select import Answer, Question


def search(
    model: Model = None,
    input_size: InputSize = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS=VALUES",
            help="What may vary: alpha=0.35..1.4:0.05, stem.stride=1,2, cut=all, head=plain,8..1280:8, input=32,48, "
            "upsample=none,2, width=0.5..1.5:0.05; again for another axis.",
            show_default="the [space] of archscope.toml, or all that surgery offers",
        ),
    ] = None,
    maximise: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="COLUMN", help="Show the exact Pareto front: as much of this as may be."),
    ] = None,
    minimise: Annotated[
        list[str] | None, typer.Option("--min", metavar="COLUMN", help="... and as little of that.")
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            "--most", metavar="N", min=1, help="Without --max and --min: so many of each final map.", show_default="3"
        ),
    ] = None,
    max_params: MaxParams = None,
    max_trainable_params: MaxTrainable = None,
    max_macs: MaxMacs = None,
    max_weights: MaxWeights = None,
    max_peak_ram: MaxPeakRam = None,
    dtype: LimitDtype = None,
    min_map: MinMap = None,
    no_collapse: NoCollapse = False,
    no_dead_taps: NoDeadTaps = False,
    score: Annotated[
        bool, typer.Option("--score", help="Give the designs that are listed training-free scores (10 to 30 s each).")
    ] = False,
    data: Data = None,
    choose: Annotated[
        int | None,
        typer.Option("--choose", metavar="K", min=1, help=f"Write the design of row K to {FILE_NAME}."),
    ] = None,
    yes: Yes = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write all rows to a .csv, .json, .md or .parquet file.",
            show_default=False,
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw the space to a .svg or .png file.", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Price every alternative under a budget: widths, strides, cuts, heads. Exit 1 where nothing keeps the limits."""
    from archscope.search.select import MOST, Objective, Question

    given = given_limits(
        max_params=max_params,
        max_trainable_params=max_trainable_params,
        max_macs=max_macs,
        max_weights=max_weights,
        max_peak_ram=max_peak_ram,
        dtype=dtype,
        min_map=min_map,
        no_collapse=no_collapse,
        no_dead_taps=no_dead_taps,
    )
    if score and form is not Format.table:
        raise DesignError(
            f"--score adds a table of its own, and --format {form.value} writes one alone",
            f"give the specs that are found to `archscope score ... --format {form.value}`",
        )
    if most is not None and (maximise or minimise):
        raise DesignError(f"--most {most} does not go with --max and --min, which show a whole front", "leave one out")
    read, path = own_limits(model)
    aims = [Objective(column, True) for column in maximise or []]
    aims += [Objective(column, False) for column in minimise or []]
    columns = [aim.column for aim in aims]
    if len(set(columns)) < len(columns):
        raise DesignError(f"--max and --min name a column twice: {', '.join(columns)}", "name each column once")
    drawn = form is Format.table or picture is not None
    question = Question(Limits(**{**read, **given}), tuple(aims), most or MOST, cells=drawn)
    check_files(out, picture, yes)
    base = subject(model, input_size)
    if score:
        from archscope.data import load

        check_classes(base.spec, base.trace, base.design.classes, load(data, base.design.input))
    planned = _planned(base.design, vary, model)
    if form is Format.table:
        base.announce()
    tell = say if form is Format.table else note
    tell(space_sentence(planned))
    answer, stopped = _answer(planned, question)
    searched = Searched(base, limits_source(read, path, given), planned, question, answer)
    render(searched, form)
    if choose is not None and answer.kept and stopped is None:
        check_row(searched, choose)
    write_files(searched, out, picture)
    if choose is not None and (stopped is not None or not answer.kept):
        why = "the search was stopped" if stopped is not None else "no design keeps the limits"
        note(f"--choose {choose} is not done: {why}")
    if stopped is not None:
        raise stopped
    if not answer.fitting:
        raise typer.Exit(1)
    if score:
        score_rows(searched, data)
    if choose is not None:
        choose_row(searched, choose, yes, form)
    elif form is Format.table and not (out or picture):
        next_step(shlex.join(["archscope", *sys.argv[1:], "--choose", "1"]))


def _planned(design: Design, vary: list[str] | None, model: str | None) -> Plan:
    from archscope.search.search import plan
    from archscope.search.vary import default_space, parse_axes, read_axes, space_of

    path = Path(model or FILE_NAME)
    text = read_text(path) if path.suffix == ".toml" else None
    if vary:
        return plan(space_of(design, parse_axes(vary)))
    axes = read_axes(text, path) if text is not None else None
    return plan(space_of(design, axes, f"{path}, [space]: ") if axes else default_space(design))


def _answer(planned: Plan, question: Question) -> tuple[Answer, BaseException | None]:
    """The answer, or, where Ctrl-C or the end of a process came before it, what is known by then, and which it was."""
    from archscope.search.search import SpaceError, search
    from archscope.search.select import Answer

    answer = Answer()
    try:
        for so_far in _followed(planned, search(planned, question)):
            answer = so_far
    except (KeyboardInterrupt, SpaceError) as stop:
        if not answer.searched:
            raise
        return answer, stop
    return answer, None


def _followed(planned: Plan, answers: Iterator[Answer]) -> Iterator[Answer]:
    """The answers, with a bar on a terminal's stderr."""
    if not sys.stderr.isatty():
        yield from answers
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.percentage:.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pricing", total=planned.planned)
        for answer in answers:
            said = f"{answer.searched:,} priced, {answer.fitting:,} keep the limits"
            bar.update(task, completed=answer.searched, description=said)
            yield answer
