"""Set a stride, with the padding that belongs to it."""

from __future__ import annotations

from dataclasses import replace

from archscope.errors import SurgeryError
from archscope.graph import Graph, Node, Windowed, ZeroPadding2D, verify
from archscope.surgery.select import strided_layer, strided_layers


def stride(graph: Graph, name: str, value: int) -> Graph:
    """The graph in which `name` (a layer, or a block with one strided op) moves its window by `value` positions.

    Padding-aware: where a ZeroPadding2D of its own feeds a "valid" window, a stride of 1 makes the padding symmetric,
    (span - 1) / 2 on each side, so that the map keeps its size (Keras pads strided blocks one-sidedly: 16 -> 17 -> 15
    otherwise). Nothing else changes; no residual is added or removed.
    Raises SurgeryError for a stride below 1 and a layer that has none, GraphError for no such layer or where shapes
    no longer fit, as at an Add whose other side keeps its size.
    """
    if value < 1:
        raise SurgeryError(f"a stride of {value} is below 1", "1 keeps the map, 2 halves it")
    node = graph.node(strided_layer(graph, name))
    if not isinstance(node.op, Windowed):
        raise SurgeryError(f"{node.name!r} ({node.kind}) has no stride", strided_layers(graph))
    op = replace(node.op, strides=(value, value))
    changed = graph.with_node(replace(node, op=op))
    padding = _own_padding(graph, node)
    if padding is not None and op.padding == "valid" and value == 1:
        above, left = ((size - 1) // 2 for size in op.span)
        symmetric = ZeroPadding2D(padding=((above, op.span[0] - 1 - above), (left, op.span[1] - 1 - left)))
        changed = changed.with_node(replace(padding, op=symmetric))
    return verify(changed).graph


def _own_padding(graph: Graph, node: Node) -> Node | None:
    """The padding layer that feeds `node` and nothing else."""
    before = graph.node(node.inputs[0])
    return before if isinstance(before.op, ZeroPadding2D) and len(graph.consumers(before.name)) == 1 else None
