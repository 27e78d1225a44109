"""The picture of a comparison: accuracy against MACs, and against parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.diagnose.compare import accuracy
from archscope.files import write_atomic
from archscope.report.compare import accuracy_interval, scored_on
from archscope.report.comparison import Comparison
from archscope.report.figure import (
    BLUE,
    GREY,
    INK,
    MUTED,
    PAPER,
    counted,
    dress,
    new_figure,
    rendered,
    settings,
    svg_element,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABEL_SPACE = 0.055  # of the panel's height, between two labels that stand at one place
_LABEL_REACH = 0.05  # of its width: nearer than that, two labels would overlap
_LEGEND_LINE = 0.2  # inches


@dataclass(frozen=True, slots=True)
class _Point:
    label: str
    cost: int
    accuracy: float
    low: float
    high: float
    reference: bool


def write_tradeoff(comparison: Comparison, folder: Path) -> None:
    """Write `accuracy.png` and `accuracy.svg` into `folder`: both panels, and below them what the letters stand for."""
    with settings(salt="accuracy", fonttype="path"):
        figure = _figure(comparison)
        for kind in ("png", "svg"):
            write_atomic(folder / f"accuracy.{kind}", rendered(figure, kind))


def tradeoff_svg(comparison: Comparison, cost: str) -> str:
    """One panel (`macs` or `params`) as an SVG element for embedding in HTML, with text as text."""
    with settings(salt=f"tradeoff {cost}", fonttype="none"):
        figure = new_figure(5.4, 3.9)
        _draw(figure.add_axes((0.12, 0.14, 0.84, 0.74)), comparison, cost)
        return svg_element(figure, f"accuracy against {_TITLES[cost]}")


_TITLES = {"macs": "MACs", "params": "parameters"}


def _figure(comparison: Comparison) -> Figure:
    lines = [f"{contender.label}  {contender.spec}" for contender in comparison.contenders]
    below = 1.05 + _LEGEND_LINE * len(lines)
    width, height = 10.4, 3.5 + below
    figure = new_figure(width, height)
    for left, cost in ((0.06, "macs"), (0.56, "params")):
        _draw(figure.add_axes((left, below / height, 0.41, 2.95 / height)), comparison, cost)
    for place, line in enumerate(lines):
        y = (below - 0.75 - _LEGEND_LINE * place) / height
        figure.text(0.06, y, line, color=INK, fontsize=8)
    said = f"{comparison.title}; {scored_on(comparison.contenders[0].runs[0])}. Bars: 95% intervals."
    figure.text(0.06, 0.1 / height, said, color=MUTED, fontsize=7.5)
    return figure


def _draw(axes: Axes, comparison: Comparison, cost: str) -> None:
    from matplotlib.ticker import FuncFormatter

    points = _points(comparison, cost)
    for point in points:
        color = GREY if point.reference else BLUE
        axes.plot([point.cost, point.cost], [point.low, point.high], color=color, linewidth=1.3, alpha=0.7)
        axes.plot([point.cost], [point.accuracy], "o", color=color, markeredgecolor=PAPER, markersize=7.5, zorder=4)
    axes.set_xscale("log")
    dress(axes, f"Accuracy against {_TITLES[cost]}", f"{_TITLES[cost]}, logarithmic")
    axes.margins(x=0.1, y=0.12)
    counted(axes.xaxis)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    _name(axes, points)


def _points(comparison: Comparison, cost: str) -> list[_Point]:
    varied = {verdict.contender.label for verdict in comparison.verdicts}
    points = []
    for contender in comparison.contenders:
        mean = accuracy(contender)
        assert mean is not None
        low, high = accuracy_interval(contender)
        at = contender.trace.macs if cost == "macs" else contender.trace.params
        points.append(
            _Point(
                contender.label,
                at,
                mean.mean,
                mean.mean if low is None else low,
                mean.mean if high is None else high,
                contender.label not in varied,
            )
        )
    return points


def _name(axes: Axes, points: Sequence[_Point]) -> None:
    """A letter beside each point; where two would overlap, the higher one is moved up."""
    low, high = axes.get_ylim()
    left, right = (log(edge) for edge in axes.get_xlim())
    placed: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: point.accuracy):
        x, y = (log(point.cost) - left) / (right - left), (point.accuracy - low) / (high - low)
        for other_x, other_y in placed:
            if abs(x - other_x) < _LABEL_REACH and y < other_y + _LABEL_SPACE:
                y = other_y + _LABEL_SPACE
        placed.append((x, y))
        axes.annotate(
            point.label,
            (point.cost, low + y * (high - low)),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=10,
            fontweight="bold",
            annotation_clip=False,
        )
