"""Spaces of designs: what may vary of a base model, and the groups of candidates that one trace prices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import prod

import numpy as np

from archscope.design import Cut, Design, Edit, Head, Stride, Upsample, Width, build, edit_text
from archscope.design.design import InputShape
from archscope.errors import ArchscopeError
from archscope.graph import Graph, Trace, Windowed, trace, verify
from archscope.search.stacked import one_of, stack, table, topology
from archscope.surgery import DEFAULT_DROPOUT
from archscope.zoo import Value

NOWHERE = ""
GOVERNED = (Cut, Head, Stride, Upsample)
"""The edits that a space's axes make; others belong to the base and come first."""


@dataclass(frozen=True, slots=True)
class Space:
    """The product of its axes, in which choices that make no difference count once.

    `axes`: their names and values, as they were written.
    `scales`: for model arguments, and for "width", the values that are tried; numbers of channels follow from them.
    `strides`: for layers, the strides that are tried. `cuts`: layers to cut behind, None for the whole body.
    `units`: of a head's 1x1 convolution; `plain`: whether heads without one are tried (the whole network's own too).
    """

    base: Design
    inputs: tuple[InputShape, ...]
    axes: tuple[tuple[str, str], ...] = ()
    scales: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    upsamples: tuple[Upsample | None, ...] = (None,)
    strides: StrideAxes = ()
    cuts: tuple[str | None, ...] = (None,)
    units: tuple[int, ...] = ()
    plain: bool = True
    dropout: float = DEFAULT_DROPOUT

    def variants(self, left_out: Counter[str]) -> tuple[Variant, ...]:
        """The networks that the scales and inputs make, stacked by topology. `left_out` counts the choices that
        go with those that do not build, by the reason.

        Raises the first error where none can.
        """
        stacks: defaultdict[tuple[InputShape, object], list[tuple[Setting, Graph]]] = defaultdict(list)
        errors: list[ArchscopeError] = []
        kept = [edit for edit in self.base.edits if not isinstance(edit, GOVERNED)]
        for size in self.inputs:
            for values in product(*(values for _, values in self.scales)):
                setting = tuple(zip((name for name, _ in self.scales), values, strict=True))
                try:
                    graph = build(_scaled(self.base.having(input=size, edits=kept), setting))
                except ArchscopeError as error:
                    errors.append(error)
                    named = [f"input {'x'.join(map(str, size[:2]))}", *(f"{name}={value}" for name, value in setting)]
                    left_out[f"{', '.join(named)}: {error.message}"] += len(self.upsamples) * _choices(self.strides)
                    continue
                stacks[size, topology(graph)].append((setting, graph))
        if not stacks:
            raise errors[0]
        families: defaultdict[InputShape, list[Variant]] = defaultdict(list)
        for (size, _), members in stacks.items():
            settings, graphs = zip(*members, strict=True)
            families[size].append(Variant(size, settings, stack(graphs), families[size]))
        return tuple(variant for family in families.values() for variant in family)


Setting = tuple[tuple[str, Value], ...]
"""Values of the scales."""


def _scaled(design: Design, setting: Setting) -> Design:
    arguments = {name: value for name, value in setting if name != "width"}
    edits = [*design.edits, *(Width(float(value)) for name, value in setting if name == "width" and value != 1)]
    return design.having(arguments=arguments, edits=edits)


@dataclass(frozen=True, eq=False)
class Variant:
    """Networks of one input and one topology: a stacked graph, and the setting behind each of its rows.

    `family` are all variants of the input: cut early enough, networks of two of them can be the same.
    """

    input: InputShape
    settings: tuple[Setting, ...]
    graph: Graph
    family: list[Variant]

    @cached_property
    def one(self) -> Graph:
        """The first of them, in ints."""
        return one_of(self.graph)


@dataclass(frozen=True, slots=True)
class Network:
    """A network of a variant that differs from the others: its first row there, and all settings that build it."""

    row: int
    settings: tuple[Setting, ...]


@lru_cache(maxsize=1024)
def distinct(space: Space, variant: Variant, cut: str | None, whole: bool) -> tuple[Network, ...]:
    """The networks that the variant's rows make of what a cut of the base leaves, or, for None, of the body, with
    `whole` of the head too. Those that a variant before it in the family has as well are that one's."""
    found: dict[tuple[object, ...], list[tuple[Variant, int]]] = {}
    for one in variant.family:
        end = _end(space, one.graph, cut)
        if end == NOWHERE:
            continue
        nodes = one.graph.ancestors(end).nodes if end else one.graph.nodes if whole else one.graph.body
        shape = topology(Graph(nodes))
        for row, numbers in enumerate(table(Graph(nodes), len(one.settings)).tolist()):
            found.setdefault((shape, *numbers), []).append((one, row))
    return tuple(
        Network(rows[0][1], tuple(one.settings[row] for one, row in rows))
        for rows in found.values()
        if rows[0][0] is variant
    )


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
    """Candidates that one trace prices: a body, cut or whole, of which the trunk's settings make some `networks`.

    `strides` are those of the trunk's edits that a cut leaves. `units` are the heads' that are tried on it; `plain`,
    whether the head without a convolution is.
    """

    trunk: Trunk
    cut: str | None
    strides: tuple[Stride, ...]
    networks: tuple[Network, ...]
    units: tuple[int, ...]
    plain: bool

    @property
    def size(self) -> int:
        return len(self.networks) * (len(self.units) + self.plain)

    @property
    def first(self) -> np.ndarray:
        """The trunk's rows that are the networks, shape (networks,)."""
        return np.array([network.row for network in self.networks], np.int64)


def trunks(space: Space, variant: Variant, left_out: Counter[str]) -> Iterator[Trunk]:
    """Every choice of strides and upsampling that the whole networks of the variant allow; `left_out` counts the
    others, one by one for each of its settings, by why they do not build."""
    for upsample in space.upsamples:
        graph = _edited(variant.graph, upsample, space.base.classes) if upsample else variant.graph
        if isinstance(graph, str):
            left_out[graph] += len(variant.settings) * _choices(space.strides)
            continue
        for strides, strided in _strided(graph, space.strides, space.base.classes):
            if isinstance(strided, str):
                left_out[strided] += len(variant.settings)
            else:
                yield Trunk(variant, upsample, strides, strided)


StrideAxes = tuple[tuple[str, tuple[int, ...]], ...]
"""Layers, and the strides that are tried at each."""


def _choices(axes: StrideAxes) -> int:
    return prod(len(strides) for _, strides in axes)


def _strided(
    graph: Graph, axes: StrideAxes, classes: int, waiting: tuple[Stride, ...] = ()
) -> Iterator[tuple[tuple[Stride, ...], Graph | str]]:
    """Every choice of strides with the stacked graph that it makes, or with why it makes none.

    The edits are in the order in which they apply: `waiting` are those that do not fit before others have.
    """
    if not axes:
        strided: Graph | str = graph
        for edit in waiting:
            strided = strided if isinstance(strided, str) else _edited(strided, edit, classes)
        yield waiting, strided
        return
    (layer, values), *rest = axes
    for value in values:
        edit = Stride(layer, value)
        if _stride_of(graph, layer) == value:
            yield from _strided(graph, tuple(rest), classes, waiting)
            continue
        changed = _edited(graph, edit, classes)
        if isinstance(changed, str):
            yield from _strided(graph, tuple(rest), classes, (*waiting, edit))
            continue
        for others, last in _strided(changed, tuple(rest), classes, waiting):
            yield (edit, *others), last


def _edited(graph: Graph, edit: Edit, classes: int) -> Graph | str:
    """A stacked graph with an edit, or why it cannot have it, by the numbers of one of its rows."""
    try:
        return edit.apply(graph, classes)
    except ArchscopeError as stacked:
        message = stacked.message
    try:
        edit.apply(one_of(graph), classes)
    except ArchscopeError as one:
        message = one.message
    return f"{edit_text(edit)}: {message}"


def _stride_of(graph: Graph, layer: str) -> int | None:
    op = graph.node(layer).op
    return op.strides[0] if isinstance(op, Windowed) and op.strides[0] == op.strides[1] else None


def groups(space: Space, trunk: Trunk) -> Iterator[Group]:
    """The trunk's bodies. One in which a stride was changed behind its end is another trunk's."""
    for cut in space.cuts:
        end = _end(space, trunk.graph, cut)
        if end == NOWHERE:
            continue
        layers = layers_left(trunk.graph, end)
        resting = {
            layer: _resting(trunk.variant.graph, layer, values)
            for layer, values in space.strides
            if layer not in layers
        }
        if any(_stride_of(trunk.graph, layer) != value for layer, value in resting.items()):
            continue
        kept = tuple(edit for edit in trunk.strides if edit.layer in layers)
        if end is not None:
            found = [Group(trunk, end, kept, distinct(space, trunk.variant, cut, False), space.units, space.plain)]
        else:
            # Its own head may be wider or narrower with the body; one that takes its place is not.
            own = Group(trunk, None, kept, distinct(space, trunk.variant, None, True), (), space.plain)
            found = [own, Group(trunk, None, kept, distinct(space, trunk.variant, None, False), space.units, False)]
        yield from (group for group in found if group.size)


def layers_left(graph: Graph, cut: str | None) -> frozenset[str]:
    """The layers of the graph, or those that are left of it behind a cut."""
    return frozenset(node.name for node in (graph.ancestors(cut) if cut else graph).nodes)


def _end(space: Space, graph: Graph, cut: str | None) -> str | None:
    """Where a cut of the base is in another width: a block that ends in an Add in one need not do so in another.

    NOWHERE where the graph has no such block or layer, as a shallower one need not.
    """
    if cut is None:
        return None
    base = bare(space.base)
    block = base.node(cut).block
    ends = bool(block) and base.block(block)[-1].name == cut
    if ends:
        return graph.block(block)[-1].name if block in graph.blocks else NOWHERE
    return cut if cut in graph else NOWHERE


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
