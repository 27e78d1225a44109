"""What a group of candidates costs: the figures of a trace over arrays, by the rules that price a single network.

A body is traced once for all cuts behind it, a head once for all its units; what strides and maps alone decide (the
collapse, dead taps, the output stride) is read from one candidate of the group and holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from math import prod
from typing import Any

import numpy as np

from archscope.analysis import collapse, final_map, receptive_fields, taps
from archscope.analysis.memory import BYTES, Dtype, alive_bytes
from archscope.design import Cut, Head
from archscope.graph import HEAD, Graph, Input, Node, Row, Trace, retrace, trace, verify
from archscope.search.space import Group, Space, Trunk, Variant, groups
from archscope.search.stacked import one_of, some_of

AT_ONCE = 2**18
"""Candidates that are priced at once: some 20 MB of columns."""

Figures = Mapping[str, np.ndarray]
"""Columns of int64, shape (rows of the group, units)."""

_UNITS = "head_conv"
"""The layer of a head edit that has its units."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What strides, image and cut alone decide, alike for all candidates of a group."""

    final_map: tuple[int, int]
    collapse: str | None
    output_stride: str


@dataclass(frozen=True, slots=True)
class Priced:
    """A group's figures with one kind of head: `units` of a convolution, or None for the head without one."""

    group: Group
    units: tuple[int, ...] | None
    geometry: Geometry
    figures: Figures


def priced(
    space: Space, trunk: Trunk, dtype: Dtype = "float32", which: slice = slice(None)
) -> Iterator[tuple[tuple[int, int], Priced]]:
    """The candidates of a trunk's groups, or of some of these, exactly, each part with its place in the trunk.

    At most `AT_ONCE` candidates are a part (or one unit of all rows).
    """
    pricer = _pricer(space, trunk, BYTES[dtype])
    for number, group in list(enumerate(groups(space, trunk)))[which]:
        for part, one in enumerate(pricer.group(group)):
            yield (number, part), one


@lru_cache(maxsize=2)
def _pricer(space: Space, trunk: Trunk, bytes_per_element: int) -> _Pricer:
    """A trunk's groups can be priced one after another in several calls."""
    return _Pricer(space, trunk, bytes_per_element)


@dataclass(frozen=True)
class _Pricer:
    space: Space
    trunk: Trunk
    bytes_per_element: int

    def group(self, group: Group) -> Iterator[Priced]:
        """The group's candidates, by kinds of head, of many units in parts."""
        plain, wide = heads(self.trunk.variant, group.cut, self.space.base.classes, self.space.dropout)
        one = self._headed(group.cut, plain)
        whole = self.trunk.trace
        if group.cut is not None:
            whole = retrace(_with_head_of(one.graph, self.trunk.graph), self.trunk.trace)
        body = [row for row in whole if row.node.stage != HEAD]
        first = group.first
        numbers = [self._rows[row.name] for row in body]
        sums = {name: amounts[numbers].sum(axis=0)[first, np.newaxis] for name, amounts in self._amounts.items()}
        alive = alive_bytes(whole, bytes_per_element=self.bytes_per_element)[: len(body)]
        peak = _rows_of(reduce(np.maximum, alive), first)
        dead = self._dead(one, body, first)
        geometry = self._geometry(one)
        end = tuple(_rows_of(size, first) for size in body[-1].output)
        most = max(1, AT_ONCE // len(group.networks))
        parts = [group.units[start : start + most] for start in range(0, len(group.units), most)]
        for units in [*([None] if group.plain else []), *parts]:
            own = [node for node in whole.graph.nodes if node.stage == HEAD]
            head = _head(own if units is None else wide, first, end, units)
            waiting = reduce(np.maximum, alive_bytes(head, bytes_per_element=self.bytes_per_element))
            params = sums["params"] + head.params
            columns = {
                "params": params,
                "trainable_params": sums["trainable_params"] + head.trainable_params,
                "macs": sums["macs"] + head.macs,
                "weight_bytes": params * self.bytes_per_element,
                "peak_bytes": np.maximum(peak, waiting),
                "dead_weights": dead,
            }
            shape = len(group.networks), len(units or (1,))
            figures = {name: np.broadcast_to(np.asarray(values, np.int64), shape) for name, values in columns.items()}
            yield Priced(group, units, geometry, figures)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {row.name: number for number, row in enumerate(self.trunk.trace)}

    @cached_property
    def _amounts(self) -> dict[str, np.ndarray]:
        """Each of the trunk's layers' amounts, shape (layers, settings)."""
        settings = len(self.trunk.variant.settings)
        layers = self.trunk.trace.rows
        amounts = {
            "params": [row.params for row in layers],
            "trainable_params": [row.trainable_params for row in layers],
            "macs": [row.macs for row in layers],
        }
        return {
            name: np.stack([np.broadcast_to(np.asarray(value, np.int64), settings) for value in values])
            for name, values in amounts.items()
        }

    @cached_property
    def _strides(self) -> Mapping[str, str]:
        """The output stride at each of the trunk's layers."""
        return {name: _stride_text(field.stride) for name, field in receptive_fields(self.trunk.one).items()}

    @cached_property
    def _ever_dead(self) -> frozenset[str]:
        """The layers with dead weights where nothing is cut off. A cut can only make taps live: all that it leaves is
        read by its head."""
        return frozenset(name for name, kernel in taps(self.trunk.one).items() if kernel.dead_weights)

    def _headed(self, cut: str | None, head: tuple[Node, ...]) -> Trace:
        """One candidate, with the head that a cut gives it, or its own."""
        if cut is None:
            return self.trunk.one
        return retrace(self.trunk.one.graph.ancestors(cut).extended(head), self.trunk.one)

    def _geometry(self, one: Trace) -> Geometry:
        fallen, end = collapse(one), final_map(one)
        last = next(row.name for row in reversed(one.rows) if row.node.stage != HEAD)
        size = (end[0], end[1]) if len(end) == 3 else (1, 1)
        return Geometry(size, fallen.layer if fallen else None, self._strides[last])

    def _dead(self, one: Trace, body: list[Row], first: np.ndarray) -> Any:
        """The dead weights of the body, shape (rows, 1)."""
        if self._ever_dead.isdisjoint(row.name for row in body):
            return 0
        dead: Any = 0
        for name, kernel in taps(one).items():
            live = {part.live for part in kernel.parts}
            if len(live) > 1:
                # Channels of one kernel see different maps, and how many do is each candidate's own.
                counts = [sum(each.dead_weights for each in taps(own).values()) for own in self._each(one, first)]
                return np.array(counts, np.int64)[:, np.newaxis]
            if len(*live) < prod(kernel.kernel):
                per_tap = self.trunk.trace.row(name).weights[0].size // prod(kernel.kernel)
                dead = dead + per_tap * (prod(kernel.kernel) - len(*live))
        return _rows_of(dead, first)

    def _each(self, one: Trace, first: np.ndarray) -> Iterator[Trace]:
        """The candidates one by one, for what arrays cannot tell."""
        for row in first:
            yield verify(_with_head_of(one.graph, one_of(self.trunk.graph, int(row))))


@lru_cache(maxsize=256)
def heads(variant: Variant, cut: str | None, classes: int, dropout: float) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The layers of the head that a body has, cut or whole, and of one with a single unit in its convolution."""
    graph = variant.one if cut is None else Cut(cut).apply(variant.one, classes)
    wide = Head(1, dropout).apply(graph, classes)
    plain, conv = (tuple(node for node in one.nodes if node.stage == HEAD) for one in (graph, wide))
    return plain, conv


def _head(nodes: Sequence[Node], first: np.ndarray, end: tuple[Any, ...], units: tuple[int, ...] | None) -> Trace:
    """A head by itself, behind a map of the body's end: sizes of shape (rows, 1), units of shape (1, units)."""
    behind = [Node(nodes[0].inputs[0], Input(shape=end))] if nodes else []
    for node in nodes:
        filters = {"filters": np.array(units, np.int64)[np.newaxis, :]} if node.name == _UNITS and units else {}
        kept = some_of(node, first)
        behind.append(replace(kept, op=replace(kept.op, **filters)))
    return trace(Graph(tuple(behind)))


def _with_head_of(headed: Graph, trunk: Graph) -> Graph:
    """The nodes of `trunk` that `headed` has as well, and the head of `headed`."""
    own = {node.name: node for node in trunk.nodes}
    return Graph(tuple(node if node.stage == HEAD else own[node.name] for node in headed.nodes))


def _rows_of(value: Any, first: np.ndarray) -> Any:
    """A number that is alike for all settings, or those of the rows, shape (rows, 1)."""
    return value[first, np.newaxis] if isinstance(value, np.ndarray) else value


def _stride_text(stride: tuple[Fraction, Fraction] | None) -> str:
    if stride is None:
        return ""
    height, width = stride
    return str(height) if height == width else f"{height}x{width}"
