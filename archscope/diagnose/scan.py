"""One design at many input sizes: where its map goes, where it collapses, and which kernel taps still see the image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from archscope.analysis import Collapse, collapse, group
from archscope.analysis.taps import taps
from archscope.design import Design
from archscope.errors import ArchscopeError, DesignError
from archscope.graph import HEAD, Conv2DTranspose, Trace, UpSampling2D, Windowed, verify

DEFAULT_SIZES = "24..224"
STEP, MOST_SIZES, MOST_SIDE = 8, 256, 10_000

By = Literal["layer", "block"]
_RANGE = re.compile(r"(\d{1,6})\.\.(\d{1,6})(?::(\d{1,6}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """One block or layer at one input size: its output map, and the live ones of its kernel taps.

    `taps` and `live_taps` count kernel positions over all convolutions of the block, `dead_weights` the weights of the
    dead ones; a tap that is dead for some channels only has dead weights and is live. `collapsed`: at the collapse or
    behind it.
    """

    map: tuple[int, int]
    collapsed: bool
    taps: int
    live_taps: int
    dead_weights: int

    @property
    def healthy(self) -> bool:
        return not self.collapsed and not self.dead_weights


@dataclass(frozen=True, slots=True)
class Line:
    """One block or layer over all sizes; None where the network has no shape."""

    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """A design over square input sizes, in ascending order."""

    by: By
    sizes: tuple[int, ...]
    lines: tuple[Line, ...]
    collapses: tuple[Collapse | None, ...]
    built: tuple[bool, ...]
    healthy: tuple[bool, ...]

    def smallest_healthy(self, line: Line | None = None) -> int | None:
        """The smallest size at which a line, or the whole network, has neither collapsed nor a dead tap."""
        states = self.healthy if line is None else [cell is not None and cell.healthy for cell in line.cells]
        return next((size for size, healthy in zip(self.sizes, states, strict=True) if healthy), None)

    @property
    def healthy_from(self) -> int | None:
        """The size from which on every larger one is healthy too: odd sizes may be healthy before even ones."""
        from_here = None
        for size, healthy in zip(reversed(self.sizes), reversed(self.healthy), strict=True):
            if not healthy:
                break
            from_here = size
        return from_here


def parse_sizes(text: str) -> tuple[int, ...]:
    """`24..224`, `24..224:16` or `32,48,64` as ascending sizes. Raises DesignError."""
    span = _RANGE.fullmatch(text.strip())
    if span:
        low, high, step = int(span[1]), int(span[2]), int(span[3] or STEP)
        if step < 1 or high < low:
            raise DesignError(
                f"--sizes {text!r} holds no size", "write the smaller one first, and a step of at least 1"
            )
        sizes: Sequence[int] = range(low, high + 1, step)
    else:
        parts = [part.strip() for part in text.split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) <= 6 for part in parts):
            raise DesignError(
                f"--sizes {text!r} is neither a range nor a list", "write 24..224, 24..224:16 or 32,48,64"
            )
        sizes = sorted({int(part) for part in parts})
    if sizes[0] < 1 or sizes[-1] > MOST_SIDE or len(sizes) > MOST_SIZES:
        raise DesignError(
            f"--sizes {text!r} goes beyond what a scan takes",
            f"sizes are 1 to {MOST_SIDE:,}, at most {MOST_SIZES} of them; a step (24..224:16) makes them fewer",
        )
    return tuple(sizes)


def scan(design: Design, sizes: Sequence[int], by: By = "block") -> Scan:
    """Trace the design at each square size, its edits replayed.

    Lines are the blocks, or layers, of the body that make a map: those with a window, and upsampling.
    """
    columns = [_column(_at(design, size), by) for size in sizes]
    names = dict.fromkeys(name for column in columns for name in column.cells)
    return Scan(
        by,
        tuple(sizes),
        tuple(Line(name, tuple(column.cells.get(name) for column in columns)) for name in names),
        tuple(column.fallen for column in columns),
        tuple(column.built for column in columns),
        tuple(column.healthy for column in columns),
    )


@dataclass(frozen=True, slots=True)
class _Column:
    """One size."""

    cells: dict[str, Cell]
    fallen: Collapse | None = None
    built: bool = False
    healthy: bool = False


def _at(design: Design, size: int) -> Trace | None:
    """The trace at one square size, None where no shape exists.

    As design.build, without the search for a size that works with which it explains a failure.
    """
    try:
        at_size = design.having(input=(size, size, design.input[2]))
        trace = verify(at_size.family.build(at_size.input, at_size.arguments))
        for edit in design.edits:
            trace = verify(edit.apply(trace.graph, design.classes))
        return trace
    except ArchscopeError:
        return None


def _column(trace: Trace | None, by: By) -> _Column:
    if trace is None:
        return _Column({})
    fallen, kernels = collapse(trace), taps(trace)
    cells, behind = {}, False
    for block in group(trace, by):
        behind = behind or (fallen is not None and fallen.layer in block)
        if block.last.node.stage == HEAD or not any(isinstance(row.node.op, _MAKES_A_MAP) for row in block.rows):
            continue
        height, width = block.output[:2] if len(block.output) == 3 else (1, 1)
        held = [kernels[row.name] for row in block.rows if row.name in kernels]
        total = sum(prod(kernel.kernel) for kernel in held)
        live, dead = total - sum(kernel.dead for kernel in held), sum(kernel.dead_weights for kernel in held)
        cells[block.name] = Cell((height, width), behind, total, live, dead)
    alive = not any(kernel.dead_weights for kernel in kernels.values())
    return _Column(cells, fallen, built=True, healthy=fallen is None and alive)


_MAKES_A_MAP = (Windowed, Conv2DTranspose, UpSampling2D)
