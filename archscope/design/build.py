"""Design -> Graph: build the base, replay the edits; and add an edit to a design."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice, takewhile

from archscope.design.design import Design
from archscope.design.edits import Cut, Edit, Stride, Upsample, Width
from archscope.design.spec import edit_text
from archscope.errors import ArchscopeError, DesignError, GraphError
from archscope.graph import Graph, Input, Node, Shape, Windowed, digest, shape_text, trace, verify
from archscope.surgery import FACTORS

LARGEST_SUGGESTED = 256
"""Up to which side an input is looked for that works."""
MOST_STRIDES = 3
"""How many strides are offered to be set to 1, to make a network fit its input."""


def build(design: Design) -> Graph:
    """The verified graph of a design. Raises DesignError, naming the edit or the size that does not work."""
    base = design.family.build(design.input, design.arguments)
    if not design.edits:
        return _verified_base(design, base)
    try:
        # An edit may be what makes the base fit: each one verifies what it makes.
        return _replayed(design, base)
    except DesignError:
        together = _fitted_together(design, base)
        if together is None:
            raise
        return together


def edited(design: Design, edit: Edit) -> Design:
    """The design with one more edit, in its shortest form; the same design where the edit changes nothing.

    An edit that makes earlier ones moot replaces them (a cut replaces cut and head, a head the head, a stride the
    stride of its layer), unless that would build another network. A width's factor is one of the network without the
    width before it. An edit that finds nothing more to do is so already where it stands for an earlier one's work.
    Raises SurgeryError or GraphError for an edit that this network does not allow; DesignError where a width cannot
    be undone, as a later edit needs it.
    """
    graph = build(design)
    try:
        edit = edit.resolved(graph)
        wanted: str | None = digest(edit.apply(graph, design.classes))
    except ArchscopeError:
        if _done_already(design, edit, graph):
            return design
        raise
    kept = design.having(edits=[old for old in design.edits if not edit.moots(old)])
    shortest = design.having(edits=[*kept.edits, edit])
    if isinstance(edit, Width) and kept != design:
        if len(shortest.edits) == len(design.edits) and edit in design.edits:
            return design
        wanted = digest(_without_width(shortest, edit))
    if wanted == digest(graph):
        return design
    if isinstance(edit, Stride) and kept != design:
        # The padding that belongs to a stride is the base's, not what the stride before it made of that.
        wanted = _digest(shortest) or wanted
    for candidate in (kept, shortest):
        if _digest(candidate) == wanted:
            return candidate
    return design.having(edits=[*design.edits, edit])


def _done_already(design: Design, edit: Edit, graph: Graph) -> bool:
    """Whether `edit`, as it was typed, in place of an earlier one of its kind and last of all, builds the same network.

    So `drop block:7` is so already once block 7 is gone; a stride whose layer was cut off is not.
    """
    for number, old in enumerate(design.edits):
        others = (*design.edits[:number], *design.edits[number + 1 :])
        if isinstance(edit, type(old)) and _digest(design.having(edits=[*others, edit])) == digest(graph):
            return True
    return False


def _without_width(design: Design, edit: Edit) -> Graph:
    """The graph of a design from which the widths before `edit` are gone."""
    try:
        return build(design)
    except ArchscopeError as error:
        raise DesignError(
            f"{edit_text(edit)} is a factor of the network without the width before it, and that cannot be built: "
            f"{error.message}",
            "undo back to before that edit, set the width, and make the edit again",
        ) from error


def _digest(design: Design) -> str | None:
    """The digest of what a design builds, None for one that builds nothing."""
    try:
        return digest(build(design))
    except ArchscopeError:
        return None


def _verified_base(design: Design, graph: Graph) -> Graph:
    try:
        return verify(graph).graph
    except GraphError as error:
        alpha = design.arguments.get("alpha")
        where = f"{design.model} at {shape_text(design.input)}" + (f", alpha {alpha}" if alpha is not None else "")
        raise DesignError(f"{where}: {error.message}", _remedy(design, graph)) from error


def _replayed(design: Design, graph: Graph) -> Graph:
    for number, edit in enumerate(design.edits, 1):
        try:
            graph = edit.apply(graph, design.classes)
        except ArchscopeError as error:
            where = f"edit {number} of {len(design.edits)}, {edit_text(edit)}"
            raise DesignError(f"{where}: {error.message}", error.remedy) from error
    return graph


def _fitted_together(design: Design, base: Graph) -> Graph | None:
    """A base that does not fit its input with edits that make it fit together, though none of them does alone.

    They are made behind an image that leaves room, and what they made is verified behind the design's own. None where
    the base fits, or they do not help.
    """
    if len(design.edits) < 2 or _fits(base):
        return None
    room = (LARGEST_SUGGESTED, LARGEST_SUGGESTED, design.input[2])
    try:
        return verify(_behind(_replayed(design, _behind(base, room)), design.input)).graph
    except ArchscopeError:
        return None


def _behind(graph: Graph, shape: Shape) -> Graph:
    """The same layers behind an image of another size."""
    image, *layers = graph.nodes
    return Graph((replace(image, op=Input(shape=shape)), *layers))


def _remedy(design: Design, graph: Graph) -> str:
    """The smallest square input that the base can be built for, and the edits with which it fits its own."""
    failing = next((row for row in trace(graph) if not row.effect.fits), None)
    if failing is None:
        return ""
    side = _smallest_side(design, graph)
    if side is None:
        narrow = "alpha" in design.arguments and failing.output[-1] < 1
        return "choose a larger alpha: each layer keeps at least one channel" if narrow else ""
    surgery = ["".join(f"+{edit_text(edit)}" for edit in edits) for edits in _surgery(design, graph, failing.node)]
    instead = f", and at {shape_text(design.input[:2])} it works with {' or '.join(surgery)}" if surgery else ""
    return f"the smallest square input that works is {side}{instead}"


def _smallest_side(design: Design, graph: Graph) -> int | None:
    """The least side above the last power of two that does not work, up to the first that does."""

    def fits(side: int) -> bool:
        return _fits(_behind(graph, (side, side, design.input[2])))

    power = 1
    while not fits(power):
        power *= 2
        if power > LARGEST_SUGGESTED:
            return None
    for side in range(power // 2 + 1, LARGEST_SUGGESTED + 1):
        # Some builders look at the size: the same layers behind another image are not all the truth.
        if fits(side) and _works(design.having(input=(side, side, design.input[2]))):
            return side
    return None


def _surgery(design: Design, graph: Graph, failing: Node) -> Iterator[tuple[Edit, ...]]:
    """Edits with which a base fits its input: tried, not guessed.

    One way keeps its depth: the fewest of its first strides set to 1, or else the least upsampling. The other cuts it
    after the last block that works before the layer that does not fit.
    """
    strided = [node.name for node in graph.nodes if isinstance(node.op, Windowed) and max(node.op.strides) > 1]
    firsts = (strided[:count] for count in range(1, min(len(strided), MOST_STRIDES) + 1))
    larger: Iterable[tuple[Edit, ...]] = chain(
        (tuple(Stride(name, 1) for name in first) for first in firsts), ((Upsample(factor),) for factor in FACTORS)
    )
    before = list(takewhile(lambda block: block != failing.block, graph.blocks))
    shorter: Iterable[tuple[Edit, ...]] = ((Cut(block),) for block in reversed(before))
    for ways in (larger, shorter):
        yield from islice((edits for edits in ways if _works(design.having(edits=edits))), 1)


def _fits(graph: Graph) -> bool:
    try:
        verify(graph)
    except GraphError:
        return False
    return True


def _works(design: Design) -> bool:
    """Whether a design can be built; without the search for a remedy."""
    try:
        if design.edits:
            build(design)
        else:
            verify(design.family.build(design.input, design.arguments))
    except ArchscopeError:
        return False
    return True
