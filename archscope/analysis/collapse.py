"""Where a network loses its map, and how much of it works behind that point."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.graph import HEAD, Multiply, Row, Shape, Trace, Windowed, ZeroPadding2D


@dataclass(frozen=True, slots=True)
class Collapse:
    """The first windowed op whose output map is 1x1 while the map it reads was larger."""

    layer: str
    block: str
    before: tuple[int, int]
    after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Share:
    """Layers of the body with weights that read a 1x1 map; the totals are the body's: the denominators."""

    layers: int
    params: int
    body_params: int
    macs: int
    body_macs: int


def collapse(trace: Trace) -> Collapse | None:
    """The collapse, or None for a network that keeps its map up to a global op.

    The map is measured before padding layers; squeeze-excite branches are left out. A window that covers the whole
    unpadded map, and nothing beside it, is a global op and no collapse where no convolution of the body comes after.
    """
    gates = gate_layers(trace)
    for row in trace:
        op = row.node.op
        if not isinstance(op, Windowed) or row.output[:2] != (1, 1) or row.name in gates:
            continue
        before = map_read(trace, row)
        covers = op.span == before and before == row.inputs[0][:2] and op.dilation == (1, 1)
        if before == (1, 1) or (covers and not share_on_1x1(trace).macs):
            continue
        return Collapse(row.name, row.node.block, (before[0], before[1]), (1, 1))
    return None


def last_before(trace: Trace, fallen: Collapse) -> str | None:
    """Where to cut to keep the map: the end of the block before the collapse, None where no weights stand there."""
    ends = trace.rows[: next(i for i, row in enumerate(trace) if row.node.block == fallen.block)]
    return ends[-1].name if any(row.params for row in ends) else None


def map_read(trace: Trace, row: Row) -> Shape:
    """Height and width that a layer reads, measured before padding layers; () where it reads no map."""
    if not row.inputs or len(row.inputs[0]) != 3:
        return ()
    source = row
    while source.node.inputs:
        before = trace.row(source.node.inputs[0])
        if not isinstance(before.node.op, ZeroPadding2D):
            break
        source = before
    return source.inputs[0][:2] if source.inputs else ()


def shown_by(row: Row) -> tuple[str, ...]:
    """The inputs by which a layer sees the image: a gate, which scales what the other one shows, is none of them."""
    gate = row.node.op.gate(row.inputs) if isinstance(row.node.op, Multiply) else None
    return tuple(name for number, name in enumerate(row.node.inputs) if number != gate)


def gate_layers(trace: Trace) -> frozenset[str]:
    """The layers that reach the output as the gate of a Multiply only, as squeeze-excite branches do.

    They look at the whole map on purpose, and scale what the others see.
    """
    seen = {trace.rows[-1].name}
    for row in reversed(trace.rows):
        if row.name in seen:
            seen.update(shown_by(row))
    return frozenset(row.name for row in trace) - seen


def share_on_1x1(trace: Trace) -> Share:
    """What of the body's parameters and MACs belongs to layers that read a 1x1 map, squeeze-excite branches apart."""
    body = [row for row in trace if row.node.stage != HEAD]
    gates = gate_layers(trace)
    reading = [row for row in body if map_read(trace, row) == (1, 1) and row.name not in gates]
    return Share(
        layers=sum(1 for row in reading if row.params),
        params=sum(row.params for row in reading),
        body_params=sum(row.params for row in body),
        macs=sum(row.macs for row in reading),
        body_macs=sum(row.macs for row in body),
    )


def final_map(trace: Trace) -> Shape:
    """Shape (height, width, channels) of the body's output: what the head gets to see."""
    return next(row.output for row in reversed(trace.rows) if row.node.stage != HEAD)
