"""What a report says about a run, derived once and worded once, for the HTML page and the Markdown page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archscope.runs.record import DataRecord, LatencyRecord, Run, Scores

RUNTIME_TITLES = {"litert": "LiteRT", "tf.function": "tf.function", "predict": "Keras predict"}


@dataclass(frozen=True, slots=True)
class Confused:
    """`share` (of all images of class `truth`) were called `called`."""

    truth: str
    called: str
    images: int
    share: float


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One row of the network's table of blocks: where it ends, and what it costs.

    `behind`: the block reads the collapsed map. `collapse`: where the map collapses in front of this row, in words
    ("block_13_depthwise 2x2 -> 1x1"); empty elsewhere.
    """

    name: str
    map: str
    channels: int
    params: int
    macs: int
    behind: bool = False
    collapse: str = ""


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def interval(scores: Scores) -> str:
    """The 95% interval in per cent: `74.8–76.5%`."""
    return f"{100 * scores.interval_low:.1f}–{100 * scores.interval_high:.1f}%"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign: `+1.9 points`."""
    return f"{100 * difference:+.1f} points"


def milliseconds(value: float) -> str:
    """Three significant digits: 0.142, 7.31, 64.8, 1,419."""
    return (
        f"{value:.3f}"
        if value < 1
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
        if value < 100
        else f"{value:,.0f}"
    )


def duration(seconds: float) -> str:
    """The two largest units: `42 s`, `12 min 05 s`, `1 h 36 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def row_shares(confusion: Sequence[Sequence[int]]) -> list[list[float]]:
    """Each row divided by its sum, so that a row says where a class went; a class without images keeps zeros."""
    return [[count / (sum(row) or 1) for count in row] for row in confusion]


def worst_pairs(scores: Scores, limit: int = 5) -> tuple[Confused, ...]:
    """The most frequent confusions as shares of the true class, largest first; none that never happened."""
    names = [score.name for score in scores.per_class]
    pairs = [
        Confused(names[i], names[j], scores.confusion[i][j], share)
        for i, row in enumerate(row_shares(scores.confusion))
        for j, share in enumerate(row)
        if i != j and share > 0
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.share, pair.truth, pair.called))[:limit])


def slower_than_fastest(latency: Sequence[LatencyRecord]) -> list[float]:
    """Each runtime's median divided by the smallest median."""
    fastest = min(record.median_ms for record in latency)
    return [record.median_ms / fastest for record in latency]


def times(ratio: float) -> str:
    """A ratio in words: `1×`, `6.4×`, `58×`, `1,026×`."""
    return f"{ratio:.1f}×" if 1.05 <= ratio < 9.95 else f"{ratio:,.0f}×"


def tested(run: Run) -> str:
    """How often this design has met the test set, which is what makes its accuracy trustworthy or not."""
    if run.test is None and run.tested_since:
        return f"The training left the test set alone; {tested_since(run)}."
    if run.test is None:
        return "The training left the test set alone."
    if run.times_tested == 1:
        return "The test set was used once, after training."
    return f"This design has been tested {run.times_tested:,} times: the more often, the kinder the figure."


def tested_since(run: Run) -> str:
    """`it has been scored there twice since`."""
    times = {1: "once", 2: "twice"}.get(run.tested_since, f"{run.tested_since:,} times")
    return f"it has been scored there {times} since"


def pilot(data: DataRecord) -> str:
    """What a run on a part of the training images is: no figure to compare with a full one."""
    used, whole = data.train_images, data.train_images + data.train_left_out
    return f"A pilot: trained on {used:,} of the {whole:,} training images."


def stopping(run: Run) -> str:
    """How the training ended: `30 epochs, best 27 (the weights kept)`."""
    last = run.history[-1].epoch if run.history else 0
    early = ", stopped early" if run.stopped_early else ""
    return f"{last} {'epoch' if last == 1 else 'epochs'}{early}; the weights kept are those of epoch {run.best_epoch}"


def recipe_rows(recipe: dict[str, object]) -> list[tuple[str, str]]:
    """(setting, value) in the recipe's order, nested settings spelled `outer.inner`."""
    rows: list[tuple[str, str]] = []
    for key, value in recipe.items():
        if isinstance(value, dict):
            rows += [(f"{key}.{inner}", spelled) for inner, spelled in recipe_rows(value)]
        else:
            rows.append((key, _spell(value)))
    return rows


def _spell(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_spell(item) for item in value) or "none"
    return str(value)
