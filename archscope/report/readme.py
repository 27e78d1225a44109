"""The README of a run folder: the figures that matter, the pictures beside it, the command that reproduces it."""

from __future__ import annotations

from archscope.report.facts import (
    RUNTIME_TITLES,
    duration,
    interval,
    milliseconds,
    percent,
    pilot,
    points,
    recipe_rows,
    slower_than_fastest,
    stopping,
    tested,
    times,
    worst_pairs,
)
from archscope.report.markdown import md_code, md_fence, md_table, md_text
from archscope.report.numbers import keras_size
from archscope.runs.record import Run


def run_markdown(run: Run) -> str:
    """GitHub-flavoured Markdown that shows `curves.png` and `confusion.png` from the same folder."""
    scores = run.headline
    data = md_text(run.on())
    parts = [
        f"# {md_text(run.name)}",
        f"**{percent(scores.accuracy)}** {md_text(scores.split)} accuracy on **{data}** "
        f"(95% interval {interval(scores)}, {scores.images:,} images). {tested(run)}",
        *([f"**{md_text(pilot(run.data))}**"] if run.data.train_left_out else []),
        _network(run),
    ]
    if run.history:
        parts += ["## Training", f"{data}; {duration(run.seconds)}, {stopping(run)}.", "![Training curves](curves.png)"]
    rows = [
        [md_text(score.name), f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}", f"{score.support:,}"]
        for score in scores.per_class
    ]
    parts += [f"## Class by class ({data}, {md_text(scores.split)} set)"]
    parts += [md_table(["class", "precision", "recall", "F1", "support"], rows)]
    pairs = [
        f"{md_text(pair.truth)} → {md_text(pair.called)} {percent(pair.share, 0)}"
        for pair in worst_pairs(scores, limit=3)
    ]
    if pairs:
        parts.append(f"Most confused: {', '.join(pairs)}.")
    parts.append("![Confusion matrix](confusion.png)")
    if run.latency:
        parts += ["## Latency of one image on a CPU", _latency(run), f"Milliseconds per image; {md_text(run.machine)}."]
    return "\n\n".join([*parts, *_reproduce(run)]) + "\n"


def _network(run: Run) -> str:
    network = run.network
    height, width, channels = network.input
    rows = [
        ["network", md_code(network.spec)],
        ["digest", md_code(network.digest)],
        ["input", f"{height}×{width}×{channels}, {network.classes} classes"],
        ["parameters", f"{network.params:,} ({keras_size(network.params)})"],
        ["trainable", f"{network.trainable_params:,}"],
        ["non-trainable", f"{network.params - network.trainable_params:,}"],
        ["MACs per image", f"{network.macs:,}"],
    ]
    if run.test is not None:
        validation = f"{percent(run.validation.accuracy)} on {md_text(run.on())}, {run.validation.images:,} images"
        rows.append(["validation accuracy", validation])
    scores = run.headline
    if scores.calibration_error is not None:
        rows.append(["calibration error (ECE, 15 bins)", percent(scores.calibration_error)])
    if run.flip_tta is not None:
        gain = points(run.flip_tta.accuracy - scores.accuracy)
        rows.append(["with flip averaging, apart", f"{percent(run.flip_tta.accuracy)} ({gain}, two passes an image)"])
    return md_table(["", ""], rows)


def _latency(run: Run) -> str:
    rows = [
        [
            md_text(RUNTIME_TITLES.get(record.runtime, record.runtime)),
            f"{record.threads}",
            milliseconds(record.median_ms),
            milliseconds(record.p90_ms),
            milliseconds(record.p99_ms),
            times(ratio),
            f"{record.runs:,}",
        ]
        for record, ratio in zip(run.latency, slower_than_fastest(run.latency), strict=True)
    ]
    return md_table(["runtime", "threads", "median", "p90", "p99", "vs fastest", "timed"], rows)


def _reproduce(run: Run) -> list[str]:
    settings = [[md_text(name), md_text(value)] for name, value in recipe_rows(run.recipe)]
    versions = ", ".join(f"{md_text(name)} {md_text(version)}" for name, version in run.versions.items())
    return [
        "## Do it again",
        md_fence(run.command),
        md_table(["setting", "value"], settings),
        f"Data: {md_text(run.data.source)}, SHA-256 {md_code(run.data.sha256)}. "
        f"Model: SHA-256 {md_code(run.model_sha256)}. "
        f"Started {md_text(run.started)} on {md_text(run.machine)} with {versions}.",
    ]
