"""Node and Graph: frozen values. Nodes name their inputs by name and stand in topological order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from archscope.errors import GraphError, did_you_mean
from archscope.graph.ops import Op, Opaque

HEAD = "head"
"""The stage of everything behind the body: pooling, dropout, classifier, and the 1x1 conv a head edit puts there."""


@dataclass(frozen=True, slots=True)
class Node:
    """A named op and the names it reads. `block` and `stage` say where in the architecture it stands."""

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    block: str = ""
    stage: str = ""

    @property
    def kind(self) -> str:
        return self.op.kind if isinstance(self.op, Opaque) else type(self.op).__name__


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in topological order; the last one is the output. Built freely, trusted once `verify` has seen it."""

    nodes: tuple[Node, ...]

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def has_head(self) -> bool:
        return self.output.stage == HEAD

    @property
    def body(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.stage != HEAD)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The names of the blocks, in order."""
        return tuple(dict.fromkeys(node.block for node in self.nodes))

    def block(self, name: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.block == name)

    def __contains__(self, name: str) -> bool:
        return any(node.name == name for node in self.nodes)

    def node(self, name: str) -> Node:
        """The node of that name. Raises GraphError, with the nearest names."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise no_layer(name, self)

    def consumers(self, name: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if name in node.inputs)

    def with_node(self, node: Node) -> Graph:
        """A graph in which `node` stands in place of the one that has its name."""
        return replace(self, nodes=tuple(node if old.name == node.name else old for old in self.nodes))

    def ancestors(self, name: str) -> Graph:
        """The graph of everything that `name` needs, itself last: what only fed other nodes is gone."""
        needed = {name}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        kept = [node for node in self.nodes if node.name in needed and node.name != name]
        return Graph((*kept, self.node(name)))

    def extended(self, nodes: Iterable[Node]) -> Graph:
        return Graph((*self.nodes, *nodes))


def no_layer(name: str, graph: Graph) -> GraphError:
    """The error for a name that is no layer of `graph`, with the nearest layers and blocks."""
    names = [node.name for node in graph.nodes] + [block for block in graph.blocks if block]
    return GraphError(f"no layer {name!r}", did_you_mean(name, names, "`archscope shapes --by layer` lists them"))
