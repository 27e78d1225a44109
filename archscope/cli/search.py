"""`archscope search`: price every alternative, and keep what a budget allows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archscope.budget import Limits
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
)
from archscope.cli.output import Format, emit, emit_json, next_step, note, say, show
from archscope.cli.subject import InputSize, Model, find_design, workspace
from archscope.design import FILE_NAME, format_spec, parse_input
from archscope.report.network import SCHEMA_VERSION
from archscope.report.search import NO_FORECAST, candidate_table, found_sentence, miss_sentences, space_sentence
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
        int, typer.Option("--most", metavar="N", min=1, help="Without --max and --min: so many of each final map.")
    ] = 3,
    max_params: MaxParams = None,
    max_trainable_params: MaxTrainable = None,
    max_macs: MaxMacs = None,
    max_weights: MaxWeights = None,
    max_peak_ram: MaxPeakRam = None,
    dtype: LimitDtype = None,
    min_map: MinMap = None,
    no_collapse: NoCollapse = False,
    no_dead_taps: NoDeadTaps = False,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Price every alternative under a budget: widths, strides, cuts, heads. Exit 1 where nothing keeps the limits."""
    from archscope.search.select import Objective, Question

    limits = Limits(
        **given_limits(
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
    )
    aims = [Objective(column, True) for column in maximise or []] + [
        Objective(column, False) for column in minimise or []
    ]
    question = Question(limits, tuple(aims), most)
    planned = _planned(model, input_size, vary)
    tell = say if form is Format.table else note
    tell(f"{format_spec(planned.space.base)}: {space_sentence(planned)}")
    answer, stopped = _answer(planned, question)
    _RENDER[form](planned, question, answer)
    if stopped:
        raise KeyboardInterrupt
    if not answer.fitting:
        raise typer.Exit(1)


def _planned(model: str | None, input_size: str | None, vary: list[str] | None) -> Plan:
    from archscope.search.search import plan
    from archscope.search.vary import default_space, parse_axes, read_axes, space_of

    design, _ = find_design(model)
    if input_size is not None:
        design = design.having(input=parse_input(input_size))
    path = Path(FILE_NAME)
    text = read_text(path) if model is None and workspace().path.exists() else None
    axes = parse_axes(vary) if vary else read_axes(text, path) if text is not None else None
    return plan(space_of(design, axes) if axes else default_space(design))


def _answer(planned: Plan, question: Question) -> tuple[Answer, bool]:
    """The answer, or, where Ctrl-C came before it, what is known by then."""
    from archscope.search.search import search
    from archscope.search.select import Answer

    answer = Answer()
    try:
        for so_far in search(planned, question):
            answer = so_far
    except KeyboardInterrupt:
        if not answer.searched:
            raise
        return answer, True
    return answer, False


def _table(planned: Plan, question: Question, answer: Answer) -> None:
    if answer.kept:
        show(candidate_table(planned, answer.kept))
        for number, one in enumerate(answer.kept, 1):
            say(f"{number:>3} {one.spec(planned.space)}", wrap=False)
        say()
    say(found_sentence(planned, question, answer))
    if answer.kept:
        say(NO_FORECAST)
        next_step(f"archscope compare {answer.kept[0].spec(planned.space)} ... --train --train-images 10000")
        return
    for line in miss_sentences(planned, answer):
        say(line, wrap=False)


def _json(planned: Plan, question: Question, answer: Answer) -> None:
    emit_json(
        {
            "schema_version": SCHEMA_VERSION,
            "base": format_spec(planned.space.base),
            "designs": planned.size,
            "priced": answer.searched,
            "fitting": answer.fitting,
            "found": candidate_table(planned, answer.kept, machine=True).records(),
            "nearest": [{"limit": key, "spec": one.spec(planned.space), **one.figures} for key, one in answer.near],
        }
    )


def _csv(planned: Plan, question: Question, answer: Answer) -> None:
    emit(candidate_table(planned, answer.kept, machine=True).csv())


def _markdown(planned: Plan, question: Question, answer: Answer) -> None:
    emit(candidate_table(planned, answer.kept, machine=True).markdown())


_RENDER = {Format.table: _table, Format.json: _json, Format.csv: _csv, Format.md: _markdown}
