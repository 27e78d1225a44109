"""What a search found: a table of candidates, their specs, and the nearest misses in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope.report.numbers import map_text
from archscope.report.table import Column, Line, Table, Value, thousands

if TYPE_CHECKING:
    from archscope.search.candidates import Candidate
    from archscope.search.search import Plan
    from archscope.search.select import Answer, Question

NO_FORECAST = "Cost alone does not predict accuracy: `archscope compare --train` does."

_FIGURES = (
    Column("params", "params", thousands),
    Column("trainable_params", "trainable", thousands, keep=1),
    Column("macs", "MACs", thousands, keep=8),
    Column("weight_bytes", "weight bytes", thousands, keep=2),
    Column("peak_bytes", "peak bytes", thousands, keep=4),
    Column("dead_weights", "dead", thousands, keep=3),
)
_FLAGS = {
    "max_params": "{figure:,} parameters",
    "max_trainable_params": "{figure:,} trainable parameters",
    "max_macs": "{figure:,} MACs",
    "max_weights": "{figure:,} bytes of weights",
    "max_peak_ram": "{figure:,} bytes of activations",
    "min_map": "a final map of least side {figure}",
    "no_collapse": "a map that collapses",
    "no_dead_taps": "{figure:,} dead weights",
}


def candidate_table(plan: Plan, found: Sequence[Candidate], *, machine: bool = False) -> Table:
    """A row each: what it costs, where its map ends, and the interval of each scale, of those tried, that builds it.

    For machines each row has its spec; people read the specs below the table, by number.
    """
    scales = [name for name, _ in plan.space.scales]
    columns = [Column("number", "#"), Column("final_map", "final map"), *_FIGURES]
    columns.append(Column("output_stride", "out stride", keep=1))
    columns.append(Column("collapse", "collapse", left=True, keep=0))
    if machine:
        columns += [Column(f"{name}_{end}", name) for name in scales for end in ("least", "most")]
        columns.append(Column("spec", "spec", left=True))
    else:
        columns += [Column(name, name, keep=6) for name in scales]
    lines = []
    for number, one in enumerate(found, 1):
        ends = [one.span(name) or (None, None) for name in scales]
        spans: list[Value] = (
            [value for pair in ends for value in pair] if machine else [_interval(*pair) for pair in ends]
        )
        values: list[Value] = [str(number), map_text(one.geometry.final_map)]
        values += [one.figures[column.key] for column in _FIGURES]
        values += [one.geometry.output_stride, one.geometry.collapse, *spans]
        lines.append(Line((*values, *([one.spec(plan.space)] if machine else []))))
    return Table(tuple(columns), tuple(lines), name_min=2)


def _interval(least: float | None, most: float | None) -> str | None:
    """`0.88–0.93`: the values of a scale, of those tried, that build the same network."""
    if least is None or most is None:
        return None
    return f"{least:g}" if least == most else f"{least:g}–{most:g}"


def space_sentence(plan: Plan) -> str:
    """How many designs there are, and how many are looked at."""
    if plan.planned == plan.size:
        return f"{plan.size:,} distinct designs, all of them priced"
    return f"{plan.size:,} distinct designs, of which a random sample of {plan.planned:,} is priced"


def found_sentence(plan: Plan, question: Question, answer: Answer) -> str:
    """What the table shows, with its denominators."""
    whole = "" if answer.searched == plan.planned else f" (stopped: {plan.planned - answer.searched:,} were not)"
    kept = (
        f"{len(answer.kept):,} of them are not beaten in " + ", ".join(aim.column for aim in question.objectives)
        if question.objectives
        else "the largest of each final map are listed"
    )
    return f"{answer.searched:,} designs were priced{whole}; {answer.fitting:,} keep the limits; {kept}."


def miss_sentences(plan: Plan, answer: Answer) -> list[str]:
    """For each limit what it would have to be for a design to keep them all; those of which that is not enough too."""
    from archscope.search.select import figure_of

    lines = []
    for key, one in answer.near:
        figure = _FLAGS[key].format(figure=figure_of(one, key))
        lines.append(
            f"Within all other limits, the nearest to --{key.replace('_', '-')} has {figure}: {one.spec(plan.space)}"
        )
    return lines or ["Every design breaks two limits or more: loosen more than one of them."]
