"""`archscope check`: hold a network against its limits, for people and for CI."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from archscope.budget import Judgement, Limits, judge, parse_budget
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
from archscope.cli.output import console, emit, emit_json, next_step, say
from archscope.cli.subject import InputSize, Model, Subject, subject
from archscope.design import FILE_NAME
from archscope.errors import DesignError
from archscope.graph import digest
from archscope.report.check import check_records, github, junit, summary, verdict_lines
from archscope.report.network import headline, network_record
from archscope.toml import read_text


class CheckFormat(StrEnum):
    """How the verdicts leave."""

    table = "table"
    json = "json"
    junit = "junit"
    github = "github"


def check(
    model: Model = None,
    input_size: InputSize = None,
    max_params: MaxParams = None,
    max_trainable_params: MaxTrainable = None,
    max_macs: MaxMacs = None,
    max_weights: MaxWeights = None,
    max_peak_ram: MaxPeakRam = None,
    dtype: LimitDtype = None,
    min_map: MinMap = None,
    no_collapse: NoCollapse = False,
    no_dead_taps: NoDeadTaps = False,
    budget: Annotated[
        Path | None,
        typer.Option(
            "--budget",
            metavar="FILE",
            help=f"A TOML file with a [budget] table, instead of {FILE_NAME}; options win over it.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[CheckFormat, typer.Option("--format", "-f", help="Output format.")] = CheckFormat.table,
) -> None:
    """Hold the network against limits: a verdict each, what is to blame, and exit 1 where one is broken."""
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
    limits, source = _limits(given, budget, model)
    shown = subject(model, input_size)
    judgements = judge(shown.trace, limits)
    _RENDER[form](shown, judgements, limits, source)
    if not all(judgement.verdict.holds for judgement in judgements):
        raise typer.Exit(1)


def _limits(given: dict[str, Any], budget: Path | None, model: str | None) -> tuple[Limits, str]:
    """The limits of the options over those of the file, and where they came from. Raises DesignError for none.

    The file is the one that `budget` names, else the design's own: this folder's archscope.toml, or the TOML file that
    `model` is; a network by name or spec has none.
    """
    found, path = own_limits(model) if budget is None else (_budget(budget), budget)
    limits = Limits(**{**found, **given})
    if limits == Limits(dtype=limits.dtype):
        raise DesignError(
            "there is no limit to hold the network against",
            f"give one, such as --max-params 600k, or write [budget] into {FILE_NAME}",
        )
    return limits, limits_source(found, path, given)


def _budget(path: Path) -> dict[str, Any]:
    text = read_text(path)
    if text is None:
        raise DesignError(f"{path} does not exist", "name a TOML file with a [budget] table")
    found = parse_budget(text, path)
    if found is None:
        raise DesignError(f"{path} has no [budget] table", 'write [budget] and, for example, max_params = "600k"')
    return found


def _table(shown: Subject, judgements: tuple[Judgement, ...], limits: Limits, source: str) -> None:
    shown.announce()
    out = console()
    say(f"limits: {source}")
    for line in verdict_lines(judgements, limits, out.width):
        out.print(line, soft_wrap=True)
    say(summary(judgements))
    next_step(f"archscope shapes {shown.spec}")


def _json(shown: Subject, judgements: tuple[Judgement, ...], limits: Limits, source: str) -> None:
    record = network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace)
    holds = all(judgement.verdict.holds for judgement in judgements)
    checks = check_records(judgements, limits)
    emit_json({**record, "limits_source": source, "dtype": limits.dtype, "holds": holds, "checks": checks})


def _junit(shown: Subject, judgements: tuple[Judgement, ...], limits: Limits, source: str) -> None:
    emit(junit(judgements, limits, shown.spec))


def _github(shown: Subject, judgements: tuple[Judgement, ...], limits: Limits, source: str) -> None:
    emit(github(judgements, limits, " · ".join(headline(shown.spec, shown.trace, shown.source))))


_RENDER = {
    CheckFormat.table: _table,
    CheckFormat.json: _json,
    CheckFormat.junit: _junit,
    CheckFormat.github: _github,
}
