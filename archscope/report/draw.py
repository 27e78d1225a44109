"""The block graph as a picture: one box a block, as tall as its map, as wide as its channels; the collapse in red.

Heights and widths are logarithmic (each doubling adds the same), so that 224x224x3 and 1x1x1280 share a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from archscope.analysis import Collapse, Group, collapse, final_map, group, share_on_1x1
from archscope.graph import HEAD, Add, Trace
from archscope.report.figure import BLUE, GRID, INK, MUTED, PALE, VERMILION, blend, new_figure, write_picture
from archscope.report.numbers import map_text, share, si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

Coloring = Literal["map", "params", "macs"]

# Inches. A box of a 1x1 map is still a box; each doubling adds a step.
_LEAST_HEIGHT, _HEIGHT_STEP = 0.16, 0.24
_LEAST_WIDTH, _WIDTH_STEP = 0.10, 0.03
_LETTER = 0.062
_GAP, _MARGIN, _LEAST_TOTAL = 0.15, 0.35, 7.5
_ABOVE, _COLLAPSE, _BELOW = 1.1, 0.3, 0.95


@dataclass(frozen=True, slots=True)
class Box:
    """One block, laid out: inches from the left, and its share of the colour scale, 0 to 1."""

    block: Group
    left: float
    width: float
    height: float
    strength: float
    behind: bool
    residual: bool

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


def write_drawing(trace: Trace, spec: str, path: Path, coloring: Coloring = "map") -> None:
    """Write the picture to a .png or .svg file: the same network, the same bytes. Raises OutputError."""
    write_picture(path, lambda: draw(trace, spec, coloring))


def draw(trace: Trace, spec: str, coloring: Coloring = "map") -> Figure:
    """The picture of a network; `spec` is its title."""
    fallen = collapse(trace)
    boxes = layout(trace, fallen, coloring)
    width = max(boxes[-1].right + _MARGIN, _LEAST_TOTAL)
    tallest = max(box.height for box in boxes)
    above = _ABOVE + (_COLLAPSE if fallen else 0)
    height = _BELOW + tallest + above
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(-_BELOW, tallest + above)
    axes.axis("off")
    for one, other in pairwise(boxes):
        axes.plot([one.right, other.left], [tallest / 2] * 2, color=MUTED, linewidth=1, solid_capstyle="butt")
    for box in boxes:
        _draw_box(axes, box, tallest / 2)
    if fallen:
        _draw_collapse(axes, boxes, fallen, tallest)
    _draw_words(axes, trace, spec, width, tallest + above)
    _draw_scale(axes, trace, coloring, width)
    return figure


def layout(trace: Trace, fallen: Collapse | None, coloring: Coloring) -> tuple[Box, ...]:
    """The blocks from left to right; those without a layer that does anything (the input) are the first map."""
    blocks = group(trace, "block")
    value = _MEASURES[coloring]
    values = [value(block) for block in blocks]
    most = max(values) or 1.0
    boxes: list[Box] = []
    left, behind = _MARGIN, False
    for block, amount in zip(blocks, values, strict=True):
        behind = behind or (fallen is not None and fallen.layer in block)
        wide = _LEAST_WIDTH + _WIDTH_STEP * log2(1 + block.output[-1])
        tall = _LEAST_HEIGHT + _HEIGHT_STEP * log2(max(block.output[0], 1)) if len(block.output) == 3 else _LEAST_HEIGHT
        dimmed = behind and block.last.node.stage != HEAD
        # Neighbours' labels must not touch either.
        slot = max(wide + _GAP, _LETTER * (len(map_text(block.output)) + 1))
        boxes.append(Box(block, left + (slot - wide) / 2, wide, tall, amount / most, dimmed, _is_residual(block)))
        left += slot
    return tuple(boxes)


def _is_residual(block: Group) -> bool:
    """Whether the block ends in an Add of what it made and what it read."""
    outside = [name for name in block.last.node.inputs if name not in block]
    return isinstance(block.last.node.op, Add) and bool(outside)


_MEASURES: dict[Coloring, Callable[[Group], float]] = {
    "map": lambda block: log2(max(block.output[0], 1)) if len(block.output) == 3 else 0.0,
    "params": lambda block: float(block.params),
    "macs": lambda block: float(block.macs),
}


def _draw_box(axes: Axes, box: Box, middle: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    bottom, top = middle - box.height / 2, middle + box.height / 2
    axes.add_patch(
        FancyBboxPatch(
            (box.left, bottom),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.045",
            facecolor=_tint(box.strength),
            edgecolor=VERMILION if box.behind else _tint(min(1.0, box.strength + 0.35)),
            linewidth=0.9,
            hatch="//////" if box.behind else None,
            zorder=3,
        )
    )
    if box.residual:
        _draw_residual(axes, box, middle)
    shape = box.block.output
    color = MUTED if box.behind else INK
    if len(shape) == 3:
        axes.text(box.middle, top + 0.17, map_text(shape), ha="center", color=color, fontsize=7, zorder=4)
    axes.text(box.middle, bottom - 0.06, f"{shape[-1]}", ha="center", va="top", color=MUTED, fontsize=6.5, zorder=4)
    axes.text(
        box.middle + 0.06,
        -0.22,
        box.block.name,
        ha="right",
        va="top",
        rotation=40,
        rotation_mode="anchor",
        color=color,
        fontsize=7.5,
    )


def _draw_residual(axes: Axes, box: Box, middle: float) -> None:
    """A line around the box, from what it reads to where it ends, with round corners."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    left, right = box.left - 0.3 * _GAP, box.right + 0.3 * _GAP
    top, corner = middle + box.height / 2 + 0.09, 0.09
    points = [
        (left, middle),
        (left, top - corner),
        (left, top),
        (left + corner, top),
        (right - corner, top),
        (right, top),
        (right, top - corner),
        (right, middle),
    ]
    line, curve = Curve.LINETO, Curve.CURVE3
    codes = [Curve.MOVETO, line, curve, curve, line, curve, curve, line]
    axes.add_patch(PathPatch(Curve(points, codes), facecolor="none", edgecolor=MUTED, linewidth=1, zorder=2))


def _draw_collapse(axes: Axes, boxes: Sequence[Box], fallen: Collapse, tallest: float) -> None:
    """A red rule in front of the block in which the map falls to 1x1, and what falls there."""
    at = next(box.left for box in boxes if fallen.layer in box.block) - _GAP / 2
    axes.plot([at, at], [-0.1, tallest + 0.45], color=VERMILION, linewidth=1.8, zorder=5)
    after = sum(box.behind for box in boxes) > len(boxes) / 2
    axes.text(
        at + (0.08 if after else -0.08),
        tallest + 0.4,
        f"COLLAPSE  {map_text(fallen.before)} → {map_text(fallen.after)}\n{fallen.layer}",
        ha="left" if after else "right",
        va="top",
        color=VERMILION,
        fontsize=8.5,
        fontweight="bold",
        linespacing=1.4,
    )


def _draw_words(axes: Axes, trace: Trace, spec: str, width: float, top: float) -> None:
    """Title, cost, and the verdict in a sentence. A long title is set smaller: bold letters are 0.7 em wide."""
    size = min(12.0, 72 * (width - 2 * _MARGIN) / (0.7 * max(len(spec), 1)))
    axes.text(_MARGIN, top - 0.36, spec, color=INK, fontsize=size, fontweight="bold")
    cost = f"{trace.params:,} parameters · {si(trace.macs)} MACs"
    axes.text(_MARGIN, top - 0.62, f"{cost} · {_verdict(trace)}", color=MUTED, fontsize=9)


def _verdict(trace: Trace) -> str:
    on_1x1, end = share_on_1x1(trace), final_map(trace)
    if not on_1x1.layers:
        return f"final map {map_text(end)}"
    return f"layers that read a 1x1 map hold {share(on_1x1.params, on_1x1.body_params)} of the body's parameters"


def _draw_scale(axes: Axes, trace: Trace, coloring: Coloring, width: float) -> None:
    """What the colour says, from none to most."""
    low, high = _ends(trace, coloring)
    bottom, size, steps = -_BELOW + 0.12, 0.11, 6
    caption = f"height: map, width: channels (each doubling a step); colour: {_CAPTIONS[coloring]}"
    axes.text(_MARGIN, bottom, caption, color=MUTED, fontsize=7)
    right = width - _MARGIN
    axes.text(right, bottom, high, ha="right", color=MUTED, fontsize=7)
    left = right - 0.06 * len(high) - 0.06 - size * steps
    for step in range(steps):
        axes.add_patch(_square(left + step * size, bottom - 0.015, size, _tint(step / (steps - 1))))
    axes.text(left - 0.06, bottom, low, ha="right", color=MUTED, fontsize=7)


_CAPTIONS: dict[Coloring, str] = {
    "map": "map",
    "params": "the block's parameters",
    "macs": "the block's MACs",
}


def _ends(trace: Trace, coloring: Coloring) -> tuple[str, str]:
    """What the palest and the darkest colour stand for."""
    most = max(group(trace, "block"), key=_MEASURES[coloring])
    if coloring == "map":
        return "1x1", map_text(most.output)
    return "0", si(most.params if coloring == "params" else most.macs)


def _square(left: float, bottom: float, size: float, color: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((left, bottom), size, size, facecolor=color, edgecolor=GRID, linewidth=0.4)


def _tint(strength: float) -> str:
    return blend(PALE, BLUE, strength)
