"""`archscope scale`: the widest network of a design that a budget allows."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from archscope.budget import Limits
from archscope.cli.limits import (
    LimitDtype,
    MaxMacs,
    MaxParams,
    MaxPeakRam,
    MaxTrainable,
    MaxWeights,
    given_limits,
    limits_source,
    own_limits,
)
from archscope.cli.output import emit_json, next_step, say, title
from archscope.cli.subject import InputSize, Model, find_design
from archscope.design import format_spec
from archscope.errors import DesignError
from archscope.graph import digest
from archscope.report.network import headline, network_record, verdict
from archscope.report.search import limits_sentence
from archscope.search.scale import WIDEST, Scaled, digits, own_knob
from archscope.search.scale import scale as widest

_MAPS = ("min_map", "no_collapse", "no_dead_taps")
"""Limits of a [budget] that no width can keep or break."""


class Knob(StrEnum):
    """What is turned."""

    alpha = "alpha"
    width = "width"
    head = "head"


class ScaleFormat(StrEnum):
    """How the answer leaves."""

    table = "table"
    json = "json"


def scale(
    model: Model = None,
    input_size: InputSize = None,
    by: Annotated[
        Knob | None,
        typer.Option(
            "--by",
            help="The model's alpha, a factor for any network's channels, or the head's units.",
            show_default="alpha, where a model of ours has one, else width",
        ),
    ] = None,
    max_params: MaxParams = None,
    max_trainable_params: MaxTrainable = None,
    max_macs: MaxMacs = None,
    max_weights: MaxWeights = None,
    max_peak_ram: MaxPeakRam = None,
    dtype: LimitDtype = None,
    form: Annotated[ScaleFormat, typer.Option("--format", "-f", help="Output format.")] = ScaleFormat.table,
) -> None:
    """Find the widest distinct network of the design that keeps the limits, and the shortest number that builds it."""
    given = given_limits(
        max_params=max_params,
        max_trainable_params=max_trainable_params,
        max_macs=max_macs,
        max_weights=max_weights,
        max_peak_ram=max_peak_ram,
        dtype=dtype,
    )
    read, path = own_limits(model)
    limits = Limits(**{**{key: value for key, value in read.items() if key not in _MAPS}, **given})
    if limits == Limits(dtype=limits.dtype):
        raise DesignError("there is no limit to scale to", "give one, such as --max-params 600k or --max-macs 30M")
    design, source = find_design(model, input_size)
    found = widest(design, limits, by.value if by else own_knob(design))
    spec = format_spec(found.design)
    if form is ScaleFormat.json:
        record = network_record(spec, digest(found.trace.graph), source, found.trace)
        span = {"least": float(found.least), "most": float(found.most)}
        emit_json({**record, "knob": found.knob, "value": float(found.value), **span})
        return
    title(*headline(spec, found.trace, source))
    say(f"limits: {limits_sentence(limits)} ({limits_source(read, path, given)})")
    say(_sentence(found))
    say(verdict(found.trace))
    if found.beyond is not None:
        broken = found.broken[0]
        over = -broken.verdict.margin
        say(f"The next wider one, {format_spec(found.beyond)}, is {over:,} over --{broken.key.replace('_', '-')}.")
    elif found.most == WIDEST[found.knob]:
        say(f"{found.knob} {found.most:,.0f} is the widest that is looked at: wider ones may fit.")
    else:
        say(f"No wider one is built: {found.knob} ends there.")
    next_step(f"archscope init {spec}")


def _sentence(found: Scaled) -> str:
    if found.least == found.most:
        return f"{found.knob} {digits(found.value)} builds the widest network that fits."
    span = f"Every {found.knob} from {digits(found.least)} to {digits(found.most)}"
    return f"{span} builds the widest network that fits; {digits(found.value)} is the shortest."
