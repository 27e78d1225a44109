"""Design -> Graph: build the base, replay the edits; and add an edit to a design."""

from __future__ import annotations

from archscope.design.design import Design
from archscope.design.edits import Cut, Edit, Head, Stride, Upsample
from archscope.design.spec import edit_text
from archscope.errors import ArchscopeError, DesignError, GraphError
from archscope.graph import Graph, digest, shape_text, verify
from archscope.zoo import Builder

LARGEST_SUGGESTED = 256
"""Up to which side an input is looked for that works."""


def build(design: Design) -> Graph:
    """The verified graph of a design. Raises DesignError, naming the edit or the size that does not work."""
    graph = design.family.build(design.input, design.arguments)
    if not design.edits:
        return _verified_base(design, graph)
    # An edit may be what makes the base fit: each one verifies what it makes.
    for number, edit in enumerate(design.edits, 1):
        try:
            graph = edit.apply(graph, design.classes)
        except ArchscopeError as error:
            where = f"edit {number} of {len(design.edits)}, {edit_text(edit)}"
            raise DesignError(f"{where}: {error.message}", error.remedy) from error
    return graph


def edited(design: Design, edit: Edit) -> Design:
    """The design with one more edit, in its shortest form; the same design where the edit changes nothing.

    An edit that makes earlier ones moot replaces them (a cut replaces cut and head, a head the head, a stride the
    stride of its layer), unless that would build another network.
    Raises SurgeryError or GraphError for an edit that this network does not allow.
    """
    graph = build(design)
    edit = edit.resolved(graph)
    wanted: str | None = digest(edit.apply(graph, design.classes))
    if wanted == digest(graph):
        return design
    kept = design.having(edits=[old for old in design.edits if not _replaces(edit, old)])
    shortest = design.having(edits=[*kept.edits, edit])
    if isinstance(edit, Stride) and kept != design:
        # The padding that belongs to a stride is the base's, not what the stride before it made of that.
        wanted = _digest(shortest) or wanted
    for candidate in (kept, shortest):
        if _digest(candidate) == wanted:
            return candidate
    return design.having(edits=[*design.edits, edit])


def _replaces(new: Edit, old: Edit) -> bool:
    if isinstance(new, Cut):
        return isinstance(old, (Cut, Head))
    if isinstance(new, Head):
        return isinstance(old, Head)
    if isinstance(new, Upsample):
        return isinstance(old, Upsample)
    return isinstance(old, Stride) and old.layer == new.layer


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
        raise DesignError(f"{where}: {error.message}", _remedy(design)) from error


def _remedy(design: Design) -> str:
    """The smallest square input that the base can be built for, if size is what is wrong."""
    for side in range(1, LARGEST_SUGGESTED + 1):
        candidate = design.having(input=(side, side, design.input[2]))
        if _holds(candidate, design.family.sketch) and (design.family.sketch is None or _holds(candidate)):
            return f"the smallest square input that works is {side}"
    return "choose a larger alpha: each layer keeps at least one channel" if "alpha" in design.arguments else ""


def _holds(design: Design, build: Builder | None = None) -> bool:
    try:
        verify((build or design.family.build)(design.input, design.arguments))
    except ArchscopeError:
        return False
    return True
