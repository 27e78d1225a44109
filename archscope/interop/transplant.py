"""Which weights of one network another one takes, layer by layer, by their names: exact, adapted or new.

exact    the same name, the same kind of layer, arrays of the same shapes, and the same channels on their axes. Strides,
         padding, dilation and activation may differ. Of weights alone nobody knows the channels: shapes must do.
adapted  the same layer with more or fewer channels. Fewer: of each group of channels that the source ties together
         (`analysis.channels`), those are kept whose filters have the largest L1 norm, summed over all layers that make
         the group (Li et al. 2017, arXiv:1608.08710); every array that has the group on an axis keeps the same ones.
         More: all are kept, and the rest starts fresh. Images of another number of channels: one in place of three has
         the sum of their kernels, three in place of one a third of it each.
         Other arrays: those of one name are taken, a kernel where there is a bias now, say, or what one norm scales and
         shifts by where there is another; the rest starts fresh.
new      no such layer, another kind, another window, another number of classes, other channels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from archscope.analysis.channels import ChannelGroup
from archscope.configs.archive import snake_case
from archscope.graph import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    Norm,
    Op,
    Row,
    SeparableConv2D,
    Shape,
    Trace,
    shape_text,
)
from archscope.interop.aligned import Alignment
from archscope.interop.gather import Gathers, Image, fits, gather_for, layouts_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archscope.configs.stored import Arrays
    from archscope.interop.aligned import Origin
    from archscope.interop.source import Source

Outcome = Literal["exact", "adapted", "new"]
_NUMBERED = re.compile(r"(.+?)_([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Carried:
    """One layer with weights: what becomes of them, and how, in words; `source` is the layer that they come from."""

    layer: str
    kind: str
    block: str
    params: int
    outcome: Outcome
    how: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Transplant:
    """What becomes of each layer with weights, in the graph's order; `gathers` put the adapted ones together."""

    layers: tuple[Carried, ...]
    gathers: Mapping[str, Gathers]

    def having(self, outcome: Outcome) -> tuple[Carried, ...]:
        """The layers with that outcome."""
        return tuple(one for one in self.layers if one.outcome == outcome)

    def arrays(self, one: Carried, source: Source, fresh: Sequence[npt.NDArray[np.float32]]) -> Arrays:
        """The arrays of a layer that is not new, in Keras' order; `fresh` are those that it began with."""
        known = source.layers[one.source]
        if one.outcome == "exact":
            return known
        gathers = zip(self.gathers[one.layer], fresh, strict=True)
        return tuple(gather.fill(begun, known[gather.place]) if gather else begun for gather, begun in gathers)


def transplant(source: Source, target: Trace) -> Transplant:
    """Decide for each layer of `target` what it takes from `source`."""
    match = _Match(source, target)
    layers, gathers = [], {}
    for row in target:
        if row.weights:
            one, axes = match.layer(row)
            layers.append(one)
            if axes:
                gathers[one.layer] = axes
    return Transplant(tuple(layers), gathers)


class _UnfitError(Exception):
    """Why a layer's weights do not fit; the message completes "new: ..."."""


class _Match:
    """Two networks side by side."""

    def __init__(self, source: Source, target: Trace) -> None:
        self.source, self.target = source, target
        self.rows = {row.name: row for row in source.trace} if source.trace is not None else {}
        self.names = _twins(self.rows or source.layers, target.rows)
        self.twins = {name: twin for name, twin in self.names.items() if twin in source.layers}
        self.last = next((row.name for row in reversed(target.rows) if row.weights), "")
        self._alignment: Alignment | None = None
        self._rankings: dict[str, Origin] = {}

    def layer(self, row: Row) -> tuple[Carried, Gathers]:
        twin = self.twins.get(row.name, "")

        def carried(outcome: Outcome, how: str) -> Carried:
            return Carried(row.name, row.node.kind, row.node.block, row.params, outcome, how, twin)

        if not twin:
            return carried("new", "no layer of that name there"), ()
        there = [array.shape for array in self.source.layers[twin]]
        here = [weight.shape for weight in row.weights]
        try:
            self._check_kind(row, twin)
            if twin not in self.rows and len(there) != len(here):
                raise _UnfitError(f"{len(there)} arrays there, {len(here)} here")
            if twin not in self.rows and there == here:
                return carried("exact", ""), ()
            return self._aligning(row, twin, there, carried)
        except _UnfitError as reason:
            return carried("new", str(reason)), ()

    def _check_kind(self, row: Row, twin: str) -> None:
        """Arrays of one shape in layers of two kinds, or of two numbers of groups, are not the same weights."""
        known = self.rows.get(twin)
        if known is None:
            return
        norms = isinstance(known.node.op, Norm) and isinstance(row.node.op, Norm)
        if known.node.kind != row.node.kind and not norms:
            raise _UnfitError(f"a {known.node.kind} there, a {row.node.kind} here")
        for name in ("groups", "depth_multiplier"):
            there, here = (getattr(one.node.op, name, 1) for one in (known, row))
            if there != here and not norms:
                raise _UnfitError(f"{name.replace('_', ' ')} {there} there, {here} here")
        if not {weight.name for weight in known.weights} & {weight.name for weight in row.weights}:
            raise _UnfitError(" and ".join(weight.name for weight in known.weights) + " there")

    def _aligning(self, row: Row, twin: str, there: Sequence[Shape], carried: Carrier) -> tuple[Carried, Gathers]:
        """Exact where the arrays are shaped alike, and each channel is the one that stands there; else adapted."""
        known = self.rows.get(twin)
        if known is None:
            raise _UnfitError(f"{shape_text(there[0])} there; the file does not say how its channels are tied")
        if self.target.graph.has_head and row.name == self.last and known.output[-1:] != row.output[-1:]:
            raise _UnfitError(f"{known.output[-1]:,} classes there, {row.output[-1]:,} here")
        named = {weight.name: place for place, weight in enumerate(known.weights)}
        places = [named.get(weight.name) for weight in row.weights]
        shapes = [weight.shape for weight in row.weights]
        alike = shapes == there and places == list(range(len(there)))
        layouts = layouts_of(row.node.op, [len(shape) for shape in shapes])
        if layouts is None and not alike:
            raise _UnfitError(f"a {row.node.kind} of {shape_text(there[0])} there cannot be widened or narrowed")
        for layout, place, shape in zip(layouts or (), places, shapes, strict=bool(layouts)):
            if place is not None and not fits(layout, there[place], shape):
                raise _UnfitError(f"{shape_text(there[place])} there, {shape_text(shape)} here")
        image = self._image(row, known)
        sides = {"out": self._made(known, row)}
        if image not in ("summed", "spread"):
            # A norm has no axis of what it reads, and still must read the same channels.
            sides["in"] = self._read(known, row)
        if alike and known.node.kind == row.node.kind and all(map(_identity, sides.values())):
            return carried("exact", ""), ()
        if layouts is None:
            raise _UnfitError(f"a {row.node.kind} of {shape_text(there[0])} there cannot be widened or narrowed")
        gathers = tuple(
            None if place is None else gather_for(row.node.op, layout, sides, place, image)
            for layout, place in zip(layouts, places, strict=True)
        )
        return carried("adapted", _how(known, row, image, sides)), gathers

    def _image(self, row: Row, known: Row) -> Image:
        """How a layer takes an image of another number of channels; "" where it does not look at one."""
        there = self._aligned().there.groups
        producers = {segment.group.producers for segment in there.segments(known.node.inputs[0])}
        before, after = known.inputs[0][-1], row.inputs[0][-1]
        if producers != {(there.graph.nodes[0].name,)} or before == after:
            return ""
        plain = isinstance(row.node.op, Conv2D) and row.node.op.groups == 1
        return "first" if not plain or 1 not in (before, after) else "summed" if after == 1 else "spread"

    def _aligned(self) -> Alignment:
        if self._alignment is None:
            assert self.source.trace is not None
            self._alignment = Alignment(self.source.trace, self.target, self.names)
        return self._alignment

    def _made(self, known: Row, row: Row) -> Origin:
        """For each channel that a layer makes here, the one of the source's layer that it is, -1 for a fresh one."""
        return self._origin(known.name, row.name, "its channels are")

    def _read(self, known: Row, row: Row) -> Origin:
        """The same of what a layer reads."""
        return self._origin(known.node.inputs[0], row.node.inputs[0], "the channels that it reads are")

    def _origin(self, before: str, after: str, what: str) -> Origin:
        origin = self._aligned().origin(before, after, self._chosen)
        if origin is None:
            raise _UnfitError(f"{what} {self._aligned().difference(before, after)}")
        return origin

    def _chosen(self, group: ChannelGroup, size: int) -> Origin:
        """Which of the group's channels stand for `size` of them here, in their order; each run keeps the same ones."""
        import numpy as np

        if size == group.size:
            return np.arange(size)
        run_before, run_after = group.size // group.runs, size // group.runs
        kept = np.arange(run_before) if run_after >= run_before else np.sort(self._ranking(group)[:run_after])
        kept = np.concatenate([kept, np.full(run_after - len(kept), -1)])
        starts = np.arange(group.runs)[:, None] * run_before
        return np.where(kept < 0, -1, kept + starts).ravel()

    def _ranking(self, group: ChannelGroup) -> Origin:
        """The places in a run, largest L1 norm of their filters first, summed over runs and over all that make them."""
        import numpy as np

        if group.name not in self._rankings:
            there = self._aligned().there.groups
            total = np.zeros(group.size)
            for producer in group.producers:
                start, norms = 0, self._norms(producer)
                for segment in there.segments(producer):
                    if segment.group == group and norms is not None:
                        total += norms[start : start + group.size]
                    start += segment.size
            total = total.reshape(group.runs, -1).sum(axis=0)
            self._rankings[group.name] = np.argsort(-total, kind="stable")
        return self._rankings[group.name]

    def _norms(self, layer: str) -> npt.NDArray[np.float64] | None:
        """The L1 norm of each filter of a layer; None where its weights are not known."""
        import numpy as np

        arrays = self.source.layers.get(layer)
        if not arrays:
            return None
        op = self.rows[layer].node.op
        kernel = np.abs(arrays[1 if isinstance(op, SeparableConv2D) else 0], dtype=np.float64)
        filters = 2 if isinstance(op, Conv2DTranspose) else kernel.ndim - 1
        norms: npt.NDArray[np.float64] = kernel.sum(axis=tuple(axis for axis in range(kernel.ndim) if axis != filters))
        return norms


if TYPE_CHECKING:
    from collections.abc import Callable

    Carrier = Callable[[Outcome, str], Carried]


def _twins(there: Iterable[str], here: Sequence[Row]) -> dict[str, str]:
    """For each layer here the one there of its name.

    Names that Keras makes up (`dense`, `dense_7`) count the layers that a session has built before. Where all of a kind
    stand on the other side, too, the networks have one count. Else those of a kind are alike by their order, if they
    are as many; and if they are not, nobody knows which is which.
    """
    known = set(there)
    twins = {row.name: row.name for row in here if row.name in known}
    ours: dict[str, dict[int, str]] = defaultdict(dict)
    for row in here:
        word, number = _automatic(row.name)
        if word == snake_case(row.node.kind):
            ours[word][number] = row.name
    theirs: dict[str, dict[int, str]] = defaultdict(dict)
    for name in known:
        word, number = _automatic(name)
        theirs[word][number] = name
    for word, mine in ours.items():
        other = theirs[word]
        if mine.keys() <= other.keys() or mine.keys() >= other.keys():
            continue
        for name in mine.values():
            twins.pop(name, None)
        if len(mine) == len(other):
            twins.update((mine[a], other[b]) for a, b in zip(sorted(mine), sorted(other), strict=True))
    return twins


def _automatic(name: str) -> tuple[str, int]:
    """The word and the number of a name as Keras makes them up; the first of a session has none."""
    numbered = _NUMBERED.fullmatch(name)
    return (numbered[1], int(numbered[2])) if numbered else (name, 0)


def _identity(origin: Origin) -> bool:
    return list(origin) == list(range(len(origin)))


def _how(known: Row, row: Row, image: Image, sides: Mapping[str, Origin]) -> str:
    """`32 of 64 inputs, 16 of 32 filters kept`."""
    kept, grown = [], []
    parts = [("out", known.output[-1], row.output[-1], _noun(row.node.op))]
    if isinstance(row.node.op, (Conv2D, Conv2DTranspose, SeparableConv2D, Dense)) and image in ("", "first"):
        parts.insert(0, ("in", known.inputs[0][-1], row.inputs[0][-1], "inputs"))
    for side, there, here, noun in parts:
        taken = int((sides[side] >= 0).sum())
        if taken < there:
            kept.append(f"{taken:,} of {there:,} {noun}")
        if taken < here:
            grown.append(f"{taken:,} of {here:,} {noun}")
    words = [f"{', '.join(kept)} kept"] if kept else []
    words += [f"{', '.join(grown)} from there"] if grown else []
    if image in ("summed", "spread"):
        way = "summed" if image == "summed" else "a share each"
        words.insert(0, f"{known.inputs[0][-1]} -> {row.inputs[0][-1]} inputs: {way}")
    return "; ".join([*_by_name(known, row), *words])


def _by_name(known: Row, row: Row) -> list[str]:
    """`kernel taken, bias fresh`, where a layer has other arrays than there, or is another norm."""
    theirs, ours = ([weight.name for weight in one.weights] for one in (known, row))
    if theirs == ours and known.node.kind == row.node.kind:
        return []
    taken, fresh = ([name for name in ours if (name in theirs) is wanted] for wanted in (True, False))
    return [f"{' and '.join(taken)} taken" + (f", {' and '.join(fresh)} fresh" if fresh else "")]


def _noun(op: Op) -> str:
    if isinstance(op, (Conv2D, Conv2DTranspose, SeparableConv2D)):
        return "filters"
    return "units" if isinstance(op, Dense) else "channels"
