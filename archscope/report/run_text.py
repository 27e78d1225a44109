"""A finished run in the terminal: figures in sentences and plain tables."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.report.facts import (
    RUNTIME_TITLES,
    duration,
    interval,
    milliseconds,
    percent,
    pilot,
    points,
    slower_than_fastest,
    stopping,
    tested,
    times,
    worst_pairs,
)
from archscope.report.table import Column, Line, Table, Value, thousands
from archscope.runs import LatencyRecord, Run, Scores, classification_report

WORST_PAIRS = 5


def accuracy_line(scores: Scores, data: str) -> str:
    """`accuracy 75.7% (95% interval 74.8–76.5%) on the test set of JPEG re-encoded CIFAR-10, 10,000 images`."""
    return (
        f"accuracy {percent(scores.accuracy, 2)} (95% interval {interval(scores)}) "
        f"on the {scores.split} set of {data}, {scores.images:,} images"
    )


def run_lines(run: Run) -> list[str]:
    """Accuracy, the per-class report in scikit-learn's layout, the worst confusions, and how the training went."""
    scores = run.headline
    lines = [accuracy_line(scores, run.on())]
    if run.flip_tta is not None:
        lines.append(flip_line(run.flip_tta, scores))
    lines += ["", *classification_report(scores).splitlines(), ""]
    lines += filter(None, (confused_line(scores), calibration_line(scores)))
    if run.test is not None:
        lines.append(f"validation accuracy {percent(run.validation.accuracy, 2)}; {stopping(run)}")
    else:
        lines.append(stopping(run))
    return [*lines, *([pilot(run.data)] if run.data.train_left_out else []), tested(run)]


def confused_line(scores: Scores) -> str:
    """`most confused: cat -> dog 14%, ...`, shares of the true class; empty where nothing is confused."""
    worst = [f"{pair.truth} -> {pair.called} {percent(pair.share, 0)}" for pair in worst_pairs(scores, WORST_PAIRS)]
    return f"most confused: {', '.join(worst)}" if worst else ""


def calibration_line(scores: Scores) -> str:
    """The expected calibration error; empty for a run that did not measure it."""
    if scores.calibration_error is None:
        return ""
    return f"calibration error {percent(scores.calibration_error)} (ECE: |accuracy - confidence| over 15 bins)"


def flip_line(flip: Scores, plain: Scores) -> str:
    """Flip test-time averaging, apart from the plain figure."""
    return (
        f"apart from that, with flip averaging (the mean over image and mirror, two passes): "
        f"{percent(flip.accuracy, 2)} (95% interval {interval(flip)}), {points(flip.accuracy - plain.accuracy)}"
    )


def latency_table(latency: Sequence[LatencyRecord]) -> Table:
    """A row per runtime: milliseconds for a single image, and how many times the fastest's median it takes."""
    columns = (
        Column("runtime", "single image, CPU", left=True),
        Column("threads", "threads", keep=4),
        Column("median_ms", "median ms", _milliseconds),
        Column("p90_ms", "p90 ms", _milliseconds, keep=5),
        Column("p99_ms", "p99 ms", _milliseconds, keep=3),
        Column("factor", "factor", _times, keep=6),
        Column("runs", "runs", thousands, keep=2),
    )
    rows = [
        (
            RUNTIME_TITLES.get(record.runtime, record.runtime),
            record.threads,
            record.median_ms,
            record.p90_ms,
            record.p99_ms,
            factor,
            record.runs,
        )
        for record, factor in zip(latency, slower_than_fastest(latency), strict=True)
    ]
    return Table(columns, tuple(Line(row) for row in rows))


def _milliseconds(value: Value) -> str:
    return milliseconds(value) if isinstance(value, (int, float)) else str(value)


def _times(value: Value) -> str:
    return times(value) if isinstance(value, (int, float)) else str(value)


def recorded_line(run: Run, scores: Scores, data: str, checksum: str) -> tuple[str, bool]:
    """The accuracy recorded for that split beside the one measured now, in a sentence, and whether the two agree.

    Only figures of one data set are compared; where they are of two, or the run made no test, nothing contradicts.
    """
    own = run.validation if scores.split == "validation" else run.test
    if own is None:
        return "The run recorded no test accuracy to compare with.", True
    before = f"the run recorded {percent(own.accuracy, 2)} on {run.on()}"
    if checksum != run.data.sha256:
        return f"Not comparable: {before}, and this was {data} (another checksum).", True
    if scores.accuracy == own.accuracy and scores.confusion == own.confusion:
        return f"✓ Reproduced: {before}, image by image the same counts.", True
    return f"✗ Not reproduced: {before}, and this is {percent(scores.accuracy, 2)}.", False


def run_line(run: Run) -> str:
    """A finished run of several, on one line."""
    tested = f", test {percent(run.test.accuracy, 2)}" if run.test else ""
    return f"validation {percent(run.validation.accuracy, 2)}{tested}; {duration(run.seconds)}"
