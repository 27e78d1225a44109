"""A searched space in a terminal: MACs over parameters, both logarithmic, marked by the largest final map."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log2
from string import ascii_lowercase
from typing import TYPE_CHECKING

from rich.text import Text

from archscope.report.numbers import map_text, si

if TYPE_CHECKING:
    from archscope.graph import Trace
    from archscope.search.search import Plan
    from archscope.search.select import Answer

WIDE, HIGH = 64, 12
MARKS = ".:-=+*%#@" + ascii_lowercase
"""Of the final maps, the smallest first; more maps than marks share the last one."""
COLORS = ("bright_black", "blue", "cyan", "green", "yellow", "magenta", "red")
BASE = "O"


def plot(plan: Plan, answer: Answer, base: Trace, width: int) -> list[Text]:
    """Lines of at most `width` cells: every design that keeps the limits, the rows of the table by their number up to
    9, and the base design."""
    from archscope.search.select import AN_OCTAVE

    marks = marks_of({size for size, _, _ in answer.cells})
    points = [(_middle(base.params, AN_OCTAVE), _middle(base.macs, AN_OCTAVE))]
    left, right = _ends([(params + end) / AN_OCTAVE for _, params, _ in answer.cells for end in (0, 1)], points, 0)
    low, high = _ends([(macs + end) / AN_OCTAVE for _, _, macs in answer.cells for end in (0, 1)], points, 1)
    gutter = max(len(si(round(2**high))), len(si(round(2**low)))) + 1
    wide = max(8, min(WIDE, width - gutter - 1))

    def place(x: float, y: float) -> tuple[int, int]:
        column = round((x - left) / (right - left) * (wide - 1))
        return HIGH - 1 - round((y - low) / (high - low) * (HIGH - 1)), column

    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for size in marks:
        for own, params, macs in answer.cells:
            if own == size:
                cells[place((params + 0.5) / AN_OCTAVE, (macs + 0.5) / AN_OCTAVE)] = marks[size]
    for number, one in reversed(list(enumerate(answer.kept[:9], 1))):
        cells[place(_middle(one.figures["params"], AN_OCTAVE), _middle(one.figures["macs"], AN_OCTAVE))] = (
            str(number),
            "bold",
        )
    spot = place(*points[0])
    # A row of the table that is the base design, or beside it, goes first.
    if not cells.get(spot, (" ", ""))[0].isdigit():
        cells[spot] = (BASE, "bold red")
    edges = {0: si(round(2**high)), HIGH - 1: si(round(2**low))}
    lines = [Text(f"{'MACs':>{gutter}}", style="dim")]
    for row in range(HIGH):
        line = Text(f"{edges.get(row, ''):>{gutter}}", style="dim").append("|")
        for column in range(wide):
            line.append(*cells.get((row, column), (" ", "")))
        line.rstrip()
        lines.append(line)
    least, most = si(round(2**left)), si(round(2**right))
    between = f"{'parameters (logarithmic)':^{max(24, wide - len(least) - len(most))}}"
    lines.append(Text(" " * (gutter + 1) + least + between + most, style="dim"))
    legend = [Text.assemble((mark, style), f" {map_text(size)}") for size, (mark, style) in marks.items()]
    legend.append(Text.assemble((BASE, "bold red"), " the base design"))
    legend.append(Text("1-9 rows of these numbers"))
    return [*lines, *_filled([Text("final map"), *legend], width)]


def _filled(pieces: list[Text], width: int) -> list[Text]:
    """The pieces in lines of at most `width` cells."""
    lines = [Text()]
    for piece in pieces:
        if lines[-1] and lines[-1].cell_len + 3 + piece.cell_len > width:
            lines.append(Text())
        lines[-1].append("   " if lines[-1] else "").append_text(piece)
    return lines


def marks_of(sizes: set[tuple[int, int]]) -> Mapping[tuple[int, int], tuple[str, str]]:
    """A letter and a style for each final map, the smallest first."""
    return {
        size: (MARKS[min(place, len(MARKS) - 1)], COLORS[min(place, len(COLORS) - 1)])
        for place, size in enumerate(sorted(sizes))
    }


def _middle(figure: int, an_octave: int) -> float:
    """The logarithm at the middle of a figure's cell: where the cell's own mark stands."""
    return (floor(an_octave * log2(max(figure, 1))) + 0.5) / an_octave


def _ends(cells: list[float], points: list[tuple[float, float]], axis: int) -> tuple[float, float]:
    """The range of an axis: whole cells, which hold all designs, and the points. Never empty."""
    values = [*cells, *(point[axis] for point in points)]
    return min(values), max(values)
