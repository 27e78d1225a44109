"""Designs side by side: costs as a table, what was measured and what was forecast as sentences and records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from archscope.analysis import collapse, final_map, memory, share_on_1x1, taps
from archscope.diagnose.compare import Contender, Difference, Measured, Verdict, accuracy
from archscope.diagnose.expect import Expectation, Forecast, Outcome
from archscope.errors import DesignError, did_you_mean
from archscope.graph import digest, shape_text
from archscope.report.facts import interval, milliseconds, percent, points
from archscope.report.network import CHECK, CROSS, network_record
from archscope.report.numbers import map_text, si
from archscope.report.table import Column, Line, Table, Value, thousands
from archscope.report.table import percent as percent_cell
from archscope.runs.paired import Paired

GLYPHS = {Outcome.held: CHECK, Outcome.failed: CROSS, Outcome.open: "?"}
FORECASTS = {Forecast.better: "a gain", Forecast.same: "no loss", Forecast.worse: "a loss"}
QUESTIONS = {
    "cut": "Does cutting what lies behind the collapse cost accuracy?",
    "stride": "Does stride 1 bring accuracy?",
    "upsample": "Does upsampling bring accuracy?",
    "": "And what else was changed?",
}
TELLING = 40
"""Specs of up to so many letters stand in the table themselves."""


def cost_table(contenders: Sequence[Contender], *, machine: bool = False) -> Table:
    """A row each: cost, and accuracy and latency where a run measured them. `machine` adds what people read beside the
    table: spec, source, interval, split and data set."""
    telling = are_telling(contenders)
    names = (_LABEL, *_NAMES) if machine else (_NAMES[0],) if telling else (_LABEL,)
    shown = [*names, *_COSTS]
    first = contenders[0].trace.macs
    factor = Column("macs_factor", "MACs x", _factor, keep=1)
    shown.insert(shown.index(_PEAK), (factor, lambda contender: contender.trace.macs / first if first else None))
    if any(contender.runs for contender in contenders):
        shown += [_ACCURACY, *(_ACCURACY_MORE if machine else (_INTERVAL,))]
        if machine or any(_latency(contender) is not None for contender in contenders):
            shown.append(_LATENCY)
    lines = [Line(tuple(read(contender) for _, read in shown)) for contender in contenders]
    return Table(tuple(column for column, _ in shown), tuple(lines), name_min=TELLING if telling else 1)


def are_telling(contenders: Sequence[Contender]) -> bool:
    """Whether the specs are short enough to stand in the table, where no sentence needs the labels."""
    return not any(one.runs for one in contenders) and max(len(one.spec) for one in contenders) <= TELLING


def ordered(contenders: Sequence[Contender], key: str, reverse: bool = False) -> tuple[Contender, ...]:
    """The contenders by a column of the machine forms, those without a figure last; equals stay in their order.

    Raises DesignError for no such column, naming those that there are.
    """
    table = cost_table(contenders, machine=True)
    keys = [column.key for column in table.columns]
    if key not in keys:
        raise DesignError(f"no column {key!r} to sort by", did_you_mean(key, keys, f"choose {', '.join(keys)}"))
    values = [record[key] for record in table.records()]
    known = [number for number, value in enumerate(values) if value is not None]
    order = sorted(known, key=lambda number: _sortable(values[number]), reverse=reverse)
    rest = [number for number, value in enumerate(values) if value is None]
    return tuple(contenders[number] for number in [*order, *rest])


def _sortable(value: Value) -> tuple[float | str, ...]:
    """Numbers by size, shapes by their sides, words by the alphabet."""
    if isinstance(value, str):
        sides = value.split("x")
        return tuple(map(int, sides)) if all(side.isdigit() for side in sides) else (value.lower(),)
    return (value or 0,)


def _on_1x1(contender: Contender) -> float:
    found = share_on_1x1(contender.trace)
    return found.params / found.body_params if found.body_params else 0.0


def _dead_weights(contender: Contender) -> int:
    return sum(kernel.dead_weights for kernel in taps(contender.trace).values())


def _collapse(contender: Contender) -> str | None:
    fallen = collapse(contender.trace)
    return fallen.layer if fallen else None


def _mean(contender: Contender) -> float | None:
    mean = accuracy(contender)
    return mean.mean if mean else None


def _edge(place: int) -> Callable[[Contender], Value]:
    return lambda contender: accuracy_interval(contender)[place]


def _interval(contender: Contender) -> str | None:
    low, high = accuracy_interval(contender)
    return None if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}"


def _latency(contender: Contender) -> float | None:
    """The fastest runtime's median, milliseconds an image; None where no run measured it."""
    found = [record.median_ms for measured in contender.runs for record in measured.run.latency]
    return min(found, default=None)


def accuracy_interval(contender: Contender) -> tuple[float, float] | tuple[None, None]:
    """95%: Student's over the seeds; for a single run, Wilson's over its images; (None, None) without a run."""
    if len(contender.runs) == 1:
        scores = contender.runs[0].run.headline
        return scores.interval_low, scores.interval_high
    mean = accuracy(contender)
    return (mean.low, mean.high) if mean and mean.low is not None and mean.high is not None else (None, None)


def scored_on(measured: Measured) -> str:
    """`test set of JPEG re-encoded CIFAR-10, 10,000 images`."""
    scores = measured.run.headline
    return f"{scores.split} set of {measured.run.on()}, {scores.images:,} images"


def run_sentence(contender: Contender) -> str:
    """What the contender's run was: accuracy, its data, its training."""
    run, scores = contender.runs[0].run, contender.runs[0].run.headline
    epochs = len(run.history)
    return (
        f"{contender.label}: {percent(scores.accuracy, 2)} (95% interval {interval(scores)}) on the "
        f"{scored_on(contender.runs[0])}; {epochs} {'epoch' if epochs == 1 else 'epochs'}, seed {run.seed}"
    )


def paired_sentence(a: str, b: str, test: Paired) -> str:
    """McNemar's test in words, the better one first."""
    if test.difference < 0:
        a, b, test = b, a, _swapped(test)
    evidence = (
        f"(95% interval {100 * test.low:.1f} to {100 * test.high:.1f}; {test.only_a:,} images only {a} gets, "
        f"{test.only_b:,} only {b}; {p_text(test.p)})"
    )
    if test.told_apart:
        return f"{a} is {100 * test.difference:.1f} points better than {b} {evidence}."
    lead = f"{a} is {100 * test.difference:.1f} points ahead" if test.difference else "they are level"
    return f"{a} and {b} cannot be told apart: {lead} {evidence}."


def no_test_sentence(a: str, b: str, reason: str) -> str:
    return f"No paired test of {a} and {b}: {reason}."


def p_text(p: float) -> str:
    """`p = 4e-11`, `p = 0.031`."""
    if p < 1e-300:
        return "p < 1e-300"
    return f"p = {p:.1g}" if p < 0.001 else f"p = {p:.2g}"


def difference_text(found: Difference) -> str:
    """`-0.3 points (95% interval -1.0 to +0.4)`; over several seeds it says how many."""
    seeds = f", {found.seeds} seeds" if found.seeds > 1 else ""
    return f"{points(found.value)} (95% interval {100 * found.low:+.1f} to {100 * found.high:+.1f}{seeds})"


def forecast_sentence(verdict: Verdict) -> str:
    """`B against A: no loss expected, as ...`."""
    expectation = verdict.expectation
    return (
        f"{verdict.contender.label} against {verdict.reference.label}: {FORECASTS[expectation.forecast]} expected, "
        f"as {grounds(expectation)}."
    )


def grounds(expectation: Expectation) -> str:
    """What the forecast rests on."""
    before, after = expectation.map_macs_before, expectation.map_macs_after
    factor = f" (x{after / before:.2f})" if before else ""
    maps = [map_text(shape) for shape in (expectation.final_map_before, expectation.final_map_after)]
    ends = f"stays {maps[0]}" if maps[0] == maps[1] else f"goes from {maps[0]} to {maps[1]}"
    move = {Forecast.better: "rise", Forecast.same: "hardly move", Forecast.worse: "fall"}[expectation.forecast]
    return f"the MACs on maps above 1x1 {move} from {si(before)} to {si(after)}{factor} and the final map {ends}"


def outcome_sentence(verdict: Verdict) -> str:
    """`✓ B against A: no loss expected, -0.3 points (...) measured: held`."""
    expected = FORECASTS[verdict.expectation.forecast]
    measured = "nothing" if verdict.difference is None else difference_text(verdict.difference)
    return (
        f"{GLYPHS[verdict.outcome]} {verdict.contender.label} against {verdict.reference.label}: {expected} expected, "
        f"{measured} measured: {verdict.outcome}"
    )


def by_question(verdicts: Sequence[Verdict]) -> list[tuple[str, list[Verdict]]]:
    """The verdicts under the questions that their edits ask: cut, stride, upsampling, and several of them or others."""
    asked: dict[str, list[Verdict]] = {key: [] for key in QUESTIONS}
    for verdict in verdicts:
        old = verdict.reference.design.edits
        kinds = {edit.name for edit in verdict.contender.design.edits if edit not in old} - {"head"}
        asked[kinds.pop() if len(kinds) == 1 and kinds <= asked.keys() else ""].append(verdict)
    return [(QUESTIONS[key], found) for key, found in asked.items() if found]


def contender_record(contender: Contender) -> dict[str, Any]:
    """A design and its runs for machines, raw, with units in the keys."""
    trace, mean = contender.trace, accuracy(contender)
    record = {
        "label": contender.label,
        **network_record(contender.spec, digest(trace.graph), contender.source, trace),
        "peak_activation_bytes": memory(trace).peak_bytes,
        "dead_weights": _dead_weights(contender),
    }
    record.pop("schema_version")
    if mean is None:
        return record | {"accuracy": None, "runs": []}
    low, high = accuracy_interval(contender)
    return record | {
        "accuracy": {"mean": mean.mean, "low": low, "high": high, "of": scored_on(contender.runs[0])},
        "latency_ms": _latency(contender),
        "runs": [
            {
                "folder": str(measured.folder),
                "seed": measured.run.seed,
                "split": measured.run.headline.split,
                "accuracy": measured.run.headline.accuracy,
                "validation_accuracy": measured.run.validation.accuracy,
                "calibration_error": measured.run.headline.calibration_error,
                "seconds": measured.run.seconds,
                "data_sha256": measured.run.data.sha256,
            }
            for measured in contender.runs
        ],
    }


def paired_record(a: Contender, b: Contender, found: Paired | str) -> dict[str, Any]:
    told = {"reason": found} if isinstance(found, str) else asdict(found)
    return {"a": a.label, "b": b.label, **told}


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """Forecast, facts, measurement and outcome."""
    return {
        "label": verdict.contender.label,
        "reference": verdict.reference.label,
        "expected": verdict.expectation.forecast,
        "map_macs_before": verdict.expectation.map_macs_before,
        "map_macs_after": verdict.expectation.map_macs_after,
        "difference": None if verdict.difference is None else asdict(verdict.difference),
        "outcome": verdict.outcome,
    }


def _swapped(test: Paired) -> Paired:
    return Paired(test.images, test.only_b, test.only_a, -test.difference, -test.high, -test.low, test.p)


def _megabytes(value: Value) -> str:
    return f"{value / 2**20:.2f}" if isinstance(value, int) else str(value)


def _factor(value: Value) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _accuracy(value: Value) -> str:
    return f"{100 * value:.2f}" if isinstance(value, float) else str(value)


def _ms(value: Value) -> str:
    return milliseconds(value) if isinstance(value, float) else str(value)


def _accuracy_of(contender: Contender) -> str | None:
    return scored_on(contender.runs[0]) if contender.runs else None


_Cell = tuple[Column, Callable[[Contender], Value]]

_LABEL: _Cell = (Column("label", "", left=True), lambda one: one.label)
_PEAK: _Cell = (
    Column("peak_activation_bytes", "peak bytes", thousands, keep=3),
    lambda one: memory(one.trace).peak_bytes,
)
_COSTS: tuple[_Cell, ...] = (
    (Column("final_map", "final map", keep=6), lambda one: shape_text(final_map(one.trace))),
    (Column("params_on_1x1_share", "on 1x1 %", percent_cell, keep=5), _on_1x1),
    (Column("params", "params", thousands), lambda one: one.trace.params),
    (Column("weight_bytes", "MB", _megabytes, keep=0), lambda one: 4 * one.trace.params),
    (Column("macs", "MACs", thousands, keep=8), lambda one: one.trace.macs),
    _PEAK,
    (Column("dead_weights", "dead", thousands, keep=2), _dead_weights),
    (Column("collapse", "collapse", left=True, keep=4), _collapse),
)
_NAMES: tuple[_Cell, ...] = (
    (Column("spec", "design", left=True), lambda one: one.spec),
    (Column("source", "source", left=True), lambda one: one.source),
)
_ACCURACY: _Cell = (Column("accuracy", "accuracy %", _accuracy, keep=8), _mean)
_INTERVAL: _Cell = (Column("accuracy_interval", "95% interval", keep=3), _interval)
_ACCURACY_MORE: tuple[_Cell, ...] = (
    (Column("accuracy_low", "low", _accuracy), _edge(0)),
    (Column("accuracy_high", "high", _accuracy), _edge(1)),
    (Column("accuracy_of", "accuracy of", left=True), _accuracy_of),
)
_LATENCY: _Cell = (Column("latency_ms", "ms", _ms, keep=7), _latency)
