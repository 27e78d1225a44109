"""Set a stride, with the padding that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archscope.errors import SurgeryError
from archscope.graph import Graph, Node, Op, Pair, Windowed, ZeroPadding2D, verify
from archscope.surgery.select import strided_layer, strided_layers


def stride(graph: Graph, name: str, value: int) -> Graph:
    """The graph in which `name` (a layer, or a block with one strided op) moves its window by `value` positions.

    Padding-aware: where a ZeroPadding2D of its own feeds a "valid" window and is less than span - 1 in all, a stride of
    1 makes the padding symmetric, (span - 1) / 2 on each side, so that the map keeps its size (Keras pads strided
    blocks one-sidedly: 16 -> 17 -> 15 otherwise). No side becomes less than it was, and an axis with that stride
    already stays as it is. Nothing else changes; no residual is added or removed.
    Raises SurgeryError for a stride below 1, one above it on a dilated window (which Keras does not have), and a layer
    that has none; GraphError for no such layer or where shapes no longer fit, as at an Add whose other side keeps its
    size.
    """
    if value < 1:
        raise SurgeryError(f"a stride of {value} is below 1", "1 keeps the map, 2 halves it")
    node = graph.node(strided_layer(graph, name))
    if value > 1 and max(getattr(node.op, "dilation", (1, 1))) > 1:
        raise SurgeryError(f"{node.name!r} is dilated, and no window is strided and dilated", "its stride stays 1")
    changed = graph
    for name, op in with_stride(graph, node, (value, value)):
        changed = changed.with_node(replace(graph.node(name), op=op))
    return verify(changed).graph


def with_stride(graph: Graph, node: Node, strides: Pair) -> Iterator[tuple[str, Op]]:
    """The layers that change with a stride of `node`, each with its new op: itself, and a padding of its own.

    Raises SurgeryError for a layer that has no stride.
    """
    op = node.op
    if not isinstance(op, Windowed):
        raise SurgeryError(f"{node.name!r} ({node.kind}) has no stride", strided_layers(graph))
    yield node.name, replace(op, strides=strides)
    before = graph.node(node.inputs[0])
    alone = len(graph.consumers(before.name)) == 1
    if isinstance(before.op, ZeroPadding2D) and alone and op.padding == "valid":
        rows, columns = (
            _symmetric(margin, span) if new == 1 < old else margin
            for margin, old, new, span in zip(before.op.padding, op.strides, strides, op.span, strict=True)
        )
        yield before.name, ZeroPadding2D(padding=(rows, columns))


def _symmetric(margin: Pair, span: int) -> Pair:
    """The margins with which a window of stride 1 keeps the map: symmetric, or as near as no side shrinks."""
    before, behind = margin
    if before + behind >= span - 1:
        return margin
    before = min(max(before, (span - 1) // 2), span - 1 - behind)
    return before, span - 1 - before
