"""A scan as a heat map on a terminal, as a picture, and as tables for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from archscope.diagnose.scan import Cell, Scan
from archscope.report.figure import BLUE, INK, MUTED, PALE, PAPER, VERMILION, blend, new_figure, write_picture
from archscope.report.network import CHECK, CROSS
from archscope.report.table import Column, Line, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLLAPSED, DEAD, NO_SHAPE = CROSS, "!", "·"
_NAME_MIN, _NAME_MAX = 8, 28
_HEALTHY = "healthy"
# Xterm-256 grounds from dark to light for maps of up to 1, 2, 4, ... positions a side; the figure is printed on each.
_GROUNDS = (17, 18, 24, 25, 31, 38, 74, 110)


def heat_map(scan: Scan, width: int) -> Iterator[Text]:
    """Lines for a terminal of `width` columns: a row a block or layer, a column a size, the smaller side of each map.

    Colours repeat what figure and glyph say: ✗ collapsed, ! a dead tap, · no such network. Where not all sizes fit,
    some are left out: `shown_sizes` says which are there.
    """
    name_width, cell_width, shown = _layout(scan, width)
    head = Text(_fit(scan.by, name_width) + "  ", style="bold")
    for i in shown:
        head.append(f"{scan.sizes[i]:>{cell_width - 1}} ")
    head.append(f"  {_HEALTHY}")
    yield head
    for line in scan.lines:
        text = Text(_fit(line.name, name_width) + "  ", no_wrap=True)
        for i in shown:
            words, style = _cell(line.cells[i], cell_width)
            text.append(words, style=style)
        text.append(f"  {_size(scan.smallest_healthy(line)):>{len(_HEALTHY)}}")
        yield text
    foot = Text(_fit("network", name_width) + "  ", style="bold", no_wrap=True)
    for i in shown:
        mark = CHECK if scan.healthy[i] else NO_SHAPE if not scan.built[i] else CROSS if scan.collapses[i] else DEAD
        foot.append(f"{mark:>{cell_width}}", style={CHECK: "green", CROSS: "red", DEAD: "yellow"}.get(mark, "dim"))
    foot.append(f"  {_size(scan.smallest_healthy()):>{len(_HEALTHY)}}")
    yield foot


def shown_sizes(scan: Scan, width: int) -> tuple[int, ...]:
    """The sizes that `heat_map` has room for."""
    return tuple(scan.sizes[i] for i in _layout(scan, width)[2])


def _layout(scan: Scan, width: int) -> tuple[int, int, Sequence[int]]:
    """Width of the names, width of a cell, and the indices of the sizes shown."""
    longest = max([cell_len(line.name) for line in scan.lines] + [len("network")])
    largest = max([scan.sizes[-1], *(min(cell.map) for line in scan.lines for cell in line.cells if cell)])
    cell_width = len(str(largest)) + 1
    name_width = max(_NAME_MIN, min(longest, _NAME_MAX, width // 3))
    room = max((width - name_width - 4 - len(_HEALTHY)) // cell_width, 1)
    return name_width, cell_width, _thinned(scan, room)


def _thinned(scan: Scan, room: int) -> Sequence[int]:
    """Indices of every second, third ... size, no more than `room`; among them where the network gets well."""
    count, well = len(scan.sizes), scan.smallest_healthy()
    at = scan.sizes.index(well) if well is not None else 0
    kept = {0, max(at - 1, 0), at, count - 1}
    for step in range(1, count + 1):
        chosen = sorted({*range(0, count, step), *kept})
        if len(chosen) <= room:
            return chosen
    return [at]


def _cell(cell: Cell | None, width: int) -> tuple[str, str]:
    if cell is None:
        return f"{NO_SHAPE:>{width}}", "dim"
    glyph = COLLAPSED if cell.collapsed else DEAD if cell.dead_weights else " "
    words = f"{min(cell.map):>{width - 1}}{glyph}"
    if cell.collapsed:
        return words, "white on red"
    if glyph == DEAD:
        return words, "black on yellow"
    return words, f"white on color({_GROUNDS[min(min(cell.map).bit_length() - 1, len(_GROUNDS) - 1)]})"


def _fit(text: str, width: int) -> str:
    return set_cell_size(text, width - 1) + "…" if cell_len(text) > width else text + " " * (width - cell_len(text))


def _size(size: int | None) -> str:
    return "none" if size is None else str(size)


def legend(scan: Scan, width: int) -> str:
    """What the figures and glyphs mean, and what was left out."""
    shown = len(shown_sizes(scan, width))
    parts = ["figure: the map's smaller side", f"{COLLAPSED} collapsed", f"{DEAD} dead taps", f"{NO_SHAPE} no shape"]
    if shown < len(scan.sizes):
        parts.append(f"{shown} of {len(scan.sizes)} sizes shown in {width} columns, `--format csv` has all")
    return "; ".join(parts)


def scan_sentence(scan: Scan) -> str:
    """The smallest healthy input, and from where on all are."""
    smallest, lasting = scan.smallest_healthy(), scan.healthy_from
    said = f"no collapse, no dead tap, of {len(scan.sizes)} sizes from {scan.sizes[0]} to {scan.sizes[-1]}"
    if smallest is None:
        return f"{CROSS} No healthy input size ({said})."
    rest = (
        f"; so are all scanned from {lasting} on"
        if lasting not in (None, smallest)
        else "; larger ones, not all"
        if lasting is None
        else ""
    )
    return f"{CHECK} Smallest healthy input: {smallest}x{smallest} ({said}){rest}."


def scan_record(scan: Scan) -> dict[str, object]:
    """All cells, raw."""
    return {
        "by": scan.by,
        "sizes": list(scan.sizes),
        "smallest_healthy": scan.smallest_healthy(),
        "healthy_from": scan.healthy_from,
        "networks": [
            {"size": size, "has_shape": built, "healthy": healthy, "collapse": fallen.layer if fallen else None}
            for size, built, healthy, fallen in zip(scan.sizes, scan.built, scan.healthy, scan.collapses, strict=True)
        ],
        "rows": [
            {
                "name": line.name,
                "smallest_healthy": scan.smallest_healthy(line),
                "cells": [_cell_record(cell) for cell in line.cells],
            }
            for line in scan.lines
        ],
    }


def _cell_record(cell: Cell | None) -> dict[str, object] | None:
    if cell is None:
        return None
    return {
        "map": list(cell.map),
        "collapsed": cell.collapsed,
        "taps": cell.taps,
        "live_taps": cell.live_taps,
        "dead_weights": cell.dead_weights,
    }


def scan_table(scan: Scan) -> Table:
    """A row for each block or layer and size."""
    columns = (
        Column("name", scan.by, left=True),
        Column("size", "input"),
        Column("height", "height"),
        Column("width", "width"),
        Column("collapsed", "collapsed"),
        Column("taps", "taps"),
        Column("live_taps", "live taps"),
        Column("dead_weights", "dead weights"),
    )
    lines = [
        Line(
            (line.name, size, *[None] * 6)
            if cell is None
            else (line.name, size, *cell.map, cell.collapsed, cell.taps, cell.live_taps, cell.dead_weights)
        )
        for line in scan.lines
        for size, cell in zip(scan.sizes, line.cells, strict=True)
    ]
    return Table(columns, tuple(lines))


def scan_grid(scan: Scan) -> Table:
    """The heat map as a plain table: a row a block or layer, a column a size."""
    columns = (
        Column("name", scan.by, left=True),
        *(Column(str(size), str(size)) for size in scan.sizes),
        Column("smallest_healthy", "smallest healthy"),
    )
    lines = [
        Line((line.name, *(_cell(cell, 1)[0].strip() for cell in line.cells), _size(scan.smallest_healthy(line))))
        for line in scan.lines
    ]
    return Table(columns, tuple(lines))


def write_scan(scan: Scan, spec: str, path: Path) -> None:
    """Write the heat map as a .png or .svg file: the same scan, the same bytes. Raises OutputError."""
    write_picture(path, lambda: _figure(scan, spec))


# Inches.
_CELL_WIDTH, _CELL_HEIGHT, _LETTER, _TOP, _BOTTOM, _MARGIN = 0.34, 0.235, 0.068, 1.15, 0.55, 0.35


def _figure(scan: Scan, spec: str) -> Figure:
    left = _MARGIN + _LETTER * max([len(line.name) for line in scan.lines] + [len("network")]) + 0.1
    across, down = _CELL_WIDTH * len(scan.sizes), _CELL_HEIGHT * (len(scan.lines) + 1)
    width = max(left + across + _MARGIN, 6.5)
    height = _TOP + down + _BOTTOM
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, _BOTTOM / height, across / width, down / height))
    axes.set_xlim(0, len(scan.sizes))
    axes.set_ylim(len(scan.lines) + 1, 0)
    axes.axis("off")
    largest = max([min(cell.map) for line in scan.lines for cell in line.cells if cell] or [1])
    for row, line in enumerate(scan.lines):
        axes.text(-0.3, row + 0.5, line.name, ha="right", va="center", color=INK, fontsize=8)
        for column, cell in enumerate(line.cells):
            _draw_cell(axes, column, row, cell, largest)
    _draw_edges(axes, scan)
    size = min(12.0, 72 * (width - 2 * _MARGIN) / (0.7 * max(len(spec), 1)))
    at = _MARGIN / width
    figure.text(at, 1 - 0.42 / height, spec, color=INK, fontsize=size, fontweight="bold")
    figure.text(at, 1 - 0.67 / height, scan_sentence(scan)[2:], color=MUTED, fontsize=8.5)
    said = "Figures: the smaller side of the map. ✗: collapsed. ! and framed: dead taps. ·: no shape."
    figure.text(at, 0.2 / height, said, color=MUTED, fontsize=7.5)
    return figure


def _draw_cell(axes: Axes, column: int, row: int, cell: Cell | None, largest: int) -> None:
    from matplotlib.patches import Rectangle

    place = (column + 0.04, row + 0.06)
    words, _ = _cell(cell, 1)
    if cell is None:
        axes.text(column + 0.5, row + 0.5, words, ha="center", va="center", color=MUTED, fontsize=7)
        return
    strength = min(cell.map).bit_length() / largest.bit_length()
    ground = blend(PAPER, VERMILION, 0.18) if cell.collapsed else blend(PALE, BLUE, strength)
    dead = bool(cell.dead_weights) and not cell.collapsed
    axes.add_patch(
        Rectangle(
            place,
            0.92,
            0.88,
            facecolor=ground,
            edgecolor=VERMILION if dead else "none",
            linewidth=1.2,
        )
    )
    ink = VERMILION if cell.collapsed else PAPER if strength > 0.6 else INK
    weight = "bold" if dead or cell.collapsed else "normal"
    axes.text(
        column + 0.5, row + 0.5, words.strip(), ha="center", va="center", color=ink, fontsize=6.8, fontweight=weight
    )


def _draw_edges(axes: Axes, scan: Scan) -> None:
    """Input sizes above, the network's own row below, and a line at the smallest healthy size."""
    last = len(scan.lines)
    axes.text(-0.3, last + 0.5, "network", ha="right", va="center", color=INK, fontsize=8, fontweight="bold")
    for column, size in enumerate(scan.sizes):
        axes.text(column + 0.5, -0.35, str(size), ha="center", color=INK, fontsize=7.5)
        mark = CHECK if scan.healthy[column] else CROSS if scan.built[column] else NO_SHAPE
        color = BLUE if scan.healthy[column] else VERMILION if scan.built[column] else MUTED
        axes.text(column + 0.5, last + 0.5, mark, ha="center", va="center", color=color, fontsize=9)
    well = scan.smallest_healthy()
    if well is not None:
        at = scan.sizes.index(well)
        axes.plot([at, at], [-0.1, last + 1], color=INK, linewidth=1.4, clip_on=False)
