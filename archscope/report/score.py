"""Training-free scores in tables: one row a network, and one a score that was held against finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from archscope.report.compare import scored_on
from archscope.report.facts import percent
from archscope.report.table import Column, Line, Table, Value

if TYPE_CHECKING:
    from archscope.diagnose.compare import Contender
    from archscope.score.audit import Correlation
    from archscope.score.scores import Score

NO_PROMISE = "A score is worth what it beats the baselines by, on runs of your own: `archscope score --audit RUN...`."


def score_table(
    found: Sequence[Contender], scores: Mapping[str, Score], values: Sequence[Mapping[str, float]], specs: bool = True
) -> Table:
    """A row a network; with a column of accuracies where they are runs, and one of specs."""
    runs = all(one.runs for one in found)
    columns = [Column("label", ""), *(Column(name, score.title, _number) for name, score in scores.items())]
    columns += [Column("accuracy", "accuracy", _share)] if runs else []
    if specs:
        columns.append(Column("spec", "spec", left=True, keep=0))
    lines = []
    for one, figures in zip(found, values, strict=True):
        measured: list[Value] = [one.runs[0].run.headline.accuracy] if runs else []
        lines.append(
            Line((one.label, *(_finite(figures[name]) for name in scores), *measured, *([one.spec] if specs else [])))
        )
    return Table(tuple(columns), tuple(lines), name_min=2)


def audit_table(scores: Mapping[str, Score], found: Mapping[str, Correlation]) -> Table:
    """A row a score: Spearman's correlation with the accuracies, and its 95% interval."""
    columns = (
        Column("score", "score", left=True),
        Column("spearman", "Spearman", _signed),
        Column("low", "95% from", _signed),
        Column("high", "to", _signed),
        Column("networks", "networks"),
        Column("source", "source", left=True, keep=0),
    )
    lines = []
    for name, score in scores.items():
        one = found[name]
        lines.append(Line((score.title, one.value, one.low, one.high, one.networks, score.source)))
    return Table(columns, tuple(lines))


def audit_sentence(found: Mapping[str, Correlation], baselines: Sequence[str]) -> str:
    """Whether any score orders the runs better than the best baseline does."""
    known = {name: one.value for name, one in found.items() if one.value is not None}
    base = max((name for name in baselines if name in known), key=lambda name: known[name], default=None)
    if base is None:
        return "No baseline orders these runs: there is nothing to hold a score against."
    better = [name for name in known if name not in baselines and known[name] > known[base]]
    networks = next(iter(found.values())).networks
    told = f"{', '.join(better)} order{'s' if len(better) == 1 else ''}" if better else "No score orders"
    return f"{told} these {networks} runs better than the best baseline does ({base}, {known[base]:+.2f})."


def accuracy_sentence(found: Sequence[Contender]) -> str:
    """What the runs' accuracies are of."""
    places = list(dict.fromkeys(scored_on(one.runs[0]) for one in found))
    return f"Accuracies are {'; others '.join(places)}."


def unlike_runs(found: Sequence[Contender]) -> list[str]:
    """What beside the network sets the runs' accuracies apart, a sentence each."""
    runs = [one.runs[0].run for one in found]
    kinds: dict[str, set[object]] = {
        "data": {run.data.sha256 for run in runs},
        "split that was scored": {run.headline.split for run in runs},
        "recipe": {repr(sorted(run.recipe.items())) for run in runs},
        "number of training images": {run.data.train_images for run in runs},
    }
    different = [f"{len(values)} kinds of {name}" for name, values in kinds.items() if len(values) > 1]
    return [f"! the runs do not differ in the network alone: {', '.join(different)}"] if different else []


def _finite(value: float) -> float | str:
    """JSON has neither infinity nor NaN."""
    return value if isfinite(value) else str(value)


def _number(value: Value) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3f}"


def _signed(value: Value) -> str:
    return f"{value:+.2f}" if isinstance(value, float) else str(value)


def _share(value: Value) -> str:
    return percent(value, 2) if isinstance(value, float) else str(value)
