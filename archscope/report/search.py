"""What a search found: a table of candidates, their specs, and the nearest misses in words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.errors import OutputError
from archscope.graph import trace
from archscope.report.numbers import listed, map_text
from archscope.report.table import Column, Line, Table, Value, thousands

if TYPE_CHECKING:
    from archscope.budget import Limits
    from archscope.search.candidates import Candidate
    from archscope.search.search import Plan
    from archscope.search.select import Answer, Question

_SIZES = ("max_weights", "max_peak_ram")
TABLE_FILES = (".csv", ".json", ".md", ".parquet")
SHOWN = 30
"""Of a longer front people see so many rows, evenly spaced."""
NO_FORECAST = "Cost alone does not predict accuracy: `archscope compare --train` does."

_FIGURES = (
    Column("params", "params", thousands),
    Column("trainable_params", "trainable", thousands, keep=1),
    Column("macs", "MACs", thousands, keep=8),
    Column("weight_bytes", "weight bytes", thousands, keep=0),
    Column("peak_bytes", "peak bytes", thousands, keep=4),
    Column("dead_weights", "dead", thousands, keep=3),
)
_NEAREST = {
    "max_params": ("the smallest has", "{figure:,} parameters"),
    "max_trainable_params": ("the least has", "{figure:,} trainable parameters"),
    "max_macs": ("the cheapest takes", "{figure:,} MACs"),
    "max_weights": ("the lightest has", "{figure:,} bytes of weights"),
    "max_peak_ram": ("the least needs", "{figure:,} bytes for activations"),
    "min_map": ("the largest final map has", "a side of {figure}"),
    "no_collapse": ("each has", "a map that collapses"),
    "no_dead_taps": ("the least has", "{figure:,} dead weights"),
}
"""What the nearest miss of a limit is, in words."""


def candidate_table(
    plan: Plan, found: Sequence[Candidate], *, machine: bool = False, rows: Sequence[tuple[int, Candidate]] = ()
) -> Table:
    """A row each: what it costs, where its map ends, and the interval of each scale, of those tried, that builds it.

    For machines each row has its spec; people read the specs below the table, by number. `rows` are some of them, with
    their numbers.
    """
    scales = [name for name, _ in plan.space.scales]
    columns = [Column("number", "#"), Column("final_map", "final map"), *_FIGURES]
    columns.append(Column("output_stride", "out stride", keep=1))
    columns.append(Column("collapse", "collapse", left=True, keep=7))
    if machine:
        columns += [Column(f"{name}_{end}", f"{name} {end}") for name in scales for end in ("least", "most")]
        columns.append(Column("spec", "spec", left=True))
    else:
        columns += [Column(name, name, keep=6) for name in scales]
    lines = []
    for number, one in rows or enumerate(found, 1):
        ends = [one.span(name) or (None, None) for name in scales]
        spans: list[Value] = (
            [value for pair in ends for value in pair] if machine else [_interval(*pair) for pair in ends]
        )
        values: list[Value] = [number, map_text(one.geometry.final_map)]
        values += [one.figures[column.key] for column in _FIGURES]
        values += [one.geometry.output_stride, one.geometry.collapse, *spans]
        lines.append(Line((*values, *([one.spec(plan.space)] if machine else []))))
    return Table(tuple(columns), tuple(lines), name_min=2)


def shown_rows(answer: Answer) -> list[tuple[int, Candidate]]:
    """The numbered rows that people see: all of them, or of many some, evenly spaced, the first and the last in."""
    count = len(answer.kept)
    chosen = range(count) if count <= SHOWN else [place * (count - 1) // (SHOWN - 1) for place in range(SHOWN)]
    return [(place + 1, answer.kept[place]) for place in chosen]


def check_table_file(path: Path) -> None:
    """Raises OutputError for a file whose name does not say in which form a table goes there."""
    if path.suffix.lower() not in TABLE_FILES:
        raise OutputError(f"{path} is no {', '.join(TABLE_FILES)} file", "name it, for example, front.csv")


def parquet_bytes(table: Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table.records()), out)
    return out.getvalue()


def _interval(least: Value, most: Value) -> str | None:
    """`0.88–0.93`: the values of a scale, of those tried, that build the same network."""
    if least is None or most is None:
        return None
    texts = [str(end).lower() if isinstance(end, bool) else f"{end:g}" for end in (least, most)]
    return "–".join(dict.fromkeys(texts))


def space_sentence(plan: Plan) -> str:
    """How many designs there are, and how many are looked at."""
    told = f"{_designs(plan.size)} to price"
    if plan.planned < plan.size:
        drawn = [
            f"{count:,} of {whole:,} {what}"
            for count, whole, what in (
                (len(plan.trunks), plan.choices, "choices of strides and inputs"),
                (len(plan.space.units), plan.heads, "heads"),
            )
            if count < whole
        ]
        told = f"{_designs(plan.size)}; {plan.planned:,} to price, a random sample: {' and '.join(drawn)}"
    if not plan.left_out:
        return told
    count = sum(number for _, number in plan.left_out)
    choices = "1 choice" if count == 1 else f"{count:,} choices"
    reason, more = plan.left_out[0][0], len(plan.left_out) - 1
    others = f"; {more:,} more reason{'s' * (more > 1)}" if more else ""
    what = f"{choices} of inputs, widths, upsampling and strides that the whole network cannot have"
    return f"{told}\n! left out: {what} ({reason}{others})"


def _designs(count: int) -> str:
    return f"{count:,} distinct design{'' if count == 1 else 's'}"


def found_sentence(plan: Plan, question: Question, answer: Answer) -> str:
    """What the table shows, with its denominators."""
    from archscope.search.space import bare

    whole = f", a sample of {plan.size:,}" if plan.planned < plan.size else ""
    whole += "" if answer.searched == plan.planned else f" (stopped: {plan.planned - answer.searched:,} were not)"
    kept = ""
    if answer.kept and question.objectives:
        aims = ", ".join(aim.column for aim in question.objectives)
        kept = f"; not beaten in {aims}: {len(answer.kept):,}, equal ones counted once"
    elif answer.kept:
        kept = "; those with the most parameters of each final map are listed"
    priced = "1 design was" if answer.searched == 1 else f"{answer.searched:,} designs were"
    keeps = f"; {answer.fitting:,} keep{'s' if answer.fitting == 1 else ''} the limits"
    keeps = keeps if limits_sentence(question.limits) else ""
    unknown = [row.name for row in trace(bare(plan.space.base)).uncounted]
    least = f" MACs are least figures: nobody knows those of {listed(unknown)}." if unknown else ""
    return f"{priced} priced{whole}{keeps}{kept}.{least}"


def limits_sentence(limits: Limits) -> str:
    """`max-params 572,066, no-collapse`: the limits that are set."""
    from archscope.search.select import set_limits

    held = f" of {limits.dtype}" if limits.dtype != "float32" else ""
    return ", ".join(_flag(key, limit, held) for key, limit in set_limits(limits).items())


def miss_lines(plan: Plan, question: Question, answer: Answer) -> list[str]:
    """What the limits would have to be: a line and a spec for each set of limits that is enough to loosen."""
    from archscope.search.select import figure_of, set_limits

    limits = set_limits(question.limits)
    priced = "" if answer.searched == plan.size else f" {answer.searched:,} priced"
    lines = []
    for keys, one in answer.near:
        whole = f"of the{priced} designs, " if priced else ""
        whole = f"of the{priced} designs that keep the other limits, " if len(keys) < len(limits) else whole
        broken = _joined([_flag(key, limits[key]) for key in keys])
        figures = _joined([_NEAREST[key][1].format(figure=figure_of(one, key)) for key in keys])
        told = f"{_NEAREST[keys[0]][0] if len(keys) == 1 else 'the nearest has'} {figures}"
        lines += [
            f"✗ {broken}: {whole}{told}; {_joined(relaxation((keys, one)))} let{'s' * (len(keys) == 1)} it in",
            f"  {one.spec(plan.space)}",
        ]
    return lines


def _joined(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def relaxation(miss: tuple[tuple[str, ...], Candidate]) -> list[str]:
    """What lets a nearest miss in: `--max-params 61234`, or `leaving --no-collapse out`."""
    from archscope.search.select import figure_of

    keys, one = miss
    flags = [(f"--{key.replace('_', '-')}", key, figure_of(one, key)) for key in keys]
    return [
        f"leaving {flag} out" if key.startswith("no_") else f"{flag} {figure}{'B' * (key in _SIZES)}"
        for flag, key, figure in flags
    ]


def _flag(key: str, limit: int, held: str = "") -> str:
    name = key.replace("_", "-")
    unit = f" bytes{held}" if key in _SIZES else ""
    return name if key.startswith("no_") else f"{name} {limit:,}{unit}"
