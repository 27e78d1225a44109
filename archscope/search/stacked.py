"""Graphs that differ in numbers of channels alone, as one graph whose numbers are NumPy arrays: traced once for all.

The rules of the ops are branch-free arithmetic (see `graph.ops`), so the trace of such a graph holds every candidate's
figures. What chooses between formulas (words, and the sides of maps and windows) is the topology, and alike for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from archscope.graph import Graph, Node, Op, Reshape

_CHANNELS = ("filters", "units", "depth_multiplier")
"""The attributes of ops that count channels; a Reshape's shape holds such counts too."""


def topology(graph: Graph) -> tuple[object, ...]:
    """What graphs must agree on to be stacked."""
    return tuple((node.name, node.inputs, type(node.op), *_fixed(node.op)) for node in graph.nodes)


def stack(graphs: Sequence[Graph]) -> Graph:
    """Graphs of one topology as one; a number in which they differ is an int64 array of shape (graphs,)."""
    nodes = []
    for same in zip(*(graph.nodes for graph in graphs), strict=True):
        names = _varying(same[0].op)
        changed = {name: _column([getattr(node.op, name) for node in same]) for name in names}
        nodes.append(replace(same[0], op=replace(same[0].op, **changed)) if changed else same[0])
    return Graph(tuple(nodes))


def one_of(graph: Graph, row: int = 0) -> Graph:
    """One of the stacked graphs, in ints again."""
    return Graph(tuple(_picked(node, row) for node in graph.nodes))


def some_of(node: Node, rows: np.ndarray) -> Node:
    """A node of some of the stacked graphs; its arrays have the shape (rows, 1), to stand against a row of units."""
    return _picked(node, (rows, np.newaxis))


def table(graph: Graph, count: int) -> np.ndarray:
    """The numbers of channels of `count` stacked graphs, a row each: of one topology, equal rows are equal networks."""
    columns = [np.zeros(count, np.int64)]
    for node in graph.nodes:
        for name in _varying(node.op):
            value = getattr(node.op, name)
            parts = value if isinstance(value, tuple) else (value,)
            columns += [np.broadcast_to(np.asarray(part, np.int64), count) for part in parts]
    return np.stack(columns, axis=1)


def _varying(op: Op) -> list[str]:
    names = [field.name for field in fields(op)]
    return [name for name in names if name in _CHANNELS or (isinstance(op, Reshape) and name == "shape")]


def _fixed(op: Op) -> Iterator[object]:
    varying = _varying(op)
    for field in fields(op):
        value = getattr(op, field.name)
        if field.name not in varying:
            yield value
        elif isinstance(value, tuple):
            yield len(value)


def _column(values: list[Any]) -> Any:
    """Equal values as one, ints as an array, tuples element by element."""
    if all(value == values[0] for value in values):
        return values[0]
    if isinstance(values[0], tuple):
        return tuple(_column(list(parts)) for parts in zip(*values, strict=True))
    return np.array(values, np.int64)


def _picked(node: Node, rows: Any) -> Node:
    changed = {name: _at(getattr(node.op, name), rows) for name in _varying(node.op)}
    return replace(node, op=replace(node.op, **changed)) if changed else node


def _at(value: Any, rows: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_at(part, rows) for part in value)
    if not isinstance(value, np.ndarray):
        return value
    return int(value[rows]) if isinstance(rows, int) else value[rows]
