"""The picture of a searched space: parameters against MACs, coloured by the final map, the rows of the table named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.design import build, parse_spec
from archscope.graph import verify
from archscope.report.figure import (
    BLUE,
    INK,
    MUTED,
    PALE,
    PAPER,
    VERMILION,
    blend,
    counted,
    dress,
    new_figure,
    write_picture,
)
from archscope.report.numbers import map_text
from archscope.report.search import found_sentence, shown_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from archscope.graph import Trace
    from archscope.search.search import Plan
    from archscope.search.select import Answer, Question

APART = 12
"""Pixels between two rows that have a label each."""
_SIDES = {
    "right": ((8, 0), "left", "center"),
    "beyond": ((24, 0), "left", "center"),
    "above": ((0, 9), "center", "bottom"),
}
"""Where a label stands: its offset in points, and how it is aligned; beyond leaves room for the number of a row."""
STUDY = {
    "the study's cut": "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000",
    "its stem at stride 1": "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000+stride:Conv1,to=1",
}
"""What the study that archscope began as trained, and what it proposed next."""


def write_space(plan: Plan, question: Question, answer: Answer, base: Trace, path: Path) -> None:
    """Draw the designs that keep the limits, by cells, and above them those that are listed and the base design.

    Raises OutputError for a file that is neither a .png nor a .svg one.
    """
    write_picture(path, lambda: _figure(plan, question, answer, base))


def _figure(plan: Plan, question: Question, answer: Answer, base: Trace) -> Figure:
    from archscope.search.select import AN_OCTAVE

    figure = new_figure(9.2, 6.0)
    axes = figure.add_axes((0.08, 0.15, 0.76, 0.76))
    sizes = sorted({size for size, _, _ in answer.cells})
    colors = {size: _shade((place + 1) / len(sizes)) for place, size in enumerate(sizes)}
    _draw_cells(axes, answer, colors)
    for _, one in shown_rows(answer):
        point = one.figures["params"], one.figures["macs"]
        color = colors[one.geometry.final_map]
        # Two rings: seen on the palest cells and on the darkest.
        for size, filled in ((9.5, INK), (8.0, PAPER), (5.5, color)):
            axes.plot(*_xy(point), "o", color=filled, markeredgewidth=0, markersize=size, zorder=4)
    marks = {(base.params, base.macs): "the base design"}
    if (plan.space.base.model, plan.space.base.input, plan.space.base.classes) == ("mobilenet_v2", (32, 32, 3), 10):
        for name, spec in STUDY.items():
            trace = verify(build(parse_spec(spec)))
            marks.setdefault((trace.params, trace.macs), name)
    for mark, name in marks.items():
        axes.plot(*_xy(mark), "D", color=VERMILION, markeredgecolor=PAPER, markersize=8, zorder=5)
        # Beside the legend there is no room.
        far = mark[0] >= max(2 ** ((params + 1) / AN_OCTAVE) for _, params, _ in answer.cells)
        _name(axes, mark, name, VERMILION, "above" if far else "beyond")
    axes.set_xscale("log")
    axes.set_yscale("log")
    dress(axes, "What the limits allow", "parameters, logarithmic")
    axes.set_ylabel("MACs, logarithmic", color=MUTED, fontsize=9)
    counted(axes.xaxis)
    counted(axes.yaxis)
    _number(axes, answer)
    handles = [axes.plot([], [], "s", color=colors[size], markersize=9)[0] for size in reversed(sizes)]
    legend = axes.legend(
        handles,
        [map_text(size) for size in reversed(sizes)],
        title="final map",
        loc="upper left",
        bbox_to_anchor=(1.05, 1.0),
        frameon=False,
        labelcolor=INK,
    )
    legend.get_title().set_color(MUTED)
    figure.text(0.08, 0.03, found_sentence(plan, question, answer), color=MUTED, fontsize=8.5)
    return figure


def _shade(strength: float) -> str:
    """From pale by way of blue to dark, 0 to 1."""
    return blend(PALE, BLUE, 2 * strength) if strength < 0.5 else blend(BLUE, INK, 2 * strength - 1)


def _draw_cells(axes: Axes, answer: Answer, colors: dict[tuple[int, int], str]) -> None:
    """A square for each cell that holds a design, larger maps over smaller ones."""
    from matplotlib.patches import Rectangle

    from archscope.search.select import AN_OCTAVE

    step = 2 ** (1 / AN_OCTAVE)
    for size, params, macs in sorted(answer.cells):
        x, y = 2 ** (params / AN_OCTAVE), 2 ** (macs / AN_OCTAVE)
        axes.add_patch(Rectangle((x, y), x * (step - 1), y * (step - 1), color=colors[size], linewidth=0))


def _number(axes: Axes, answer: Answer) -> None:
    """The rows of the table by their numbers; those that stand in one place share a label. The scales are set."""
    labels: list[tuple[Any, tuple[int, int], list[str]]] = []
    for number, one in shown_rows(answer):
        point = one.figures["params"], one.figures["macs"]
        place = axes.transData.transform(point)
        near = [names for spot, _, names in labels if max(abs(place - spot)) < APART]
        if near:
            near[0].append(str(number))
        else:
            labels.append((place, point, [str(number)]))
    for _, point, names in labels:
        _name(axes, point, " ".join(names), INK)


def _name(axes: Axes, point: tuple[int, int], text: str, color: str, side: str = "right") -> None:
    """A label beside a point, with a rim that keeps it readable over cells."""
    from matplotlib.patheffects import withStroke

    offset, along, across = _SIDES[side]
    axes.annotate(
        text,
        point,
        xytext=offset,
        ha=along,
        va=across,
        textcoords="offset points",
        color=color,
        fontsize=9,
        fontweight="bold",
        zorder=6,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
    )


def _xy(point: tuple[int, int]) -> tuple[list[int], list[int]]:
    return [point[0]], [point[1]]
