"""Trace: the one computed product of a graph. Tables, diagnosis, budgets and reports read it; none recomputes a shape.

`trace` never raises on a graph whose names, order and ranks are sound, and works on NumPy integer arrays as it works
on ints; `verify` raises, with a sentence, and returns the trace of a graph that holds together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from hashlib import sha256

from archscope.errors import GraphError
from archscope.graph.graph import Graph, Node, no_layer
from archscope.graph.ops import Effect, Input, Op, Opaque, Shape, Weight, shape_text


@dataclass(frozen=True, slots=True)
class Row:
    """One layer, computed: the shapes it reads, the shape it makes, its weights and its MACs for one image."""

    node: Node
    inputs: tuple[Shape, ...]
    effect: Effect

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def output(self) -> Shape:
        return self.effect.shape

    @property
    def weights(self) -> tuple[Weight, ...]:
        return self.effect.weights

    @property
    def macs(self) -> int:
        return self.effect.macs

    @property
    def counted(self) -> bool:
        """Whether there is a rule for this op's MACs; where there is none, `macs` is 0 and no figure."""
        return self.effect.counted

    @property
    def params(self) -> int:
        return sum(weight.size for weight in self.weights)

    @property
    def trainable_params(self) -> int:
        return sum(weight.size for weight in self.weights if weight.trainable)


@dataclass(frozen=True, slots=True)
class Trace:
    """Every layer of a graph, computed, in the graph's order; totals are sums over the rows."""

    graph: Graph
    rows: tuple[Row, ...]
    rows_by_name: dict[str, Row] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows_by_name", {row.name: row for row in self.rows})

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def row(self, name: str) -> Row:
        """The row of that name. Raises GraphError, with the nearest names."""
        if name not in self.rows_by_name:
            raise no_layer(name, self.graph)
        return self.rows_by_name[name]

    @property
    def input(self) -> Shape:
        return self.rows[0].output

    @property
    def output(self) -> Shape:
        return self.rows[-1].output

    @property
    def params(self) -> int:
        return sum(row.params for row in self.rows)

    @property
    def trainable_params(self) -> int:
        return sum(row.trainable_params for row in self.rows)

    @property
    def non_trainable_params(self) -> int:
        return self.params - self.trainable_params

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    @property
    def uncounted(self) -> tuple[Row, ...]:
        """The layers whose MACs nobody knows: what the totals leave out."""
        return tuple(row for row in self.rows if not row.counted)

    @property
    def fits(self) -> bool:
        fits = True
        for row in self.rows:
            fits = fits & row.effect.fits
        return fits


MAX_SIDE = 10_000_000
"""A guard: what makes a larger map is no network of images."""


def trace(graph: Graph) -> Trace:
    """Apply each op's rule in order."""
    return _trace(graph, lambda node, inputs: None)


def retrace(graph: Graph, known: Trace) -> Trace:
    """The trace of a graph that shares nodes with `known`'s: rows that are alike are taken from there."""
    rows: dict[str, Row] = {}
    shared: set[str] = set()
    for node in graph.nodes:
        row = known.rows_by_name.get(node.name)
        if row is not None and row.node is node and shared.issuperset(node.inputs):
            shared.add(node.name)
            rows[node.name] = row
        else:
            inputs = tuple(rows[name].output for name in node.inputs)
            rows[node.name] = Row(node, inputs, node.op.effect(*inputs))
    return Trace(graph, tuple(rows.values()))


def verify(graph: Graph) -> Trace:
    """The trace of a sound graph: unique names, topological order, one input, nothing dangling, shapes that fit.

    Raises GraphError, naming the first layer that does not hold, the shapes it meets and what it needs.
    """
    _verify_names(graph)
    traced = _trace(graph, _verify_signature)
    for row in traced:
        if len(row.output) == 3 and max(row.output[:2]) > MAX_SIDE:
            raise GraphError(f"{row.name!r}: a map of {shape_text(row.output)} is beyond {MAX_SIDE:,} on a side")
        if not all_of(row.effect.fits):
            meets = " and ".join(shape_text(shape) for shape in row.inputs or (row.output,))
            needs = row.node.op.needs
            if isinstance(row.node.op, Opaque) and row.node.op.reads:
                needs += f", {' and '.join(map(shape_text, row.node.op.reads))}"
            raise GraphError(f"{row.name!r}: {row.node.kind} needs {needs}, and got {meets}")
    return traced


def all_of(fits: bool) -> bool:
    """Whether it fits; of a trace over NumPy arrays, whether all candidates do."""
    return fits if isinstance(fits, bool) else bool(fits.all())


def _trace(graph: Graph, check: Callable[[Node, tuple[Shape, ...]], None]) -> Trace:
    shapes: dict[str, Shape] = {}
    rows = []
    for node in graph.nodes:
        inputs = tuple(shapes[name] for name in node.inputs)
        check(node, inputs)
        effect = node.op.effect(*inputs)
        shapes[node.name] = effect.shape
        rows.append(Row(node, inputs, effect))
    return Trace(graph, tuple(rows))


def _verify_names(graph: Graph) -> None:
    if not graph.nodes:
        raise GraphError("a graph without nodes is no network")
    seen: set[str] = set()
    read: set[str] = set()
    for node in graph.nodes:
        if not (node.name + node.kind).isprintable():
            # Names reach terminals, tables and drawings, and those of a file can be anyone's.
            raise GraphError(f"a layer is named {node.name!a} ({node.kind!a}), which does not print", "rename it")
        if node.name in seen:
            raise GraphError(f"two layers are named {node.name!r}; names are unique")
        for name in node.inputs:
            if name not in seen:
                raise GraphError(f"{node.name!r} reads {name!r}, which does not stand before it")
        if isinstance(node.op, Input) == bool(seen):
            raise GraphError(f"{node.name!r}: a graph has one Input, its first node")
        seen.add(node.name)
        read.update(node.inputs)
    dangling = seen - read - {graph.output.name}
    if dangling:
        raise GraphError(f"nothing reads {min(dangling)!r}; every layer but the last feeds another")


def _verify_signature(node: Node, inputs: tuple[Shape, ...]) -> None:
    op = node.op
    least, most = op.arity
    if len(inputs) < least or (most is not None and len(inputs) > most):
        wanted = f"{least} or more" if most is None else str(least)
        raise GraphError(f"{node.name!r}: {node.kind} takes {wanted} inputs, and got {len(inputs)}")
    for shape in inputs:
        if op.rank is not None and len(shape) != op.rank:
            raise GraphError(f"{node.name!r}: {node.kind} needs {op.needs}, and got {shape_text(shape)}")
    # Rules divide by these, or count with them.
    steps = (getattr(op, name, (1, 1)) for name in ("kernel", "strides", "dilation", "size"))
    if min(getattr(op, "groups", 1), *(min(pair) for pair in steps)) < 1:
        raise GraphError(f"{node.name!r}: kernel, strides, dilation and groups of a {node.kind} are at least 1")


def digest(graph: Graph) -> str:
    """The identity of a graph, names erased: 12 hex digits.

    A node's hash covers its op and its inputs' hashes, so neither names nor the order of independent branches matter;
    the sorted hashes of all nodes tell a branch that is shared from one that stands twice. Attributes at their defaults
    are left out, so that an op that learns a new attribute keeps the digests of old graphs.
    """
    hashes: dict[str, str] = {}
    for node in graph.nodes:
        text = f"{_op_text(node.op)}({','.join(hashes[name] for name in node.inputs)})"
        hashes[node.name] = sha256(text.encode()).hexdigest()
    whole = "\n".join([hashes[graph.output.name], *sorted(hashes.values())])
    return sha256(whole.encode()).hexdigest()[:12]


def _op_text(op: Op) -> str:
    values = ((known.name, getattr(op, known.name), known.default) for known in fields(op) if known.repr)
    return f"{type(op).__name__} {' '.join(f'{name}={value!r}' for name, value, default in values if value != default)}"
