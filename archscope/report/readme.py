"""The README of a run folder: the figures that matter, the pictures beside it, the command that reproduces it."""

from __future__ import annotations

import re

from archscope.report.facts import (
    RUNTIME_TITLES,
    duration,
    headline_scores,
    interval,
    milliseconds,
    percent,
    recipe_rows,
    slower_than_fastest,
    stopping,
    tested,
    times,
    worst_pairs,
)
from archscope.report.numbers import keras_size
from archscope.runs.record import Run


def run_markdown(run: Run) -> str:
    """GitHub-flavoured Markdown that shows `curves.png` and `confusion.png` from the same folder."""
    scores = headline_scores(run)
    data = _text(run.data.name)
    parts = [
        f"# {_text(run.name)}",
        f"**{percent(scores.accuracy)}** {_text(scores.split)} accuracy on **{data}** "
        f"(95% interval {interval(scores)}, {scores.images:,} images). {tested(run)}",
        _network(run),
    ]
    if run.history:
        parts += ["## Training", f"{data}; {duration(run.seconds)}, {stopping(run)}.", "![Training curves](curves.png)"]
    rows = [
        [_text(score.name), f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}", f"{score.support:,}"]
        for score in scores.per_class
    ]
    parts += [f"## Class by class ({data}, {_text(scores.split)} set)"]
    parts += [_table(["class", "precision", "recall", "F1", "support"], rows)]
    pairs = [
        f"{_text(pair.truth)} → {_text(pair.called)} {percent(pair.share, 0)}" for pair in worst_pairs(scores, limit=3)
    ]
    if pairs:
        parts.append(f"Most confused: {', '.join(pairs)}.")
    parts.append("![Confusion matrix](confusion.png)")
    if run.latency:
        parts += ["## Latency of one image on a CPU", _latency(run), f"Milliseconds per image; {_text(run.machine)}."]
    return "\n\n".join([*parts, *_reproduce(run)]) + "\n"


def _network(run: Run) -> str:
    network = run.network
    height, width, channels = network.input
    rows = [
        ["network", _code(network.spec)],
        ["digest", _code(network.digest)],
        ["input", f"{height}×{width}×{channels}, {network.classes} classes"],
        ["parameters", f"{network.params:,} ({keras_size(network.params)})"],
        ["trainable", f"{network.trainable_params:,}"],
        ["non-trainable", f"{network.params - network.trainable_params:,}"],
        ["MACs per image", f"{network.macs:,}"],
    ]
    if run.test is not None:
        validation = f"{percent(run.validation.accuracy)} on {_text(run.data.name)}, {run.validation.images:,} images"
        rows.append(["validation accuracy", validation])
    return _table(["", ""], rows)


def _latency(run: Run) -> str:
    rows = [
        [
            _text(RUNTIME_TITLES.get(record.runtime, record.runtime)),
            f"{record.threads}",
            milliseconds(record.median_ms),
            milliseconds(record.p90_ms),
            milliseconds(record.p99_ms),
            times(ratio),
            f"{record.runs:,}",
        ]
        for record, ratio in zip(run.latency, slower_than_fastest(run.latency), strict=True)
    ]
    return _table(["runtime", "threads", "median", "p90", "p99", "vs fastest", "timed"], rows)


def _reproduce(run: Run) -> list[str]:
    # A fence longer than any run of backticks inside cannot be closed from inside.
    fence = "`" * max(3, 1 + _longest_ticks(run.command))
    settings = [["seed", f"{run.seed}"], *([_text(name), _text(value)] for name, value in recipe_rows(run.recipe))]
    versions = ", ".join(f"{_text(name)} {_text(version)}" for name, version in run.versions.items())
    return [
        "## Do it again",
        f"{fence}sh\n{run.command}\n{fence}",
        _table(["setting", "value"], settings),
        f"Data: {_text(run.data.source)}, SHA-256 {_code(run.data.sha256)}. Model: SHA-256 {_code(run.model_sha256)}. "
        f"Started {_text(run.started)} on {_text(run.machine)} with {versions}.",
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table: the first column left, the others right-aligned."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(value: str) -> str:
    """`value` as one line of text with no Markdown or HTML meaning."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(value.split()))


def _code(value: str) -> str:
    """`value` as a code span that nothing inside can end, inside a table too, where GitHub wants a pipe escaped."""
    line = " ".join(value.split()).replace("|", "\\|")
    ticks = "`" * (1 + _longest_ticks(line))
    return f"{ticks} {line} {ticks}" if len(ticks) > 1 else f"`{line}`"


def _longest_ticks(value: str) -> int:
    return max((len(found) for found in re.findall("`+", value)), default=0)
