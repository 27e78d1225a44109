"""Pictures of a run: training curves and confusion matrix, as PNG and SVG. The same run gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.files import write_atomic
from archscope.report.facts import interval, percent, row_shares
from archscope.report.figure import (
    BLUE,
    GREY,
    GRID,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    blend,
    dress,
    new_figure,
    rendered,
    settings,
    svg_element,
)
from archscope.runs.record import EpochRecord, Run, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VALIDATION, TRAIN = BLUE, GREY
RIGHT, WRONG, EMPTY_CELL = BLUE, VERMILION, "#f3f5f7"

# Above this many classes the figures no longer fit into their cells.
MAX_PRINTED_CLASSES = 20


def write_curves(run: Run, folder: Path) -> tuple[Path, ...]:
    """Write `curves.png` and `curves.svg` into `folder`: accuracy and loss per epoch. Nothing for an empty history."""
    return _write(lambda: _curves_figure(run), folder / "curves") if run.history else ()


def write_confusion(scores: Scores, dataset: str, folder: Path) -> tuple[Path, ...]:
    """Write `confusion.png` and `confusion.svg` into `folder`; `dataset` is named above the matrix."""
    return _write(lambda: _confusion_figure(scores, dataset), folder / "confusion")


def curve_svg(run: Run, quantity: str) -> str:
    """One panel (`accuracy` or `loss`) as an SVG element for embedding in HTML, with text as text."""
    with settings(salt=quantity, fonttype="none"):
        figure = new_figure(5.4, 3.5)
        _draw_panel(figure.add_axes((0.11, 0.13, 0.72, 0.74)), run, quantity)
        return svg_element(figure, f"{quantity} by epoch")


def _curves_figure(run: Run) -> Figure:
    figure = new_figure(10.4, 3.9)
    for left, quantity in ((0.055, "accuracy"), (0.56, "loss")):
        _draw_panel(figure.add_axes((left, 0.19, 0.34, 0.67)), run, quantity)
    figure.text(
        0.055,
        0.02,
        f"{run.on()}. Training figures are means over augmented batches with dropout on.",
        color=MUTED,
        fontsize=8.5,
    )
    return figure


def _draw_panel(axes: Axes, run: Run, quantity: str) -> None:
    """Training (grey) and validation (blue) over the epochs, named at their ends, the best epoch marked."""
    value, wording = _QUANTITIES[quantity]
    epochs = [record.epoch for record in run.history]
    train = [value(record, "train") for record in run.history]
    validation = [value(record, "validation") for record in run.history]
    dot = "o" if len(epochs) == 1 else ""
    axes.plot(epochs, train, color=TRAIN, linewidth=1.4, marker=dot, markersize=4)
    axes.plot(epochs, validation, color=VALIDATION, linewidth=2.0, marker=dot, markersize=4)
    _style_panel(axes, quantity, epochs)
    best = next((record for record in run.history if record.epoch == run.best_epoch), None)
    if best is not None:
        _mark_best(axes, best.epoch, value(best, "validation"), wording, late=2 * best.epoch > epochs[0] + epochs[-1])
    _label_ends(axes, [("train", train[-1], TRAIN), ("validation", validation[-1], VALIDATION)], wording)


def _style_panel(axes: Axes, quantity: str, epochs: Sequence[int]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    dress(axes, quantity.capitalize(), "epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.margins(x=0.02, y=0.1)
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
        axes.set_ylim(top=min(1.02, axes.get_ylim()[1]))  # no share is above one
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)


def _mark_best(axes: Axes, epoch: int, height: float, wording: Callable[[float], str], late: bool) -> None:
    """A dot on the validation curve, a line through it, and its figures at the end where the curve is not."""
    axes.axvline(epoch, color=GRID, linewidth=1.2, zorder=0)
    axes.plot([epoch], [height], "o", color=VALIDATION, markeredgecolor=PAPER, markersize=8, zorder=5)
    low, high = axes.get_ylim()
    bottom = height > (low + high) / 2
    axes.annotate(
        f"best: epoch {epoch}, {wording(height)}",
        (epoch, 0 if bottom else 1),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if late else 6, 5 if bottom else -5),
        textcoords="offset points",
        ha="right" if late else "left",
        va="bottom" if bottom else "top",
        color=INK,
        fontsize=9,
    )


def _label_ends(axes: Axes, ends: Sequence[tuple[str, float, str]], wording: Callable[[float], str]) -> None:
    """Name each curve behind its last point; where two ends are close, move the names apart."""
    low, high = axes.get_ylim()
    lower, upper = sorted(ends, key=lambda end: end[1])
    space = 0.12 * (high - low)
    push = max(0.0, (space - (upper[1] - lower[1])) / 2)
    for (name, value, color), height in ((lower, lower[1] - push), (upper, upper[1] + push)):
        axes.annotate(
            f"{name}\n{wording(value)}",
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=9.5,
            fontweight="bold",
            linespacing=1.15,
            annotation_clip=False,
        )


def _accuracy(record: EpochRecord, part: str) -> float:
    return record.train_accuracy if part == "train" else record.validation_accuracy


def _loss(record: EpochRecord, part: str) -> float:
    return record.train_loss if part == "train" else record.validation_loss


_QUANTITIES: dict[str, tuple[Callable[[EpochRecord, str], float], Callable[[float], str]]] = {
    "accuracy": (_accuracy, percent),
    "loss": (_loss, "{:.3f}".format),
}


def _confusion_figure(scores: Scores, dataset: str) -> Figure:
    """Rows are the true classes, each coloured by its own shares: blue where right, vermilion where wrong."""
    names = [score.name for score in scores.per_class]
    shares = row_shares(scores.confusion)
    side = min(max(4.5, 0.62 * len(names)), 12.0)
    width, height, left = side + 2.2, side + 2.0, 1.45
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, 1.05 / height, side / width, side / height))
    worst = max([share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j], default=0.0)
    _draw_cells(axes, scores, shares, max(worst, 0.1))

    places = range(len(names))
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    size = min(10.0, 120.0 / max(len(names), 1) + 4)
    axes.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(places, names, fontsize=size)
    axes.tick_params(length=0, labelcolor=INK, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_ylabel("true class", color=MUTED, fontsize=9)
    axes.set_xlabel("the network's answer", color=MUTED, fontsize=9)
    figure.text(
        left / width,
        1 - 0.42 / height,
        f"{scores.split.capitalize()} accuracy {percent(scores.accuracy)}  (95% interval {interval(scores)})",
        color=INK,
        fontsize=12,
        fontweight="bold",
    )
    figure.text(
        left / width,
        1 - 0.68 / height,
        f"{dataset}, {scores.images:,} images; in % of the true class",
        color=MUTED,
        fontsize=9,
    )
    return figure


def _draw_cells(axes: Axes, scores: Scores, shares: Sequence[Sequence[float]], worst: float) -> None:
    from matplotlib.patches import Rectangle

    printed = len(shares) <= MAX_PRINTED_CLASSES
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            strength = share if i == j else 0.85 * share / worst
            color = blend(EMPTY_CELL, RIGHT if i == j else WRONG, strength)
            axes.add_patch(Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, facecolor=color, edgecolor="none"))
            count = scores.confusion[i][j]
            if printed and count:
                ink = PAPER if strength > 0.7 else INK
                axes.text(j, i - 0.08, f"{100 * share:.0f}", ha="center", va="center", color=ink, fontsize=10)
                axes.text(j, i + 0.27, f"{count:,}", ha="center", va="center", color=ink, fontsize=6, alpha=0.75)


def _write(draw: Callable[[], Figure], stem: Path) -> tuple[Path, Path]:
    """`STEM.png` and `STEM.svg`, letters drawn as outlines so that they look alike everywhere."""
    png, svg = stem.with_name(stem.name + ".png"), stem.with_name(stem.name + ".svg")
    with settings(salt=stem.name, fonttype="path"):
        figure = draw()
        write_atomic(png, rendered(figure, "png"))
        write_atomic(svg, rendered(figure, "svg"))
    return png, svg
