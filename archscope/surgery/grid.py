"""Where the positions of a strided map lie in the map without that stride.

Per axis, position i of the old map is position `offset + rate * i` of the new one, and beyond both ends of the old map
the new one has no such position, so that a padding behind it adds zeros where it did. A window without its stride
shifts the map by what it pads more in front.
"""

from __future__ import annotations

from collections.abc import Collection

from archscope.errors import SurgeryError
from archscope.graph import GlobalPooling2D, Pair, Row, Trace, Windowed, ZeroPadding2D

REMEDY = "`archscope stride` sets the stride alone"


def check_grid(before: Trace, after: Trace, sources: Collection[str], rate: Pair) -> None:
    """Raises SurgeryError where a map behind `sources`, now without a stride of `rate`, does not hold the old one.

    The two traces are of the same layers: with the stride, and without it and dilated.
    """
    offsets: dict[str, Pair] = {}
    for old, new in zip(before, after, strict=True):
        if new.weights != old.weights:
            raise SurgeryError(f"{new.name!r} ({new.node.kind}) has weights for each position of its map", REMEDY)
        if new.name in sources:
            offset = _source_offset(before, after, new.name)
        else:
            read = {name: offsets[name] for name in new.node.inputs if name in offsets}
            if not read or isinstance(new.node.op, GlobalPooling2D):
                continue
            offset = _window_offset(_joined(new, read), old, new, rate)
        if not all(_holds(offset[axis], old.output[axis], new.output[axis], rate[axis]) for axis in (0, 1)):
            raise SurgeryError(_off_grid(new), REMEDY)
        offsets[new.name] = offset


def _holds(offset: int, old: int, new: int, rate: int) -> bool:
    """Whether positions offset, offset + rate, ... of a map of `new` positions are the `old` ones, and no more."""
    inside = offset + rate * (old - 1) < new
    return 0 <= offset < rate and inside and offset + rate * old >= new


def _source_offset(before: Trace, after: Trace, name: str) -> Pair:
    old, new = (_in_front(one, one.row(name)) for one in (before, after))
    return new[0] - old[0], new[1] - old[1]


def _window_offset(offset: Pair, old: Row, new: Row, rate: Pair) -> Pair:
    """Where the map starts behind one more layer; the middle of an even window moves when it is dilated."""
    return (
        offset[0] + _padded(new, 0) - rate[0] * _padded(old, 0),
        offset[1] + _padded(new, 1) - rate[1] * _padded(old, 1),
    )


def _in_front(trace: Trace, row: Row) -> Pair:
    """How much stands in front of what a layer reads: of its own, and of a padding layer that feeds it."""
    feeding = trace.row(row.node.inputs[0]).node.op
    (top, _), (left, _) = feeding.padding if isinstance(feeding, ZeroPadding2D) else ((0, 0), (0, 0))
    return top + _padded(row, 0), left + _padded(row, 1)


def _padded(row: Row, axis: int) -> int:
    """How many positions "same" padding puts in front: half of what all windows need, the odd one behind."""
    op = row.node.op
    if not isinstance(op, Windowed) or op.padding == "valid":
        return 0
    needed = (row.output[axis] - 1) * op.strides[axis] + op.span[axis] - row.inputs[0][axis]
    return max(needed, 0) // 2


def _joined(row: Row, read: dict[str, Pair]) -> Pair:
    """The one offset of all that a layer reads."""
    (first, offset), *others = read.items()
    for name, other in others:
        if other != offset:
            raise SurgeryError(
                f"{row.name!r} joins {first!r} and {name!r}, and without the stride these no longer lie on each other: "
                f"they shift by {_text(offset)} and {_text(other)}",
                REMEDY,
            )
    return offset


def _off_grid(row: Row) -> str:
    op = row.node.op
    if isinstance(op, Windowed) and op.padding == "same" and any(size % 2 == 0 for size in op.kernel):
        return (
            f"{row.name!r} has an even {op.kernel[0]}x{op.kernel[1]} window with same padding, "
            "and dilated it does not lie on the old positions"
        )
    return f"the map of {row.name!r} does not hold the old one on a grid"


def _text(offset: Pair) -> str:
    return str(offset[0]) if offset[0] == offset[1] else f"{offset[0]}x{offset[1]}"
