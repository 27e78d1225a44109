"""From the name a person types to a layer: a layer's own name, or a block's."""

from __future__ import annotations

from archscope.errors import SurgeryError
from archscope.graph import Graph, Windowed


def last_layer(graph: Graph, name: str) -> str:
    """The layer of that name, or the last one of the block of that name. Raises GraphError for neither."""
    return name if name in graph or name not in graph.blocks else graph.block(name)[-1].name


def strided_layer(graph: Graph, name: str) -> str:
    """The layer of that name, or the one strided op of the block of that name.

    Raises SurgeryError where the block has none or several.
    """
    if name in graph or name not in graph.blocks:
        return graph.node(name).name
    windows = [(node.name, node.op) for node in graph.block(name) if isinstance(node.op, Windowed)]
    strided = [layer for layer, op in windows if max(op.strides) > 1]
    if len(strided) == 1:
        return strided[0]
    spatial = [layer for layer, op in windows if max(op.kernel) > 1]
    raise SurgeryError(
        f"block {name!r} has {len(strided) or 'no'} strided layers, and a block name stands for its only one",
        f"name the layer: {' or '.join(spatial)}" if spatial else strided_layers(graph),
    )


def strided_layers(graph: Graph) -> str:
    """A remedy that lists the layers with a stride above 1."""
    names = [node.name for node in graph.nodes if isinstance(node.op, Windowed) and max(node.op.strides) > 1]
    return f"the strided layers are {', '.join(names)}" if names else "no layer of this network has a stride above 1"
