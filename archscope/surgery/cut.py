"""Cut the body after a layer."""

from __future__ import annotations

from archscope.errors import SurgeryError
from archscope.graph import HEAD, Graph, verify
from archscope.surgery.select import last_layer


def cut(graph: Graph, name: str) -> Graph:
    """The bare body up to and including `name`, a layer or a block; what only fed the rest goes too, and the head.

    Raises SurgeryError for a layer of the head, and where no weights would be left; GraphError for no such layer.
    """
    layer = last_layer(graph, name)
    if graph.node(layer).stage == HEAD:
        raise SurgeryError(
            f"{layer!r} is in the head; cut names a layer of the body",
            f"the last one is {graph.body[-1].name!r}; `archscope head` changes the head",
        )
    body = verify(graph.ancestors(layer))
    if not any(row.weights for row in body):
        raise SurgeryError(f"nothing with weights stands at or before {layer!r}", "cut behind the first convolution")
    return body.graph
