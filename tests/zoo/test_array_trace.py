"""One trace of a topology with NumPy arrays prices every candidate as its own trace with ints does.

This is what the branch-free rules are for: a search groups candidates by topology and traces each topology once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, replace
from random import Random
from typing import Any

import numpy as np
import pytest

from archscope.analysis import final_map
from archscope.design import DEFAULT
from archscope.graph import Graph, Node, Windowed, ZeroPadding2D, trace
from archscope.zoo import find_model


def base(model: str, side: tuple[int, int], alpha: float, **arguments: object) -> Graph:
    design = DEFAULT.having(model, (*side, 3), {"alpha": alpha, **arguments})
    return design.family.build(design.input, design.arguments)


def topology(graph: Graph) -> tuple[object, ...]:
    """What is no integer: names, kinds, edges, and the words and rates among the attributes."""

    def words(node: Node) -> tuple[object, ...]:
        values = [getattr(node.op, field.name) for field in fields(node.op)]
        return tuple(value for value in values if isinstance(value, (str, bool, float)))

    return tuple((node.name, node.kind, node.inputs, words(node)) for node in graph.nodes)


def stacked(values: list[Any]) -> Any:
    """Integers to an int64 array, tuples element by element; anything else must agree."""
    first = values[0]
    if isinstance(first, tuple):
        return tuple(stacked(list(parts)) for parts in zip(*values, strict=True))
    if type(first) is int:
        return np.array(values, dtype=np.int64)
    assert all(value == first for value in values)
    return first


def stack(graphs: list[Graph]) -> Graph:
    nodes = []
    for same in zip(*(graph.nodes for graph in graphs), strict=True):
        names = [field.name for field in fields(same[0].op)]
        arrays = {name: stacked([getattr(node.op, name) for node in same]) for name in names}
        nodes.append(replace(same[0], op=replace(same[0].op, **arrays)))
    return Graph(tuple(nodes))


def vary(graph: Graph, random: Random) -> Graph:
    """Other strides and paddings, sensible or not: some of these graphs do not fit."""
    for node in graph.nodes:
        if isinstance(node.op, Windowed) and max(node.op.strides) > 1 and random.random() < 0.4:
            strides = (random.randint(1, 3), random.randint(1, 3))
            graph = graph.with_node(replace(node, op=replace(node.op, strides=strides)))
        if isinstance(node.op, ZeroPadding2D) and random.random() < 0.4:
            sides = (random.randint(-1, 2), random.randint(0, 2))
            graph = graph.with_node(replace(node, op=ZeroPadding2D(padding=(sides, sides[::-1]))))
    return graph


def candidates(model: str, step: int) -> list[Graph]:
    """Every alpha from 0.05 to 2 in steps of hundredths, three of each with sizes, strides and padding of their own."""
    random, native = Random(model), find_model(model).input[:2]
    graphs = []
    for alpha in (hundredths / 100 for hundredths in range(5, 201, step)):
        graphs.append(base(model, native, alpha))
        for _ in range(2):
            side = (random.randint(1, 96), random.randint(1, 96))
            graphs.append(vary(base(model, side, alpha, classes=random.randint(1, 100)), random))
    return graphs


@pytest.mark.parametrize(
    ("model", "step", "topologies"),
    [
        ("mobilenet_v1", 1, 1),
        # The residuals of blocks 0 and 10 come and go with alpha.
        ("mobilenet_v2", 1, 3),
        # That of block 6: 40 and 48 channels, made narrow.
        ("mobilenet_v3_small", 20, 2),
        # Those of blocks 1a, and 5a and 7a.
        ("efficientnet_b0", 20, 3),
        ("squeezenet_1_1", 20, 1),
        ("xception", 20, 1),
        ("inception_v3", 20, 1),
    ],
)
def test_arrays_price_what_ints_price(model: str, step: int, topologies: int) -> None:
    groups = defaultdict(list)
    for graph in candidates(model, step):
        groups[topology(graph)].append(graph)
    assert len(groups) == topologies
    seen_fitting = set()
    for graphs in groups.values():
        whole = trace(stack(graphs))
        each = [trace(graph) for graph in graphs]
        size = len(graphs)
        columns = {
            "params": whole.params,
            "trainable": whole.trainable_params,
            "macs": whole.macs,
            "height": final_map(whole)[0],
            "width": final_map(whole)[1],
            "channels": final_map(whole)[2],
            "fits": whole.fits,
        }
        for one, values in enumerate(zip(*(np.broadcast_to(c, size).tolist() for c in columns.values()), strict=True)):
            traced = each[one]
            expected = (traced.params, traced.trainable_params, traced.macs, *final_map(traced), traced.fits)
            assert dict(zip(columns, values, strict=True)) == dict(zip(columns, expected, strict=True))
        seen_fitting |= {traced.fits for traced in each}
    assert seen_fitting == {True, False}


def test_the_arrays_are_not_constant() -> None:
    """A positive control: the stacked trace above does carry one value per candidate."""
    graphs = [base("mobilenet_v1", (32, 32), alpha) for alpha in (0.5, 1.0)]
    whole = trace(stack(graphs))
    assert whole.params.tolist() == [trace(graph).params for graph in graphs]
    assert len(set(whole.params.tolist())) == 2
