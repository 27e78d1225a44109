"""Leave layers out: what read them reads what they read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from archscope.errors import GraphError, SurgeryError
from archscope.graph import HEAD, Graph, Input, Node, verify
from archscope.surgery.select import block_selector, selected

_TRIED = 8
"""How many blocks more are tried for a remedy."""


def drop(graph: Graph, name: str) -> Graph:
    """The graph without the layers that `name` stands for: a layer, a block, or all that a selector finds.

    What remains keeps its operations; a convolution that now reads another number of channels has another kernel.
    Raises SurgeryError for the input and the head, for a stretch with several ways in or out, where the rest does not
    fit (an Add whose sides differ), and where no weights would be left; GraphError for no such layer.
    """
    nodes = selected(graph, name)
    for node in nodes:
        if isinstance(node.op, Input):
            raise SurgeryError(f"{node.name!r} is where the image comes in", "drop names layers or blocks behind it")
        if node.stage == HEAD:
            raise SurgeryError(f"{node.name!r} is in the head", "`archscope head` changes the head")
    rest = without(graph, {node.name for node in nodes})
    try:
        traced = verify(rest)
    except GraphError as error:
        raise SurgeryError(f"without {name!r} the rest does not fit: {error.message}", _longer(graph, nodes)) from error
    if not any(row.params for row in traced if row.node.stage != HEAD):
        raise SurgeryError(f"nothing with weights would be left without {name!r}", "keep a convolution")
    return traced.graph


def _longer(graph: Graph, nodes: Sequence[Node]) -> str:
    """A remedy: the blocks of these layers and the fewest behind them without which the rest fits."""
    blocks = [block for block in dict.fromkeys(node.block for node in graph.body) if block]
    first, last = (blocks.index(node.block) if node.block in blocks else len(blocks) for node in (nodes[0], nodes[-1]))
    for end in range(last, min(last + _TRIED, len(blocks))):
        names = {node.name for node in graph.body if node.block in blocks[first : end + 1]}
        with suppress(SurgeryError, GraphError):
            verify(without(graph, names))
            stretch = f"{blocks[first]}..{blocks[end]}" if end > first else block_selector(graph, blocks[first])
            return f"without {stretch} it does"
    return "drop a stretch whose two ends have one shape"


def without(graph: Graph, names: Collection[str]) -> Graph:
    """The graph without those layers, not verified; each stretch of them has one way in and one way out.

    Raises SurgeryError for another, and where a layer that joins two tensors would read one of them twice.
    """
    read_instead: dict[str, str] = {}
    for stretch in _stretches([node for node in graph.nodes if node.name in names]):
        read_instead |= _bypass(graph, stretch)
    rest = []
    for node in graph.nodes:
        if node.name in names:
            continue
        inputs = tuple(read_instead.get(name, name) for name in node.inputs)
        if len(set(inputs)) < len(set(node.inputs)):
            twice = next(name for name in inputs if inputs.count(name) > 1)
            raise SurgeryError(
                f"{node.name!r} would read {twice!r} on both sides",
                f"drop {node.name!r} with it, and all that lies between",
            )
        rest.append(replace(node, inputs=inputs))
    kept = Graph(tuple(rest))
    last = graph.output.name
    return kept.ancestors(read_instead[last]) if last in names else kept


def _stretches(nodes: Sequence[Node]) -> Iterable[list[Node]]:
    """The nodes apart by what is connected among them, each stretch in the graph's order."""
    labels: dict[str, int] = {}
    for number, node in enumerate(nodes):
        joined = {labels[name] for name in node.inputs if name in labels}
        labels |= {name: number for name, label in labels.items() if label in joined}
        labels[node.name] = number
    stretches: dict[int, list[Node]] = {}
    for node in nodes:
        stretches.setdefault(labels[node.name], []).append(node)
    return stretches.values()


def _bypass(graph: Graph, stretch: Sequence[Node]) -> dict[str, str]:
    """{the layer of a stretch that others read: what they read instead}."""
    members = {node.name for node in stretch}
    read = list(dict.fromkeys(name for node in stretch for name in node.inputs if name not in members))
    outside = {name for node in graph.nodes if node.name not in members for name in node.inputs}
    given = [node.name for node in stretch if node.name in outside or node == graph.output]
    for kind, found in (("reads", read), ("gives", given)):
        if len(found) != 1:
            what = repr(stretch[0].name) + (f" to {stretch[-1].name!r}" if len(stretch) > 1 else "")
            block = block_selector(graph, stretch[0].block)
            raise SurgeryError(
                f"{what} {kind} more than one tensor: {' and '.join(map(repr, found))}",
                "drop a stretch with one way in and one way out, such as a whole block"
                + (f": {block}" if block else ""),
            )
    return {given[0]: read[0]}
