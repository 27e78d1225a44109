"""The picture of a searched space: parameters against MACs, coloured by the final map, the rows of the table named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    for number, one in shown_rows(answer):
        point = one.figures["params"], one.figures["macs"]
        color = colors[one.geometry.final_map]
        axes.plot(*_xy(point), "o", color=color, markeredgecolor=INK, markersize=7, zorder=4)
        if len(answer.kept) <= 12:
            _name(axes, point, str(number), INK)
    marks = {(base.params, base.macs): "the base design"}
    if (plan.space.base.model, plan.space.base.input, plan.space.base.classes) == ("mobilenet_v2", (32, 32, 3), 10):
        for name, spec in STUDY.items():
            trace = verify(build(parse_spec(spec)))
            marks.setdefault((trace.params, trace.macs), name)
    for mark, name in marks.items():
        axes.plot(*_xy(mark), "D", color=VERMILION, markeredgecolor=PAPER, markersize=8, zorder=5)
        # Beside the legend there is no room.
        far = mark[0] >= max(2 ** ((params + 1) / AN_OCTAVE) for _, params, _ in answer.cells)
        _name(axes, mark, name, VERMILION, above=mark[1] >= base.macs, left=far)
    axes.set_xscale("log")
    axes.set_yscale("log")
    dress(axes, "What the limits allow", "parameters, logarithmic")
    axes.set_ylabel("MACs, logarithmic", color=MUTED, fontsize=9)
    counted(axes.xaxis)
    counted(axes.yaxis)
    handles = [axes.plot([], [], "s", color=colors[size], markersize=9)[0] for size in reversed(sizes)]
    legend = axes.legend(
        handles,
        [map_text(size) for size in reversed(sizes)],
        title="final map",
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
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


def _name(axes: Axes, point: tuple[int, int], text: str, color: str, above: bool = True, left: bool = False) -> None:
    axes.annotate(
        text,
        point,
        xytext=(-7 if left else 7, 5 if above else -12),
        ha="right" if left else "left",
        textcoords="offset points",
        color=color,
        fontsize=9,
        fontweight="bold",
        zorder=6,
    )


def _xy(point: tuple[int, int]) -> tuple[list[int], list[int]]:
    return [point[0]], [point[1]]
