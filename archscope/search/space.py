"""Spaces of designs: what may vary of a base model, and the groups of candidates that one trace prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from archscope.design import Cut, Design, Edit, Head, Stride, Upsample, Width, build
from archscope.design.design import InputShape
from archscope.errors import ArchscopeError
from archscope.graph import Graph, Trace, Windowed, trace, verify
from archscope.search.stacked import columns, one_of, stack, topology
from archscope.surgery import DEFAULT_DROPOUT
from archscope.zoo import Value

GOVERNED = (Cut, Head, Stride, Upsample)
"""The edits that a space's axes make; others belong to the base and come first."""


@dataclass(frozen=True, slots=True)
class Space:
    """The product of its axes, in which choices that make no difference count once.

    `scales`: for model arguments, and for "width", the values that are tried; numbers of channels follow from them.
    `strides`: for layers, the strides that are tried. `cuts`: layers to cut behind, None for the whole body.
    `units`: of a head's 1x1 convolution; `plain`: whether heads without one are tried (the whole network's own too).
    """

    base: Design
    inputs: tuple[InputShape, ...]
    scales: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    upsamples: tuple[Upsample | None, ...] = (None,)
    strides: tuple[tuple[str, tuple[int, ...]], ...] = ()
    cuts: tuple[str | None, ...] = (None,)
    units: tuple[int, ...] = ()
    plain: bool = True
    dropout: float = DEFAULT_DROPOUT

    def variants(self) -> tuple[Variant, ...]:
        """The networks that the scales and inputs make, stacked by topology. Those that cannot be built are left out.

        Raises the first error where none can.
        """
        stacks: defaultdict[tuple[object, ...], list[tuple[Setting, Graph]]] = defaultdict(list)
        errors: list[ArchscopeError] = []
        kept = [edit for edit in self.base.edits if not isinstance(edit, GOVERNED)]
        for size in self.inputs:
            for values in product(*(values for _, values in self.scales)):
                setting = tuple(zip((name for name, _ in self.scales), values, strict=True))
                try:
                    graph = build(_scaled(self.base.having(input=size, edits=kept), setting))
                except ArchscopeError as error:
                    errors.append(error)
                    continue
                stacks[size, topology(graph)].append((setting, graph))
        if not stacks:
            raise errors[0]
        return tuple(
            Variant(key[0], tuple(setting for setting, _ in members), stack([graph for _, graph in members]))
            for key, members in stacks.items()
            if isinstance(key[0], tuple)
        )


Setting = tuple[tuple[str, Value], ...]
"""Values of the scales."""


def _scaled(design: Design, setting: Setting) -> Design:
    arguments = {name: value for name, value in setting if name != "width"}
    edits = [*design.edits, *(Width(float(value)) for name, value in setting if name == "width" and value != 1)]
    return design.having(arguments=arguments, edits=edits)


@dataclass(frozen=True, eq=False)
class Variant:
    """Networks of one input and one topology: a stacked graph, and the setting behind each of its rows."""

    input: InputShape
    settings: tuple[Setting, ...]
    graph: Graph

    @cached_property
    def one(self) -> Graph:
        """The first of them, in ints."""
        return one_of(self.graph)


@lru_cache(maxsize=256)
def distinct(variant: Variant, layers: frozenset[str]) -> tuple[tuple[int, ...], ...]:
    """The variant's rows by what they make of the layers: those in one tuple build the same network of these."""
    part = Graph(tuple(node for node in variant.graph.nodes if node.name in layers))
    table = np.stack([np.zeros(len(variant.settings), np.int64), *columns(part)], axis=1)
    classes: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, counts in enumerate(table.tolist()):
        classes[tuple(counts)].append(row)
    return tuple(map(tuple, classes.values()))


@dataclass(frozen=True, eq=False)
class Trunk:
    """A variant with its strides set and its image enlarged, not cut yet: over arrays, and one of its rows in ints."""

    variant: Variant
    upsample: Upsample | None
    strides: tuple[Stride, ...]
    graph: Graph

    @cached_property
    def trace(self) -> Trace:
        return trace(self.graph)

    @cached_property
    def one(self) -> Trace:
        return verify(one_of(self.graph))


@dataclass(frozen=True, eq=False)
class Group:
    """Candidates that one trace prices: a body, cut or whole, `rows` of whose trunk's settings are distinct.

    `units` are the heads' that are tried on it; `plain`, whether the head without a convolution is.
    """

    trunk: Trunk
    cut: str | None
    rows: tuple[tuple[int, ...], ...]
    units: tuple[int, ...]
    plain: bool

    @property
    def size(self) -> int:
        return len(self.rows) * (len(self.units) + self.plain)

    @property
    def first(self) -> np.ndarray:
        """For each network that differs, the first of the trunk's rows that is it."""
        return np.array([rows[0] for rows in self.rows])


def trunks(space: Space, variant: Variant) -> Iterator[Trunk]:
    """Every choice of strides and upsampling that the variant allows."""
    for upsample in space.upsamples:
        graph = upsample.apply(variant.graph, space.base.classes) if upsample else variant.graph
        for strides, strided in _strided(graph, space.strides, space.base.classes):
            yield Trunk(variant, upsample, strides, strided)


def _strided(
    graph: Graph, axes: tuple[tuple[str, tuple[int, ...]], ...], classes: int
) -> Iterator[tuple[tuple[Stride, ...], Graph]]:
    if not axes:
        yield (), graph
        return
    (layer, values), *rest = axes
    for value in values:
        edit = Stride(layer, value)
        own = _stride_of(graph, layer) == value
        try:
            changed = graph if own else edit.apply(graph, classes)
        except ArchscopeError:
            continue
        for others, last in _strided(changed, tuple(rest), classes):
            yield others if own else (edit, *others), last


def _stride_of(graph: Graph, layer: str) -> int | None:
    op = graph.node(layer).op
    return op.strides[0] if isinstance(op, Windowed) and op.strides[0] == op.strides[1] else None


def groups(space: Space, trunk: Trunk) -> Iterator[Group]:
    """The trunk's bodies. One in which a stride was changed behind its end is another trunk's."""
    for cut in dict.fromkeys(_end(space, trunk.graph, cut) for cut in space.cuts):
        layers = frozenset(node.name for node in (trunk.graph.ancestors(cut) if cut else trunk.graph).nodes)
        resting = {
            layer: _resting(trunk.variant.graph, layer, values)
            for layer, values in space.strides
            if layer not in layers
        }
        if any(_stride_of(trunk.graph, layer) != value for layer, value in resting.items()):
            continue
        if cut is not None:
            yield Group(trunk, cut, distinct(trunk.variant, layers), space.units, space.plain)
            continue
        # Its own head may be wider or narrower with the body; one that takes its place is not.
        body = frozenset(node.name for node in trunk.graph.body)
        yield Group(trunk, cut, distinct(trunk.variant, layers), (), space.plain)
        yield Group(trunk, cut, distinct(trunk.variant, body), space.units, False)


def _end(space: Space, graph: Graph, cut: str | None) -> str | None:
    """Where a cut of the base is in another width: a block that ends in an Add in one need not do so in another."""
    if cut is None or cut in graph:
        return cut
    block = bare(space.base).node(cut).block
    return next(node.name for node in reversed(graph.nodes) if node.block == block)


@lru_cache(maxsize=8)
def bare(base: Design) -> Graph:
    """The base's network without the edits that the axes make."""
    return build(base.having(edits=[edit for edit in base.edits if not isinstance(edit, GOVERNED)]))


def _resting(graph: Graph, layer: str, values: tuple[int, ...]) -> int:
    """The stride of a layer that is cut off: the base's own, where that is among the values."""
    own = _stride_of(graph, layer)
    return own if own is not None and own in values else values[0]


def design_of(
    space: Space,
    size: InputShape,
    setting: Setting,
    cut: str | None,
    units: int | None,
    strides: tuple[Stride, ...],
    upsample: Upsample | None,
) -> Design:
    """The design of one candidate; without `units` its head has no convolution."""
    kept = [edit for edit in space.base.edits if not isinstance(edit, GOVERNED)]
    design = _scaled(space.base.having(input=size, edits=kept), setting)
    edits: list[Edit] = [*design.edits]
    if cut is not None:
        edits.append(Cut(cut))
    if units is not None:
        edits.append(Head(units, space.dropout))
    edits += strides
    if upsample is not None:
        edits.append(upsample)
    return design.having(edits=edits)
