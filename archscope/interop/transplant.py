"""Which weights of one network another one takes, layer by layer, by their names: exact, adapted or new.

exact    the same name, the same kind of layer, the same arrays. Strides, padding, dilation and activation may differ.
adapted  the same layer with more or fewer channels. Fewer: of each group of channels that the source ties together
         (`analysis.channels`), those are kept whose filters have the largest L1 norm, summed over all layers that make
         the group (Li et al. 2017, arXiv:1608.08710); every array that has the group on an axis keeps the same ones.
         More: all are kept, and the rest starts fresh. Images of another number of channels: one in place of three has
         the sum of their kernels, three in place of one a third of it each.
new      no such layer, another kind, another window, another number of classes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from archscope.analysis.channels import ChannelGroup, ChannelGroups, Segments, channel_groups
from archscope.configs.archive import snake_case
from archscope.graph import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Op,
    PReLU,
    Row,
    SeparableConv2D,
    Shape,
    Trace,
    shape_text,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archscope.interop.source import Source
    from archscope.interop.stored import Arrays

    Origin = npt.NDArray[np.int64]

Outcome = Literal["exact", "adapted", "new"]
Side = Literal["in", "out", "repeated", "same"]
"""What an axis of an array counts: the channels read, those made, those behind a depthwise window, or neither."""
Image = Literal["", "summed", "spread", "first"]
"""How a kernel that looks at the image takes another number of channels, where it does."""

_NUMBERED = re.compile(r"(.+?)_[0-9]+")


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
class Gather:
    """One array from another: entry `source[i]` of each axis goes to `target[i]`, None for an axis as it is.

    `image`: the axis of an image's channels is summed first, or spread over as many.
    """

    axes: tuple[tuple[Origin, Origin] | None, ...]
    image: Image = ""

    def fill(self, fresh: npt.NDArray[np.float32], source: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """`fresh` with what comes from `source` in its place."""
        import numpy as np

        if self.image == "summed":
            source = source.sum(axis=2, keepdims=True)
        elif self.image == "spread":
            source = np.repeat(source / fresh.shape[2], fresh.shape[2], axis=2)
        sizes = zip(source.shape, self.axes, strict=True)
        chosen = [pair or (np.arange(size), np.arange(size)) for size, pair in sizes]
        filled = fresh.copy()
        filled[np.ix_(*(to for _, to in chosen))] = source[np.ix_(*(come for come, _ in chosen))]
        return filled


@dataclass(frozen=True, slots=True, eq=False)
class Transplant:
    """What becomes of each layer with weights, in the graph's order; `gathers` put the adapted ones together."""

    layers: tuple[Carried, ...]
    gathers: Mapping[str, tuple[Gather, ...]]

    def having(self, outcome: Outcome) -> tuple[Carried, ...]:
        """The layers with that outcome."""
        return tuple(one for one in self.layers if one.outcome == outcome)

    def arrays(self, one: Carried, source: Source, fresh: Sequence[npt.NDArray[np.float32]]) -> Arrays:
        """The arrays of a layer that is not new, in Keras' order; `fresh` are those that it began with."""
        known = source.layers[one.source]
        if one.outcome == "exact":
            return known
        gathers = zip(self.gathers[one.layer], fresh, known, strict=True)
        return tuple(gather.fill(begun, array) for gather, begun, array in gathers)


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


def _kinds(segments: Segments) -> list[tuple[str, int]]:
    return [(segment.group.name, segment.repeat) for segment in segments]


class _UnfitError(Exception):
    """Why a layer's weights do not fit; the message completes "new: ..."."""


class _Match:
    """Two networks side by side."""

    def __init__(self, source: Source, target: Trace) -> None:
        self.source, self.target = source, target
        self.rows = {row.name: row for row in source.trace} if source.trace is not None else {}
        self.here = {row.name: row for row in target}
        self.twins = _twins(source.layers, [row for row in target if row.weights])
        self.last = next((row.name for row in reversed(target.rows) if row.weights), "")
        self._groups: tuple[ChannelGroups, ChannelGroups] | None = None
        self._rankings: dict[str, Origin] = {}

    def layer(self, row: Row) -> tuple[Carried, tuple[Gather, ...]]:
        twin = self.twins.get(row.name, "")

        def carried(outcome: Outcome, how: str) -> Carried:
            return Carried(row.name, row.node.kind, row.node.block, row.params, outcome, how, twin)

        if not twin:
            return carried("new", "no layer of that name there"), ()
        there = [array.shape for array in self.source.layers[twin]]
        here = [weight.shape for weight in row.weights]
        try:
            self._check_kind(row, twin)
            if there == here:
                return carried("exact", ""), ()
            if len(there) != len(here):
                raise _UnfitError(f"{len(there)} arrays there, {len(here)} here")
            return self._adapted(row, twin, there, carried)
        except _UnfitError as reason:
            return carried("new", str(reason)), ()

    def _check_kind(self, row: Row, twin: str) -> None:
        """Arrays of one shape in layers of two kinds, or of two numbers of groups, are not the same weights."""
        known = self.rows.get(twin)
        if known is None:
            return
        if known.node.kind != row.node.kind:
            raise _UnfitError(f"a {known.node.kind} there, a {row.node.kind} here")
        for name in ("groups", "depth_multiplier"):
            there, here = (getattr(one.node.op, name, 1) for one in (known, row))
            if there != here:
                raise _UnfitError(f"{name.replace('_', ' ')} {there} there, {here} here")
        if [weight.name for weight in known.weights] != [weight.name for weight in row.weights]:
            raise _UnfitError(" and ".join(w.name for w in known.weights) + " there")

    def _adapted(
        self, row: Row, twin: str, there: Sequence[Shape], carried: Carrier
    ) -> tuple[Carried, tuple[Gather, ...]]:
        known = self.rows.get(twin)
        if known is None:
            raise _UnfitError(f"{shape_text(there[0])} there; the file does not say how its channels are tied")
        if self.target.graph.has_head and row.name == self.last and known.output[-1:] != row.output[-1:]:
            raise _UnfitError(f"{known.output[-1]:,} classes there, {row.output[-1]:,} here")
        layouts = _layouts(row.node.op, [len(shape) for shape in there])
        if layouts is None:
            raise _UnfitError(f"a {row.node.kind} of {shape_text(there[0])} there cannot be widened or narrowed")
        shapes = [weight.shape for weight in row.weights]
        for layout, one, other in zip(layouts, there, shapes, strict=True):
            if any(side == "same" and a != b for side, a, b in zip(layout, one, other, strict=True)):
                raise _UnfitError(f"{shape_text(one)} there, {shape_text(other)} here")
        image = self._image(row, known)
        sides = {"out": self._made(known.name, row.name)}
        if image not in ("summed", "spread"):
            # A norm has no axis of what it reads, and still must read the same channels.
            sides["in"] = self._read(known, row)
        gathers = tuple(_gather(row.node.op, layout, sides, image) for layout in layouts)
        return carried("adapted", _how(known, row, image)), gathers

    def _image(self, row: Row, known: Row) -> Image:
        """How a layer takes an image of another number of channels; "" where it does not look at one."""
        there, _ = self._both()
        producers = {segment.group.producers for segment in there.segments(known.node.inputs[0])}
        before, after = known.inputs[0][-1], row.inputs[0][-1]
        if producers != {(there.graph.nodes[0].name,)} or before == after:
            return ""
        plain = isinstance(row.node.op, Conv2D) and row.node.op.groups == 1
        return "first" if not plain or 1 not in (before, after) else "summed" if after == 1 else "spread"

    def _both(self) -> tuple[ChannelGroups, ChannelGroups]:
        if self._groups is None:
            assert self.source.trace is not None
            self._groups = channel_groups(self.source.trace), channel_groups(self.target)
        return self._groups

    def _made(self, known: str, here: str) -> Origin:
        """For each channel that a layer makes here, the one of the source's layer that it is, -1 for a fresh one."""
        there, ours = self._both()
        origin = self._origin(there.segments(known), ours.segments(here))
        if origin is None:
            raise _UnfitError("its channels are put together otherwise there")
        return origin

    def _read(self, known: Row, row: Row) -> Origin:
        """The same of what a layer reads."""
        there, ours = self._both()
        before, after = there.segments(known.node.inputs[0]), ours.segments(row.node.inputs[0])
        carries = list(self._carries(row.node.inputs[0]))
        # Where it is another tensor than there, its channels must be those of the same groups.
        if not any(name == known.node.inputs[0] or _kinds(there.segments(name)) == _kinds(before) for name in carries):
            raise _UnfitError(f"it reads {known.node.inputs[0]!r} there, and {row.node.inputs[0]!r} here")
        origin = self._origin(before, after)
        if origin is None:
            raise _UnfitError("the channels that it reads are put together otherwise there")
        return origin

    def _carries(self, name: str) -> Iterator[str]:
        """The layers of the source whose channels a layer here hands on: its namesake, or what a new one reads."""
        there, _ = self._both()
        row = self.here[name]
        if not row.node.inputs:  # The image, whatever it is called.
            yield there.graph.nodes[0].name
        elif name in self.rows:
            yield name
        elif not row.weights:
            for read in row.node.inputs:
                yield from self._carries(read)

    def _origin(self, before: Segments, after: Segments) -> Origin | None:
        import numpy as np

        if [(segment.repeat, segment.group.runs) for segment in before] != [
            (segment.repeat, segment.group.runs) for segment in after
        ]:
            return None
        parts, start = [], 0
        for old, new in zip(before, after, strict=True):
            chosen = self._chosen(old.group, new.group.size)
            repeated = chosen[:, None] * old.repeat + np.arange(old.repeat)
            parts.append(np.where(chosen[:, None] < 0, -1, repeated + start).ravel())
            start += old.size
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _chosen(self, group: ChannelGroup, size: int) -> Origin:
        """Which of the group's channels stand for `size` of them here, in their order; each run keeps the same ones."""
        import numpy as np

        run_before, run_after = group.size // group.runs, size // group.runs
        kept = np.arange(run_before) if run_after >= run_before else np.sort(self._ranking(group)[:run_after])
        kept = np.concatenate([kept, np.full(run_after - len(kept), -1)])
        starts = np.arange(group.runs)[:, None] * run_before
        return np.where(kept < 0, -1, kept + starts).ravel()

    def _ranking(self, group: ChannelGroup) -> Origin:
        """The places in a run, largest L1 norm of their filters first, summed over runs and over all that make them."""
        import numpy as np

        if group.name not in self._rankings:
            there, _ = self._both()
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
    """For each layer here the one there of its name. The number that Keras appends to an automatic name (`dense_7`) is
    set aside where both sides have only one layer of that kind of name."""
    twins = {row.name: row.name for row in here if row.name in set(there)}
    known, ours = Counter(map(_bare, there)), Counter(_bare(row.name) for row in here)
    by_bare = {_bare(name): name for name in there if name not in twins}
    for row in here:
        word = snake_case(row.node.kind)
        if row.name not in twins and _bare(row.name) == word in by_bare and known[word] == ours[word] == 1:
            twins[row.name] = by_bare[word]
    return twins


def _bare(name: str) -> str:
    numbered = _NUMBERED.fullmatch(name)
    return numbered[1] if numbered else name


_LAYOUTS: Mapping[type[Op], tuple[tuple[Side, ...], ...]] = {
    Conv2D: (("same", "same", "in", "out"), ("out",)),
    Conv2DTranspose: (("same", "same", "out", "in"), ("out",)),
    DepthwiseConv2D: (("same", "same", "in", "same"), ("out",)),
    SeparableConv2D: (("same", "same", "in", "same"), ("same", "same", "repeated", "out"), ("out",)),
    Dense: (("in", "out"), ("out",)),
    PReLU: (("same", "same", "out"),),
}


def _layouts(op: Op, ranks: Sequence[int]) -> tuple[tuple[Side, ...], ...] | None:
    """What the axes of a layer's arrays count; None where nobody knows."""
    known = _LAYOUTS.get(type(op))
    if known is None:
        # Norms and learnt factors: one number for each channel, and counts of images.
        layouts: tuple[tuple[Side, ...], ...] = tuple(("out",) if rank else () for rank in ranks)
        return layouts if max(ranks, default=0) <= 1 else None
    known = known[: len(ranks)]
    return known if [len(layout) for layout in known] == list(ranks) else None


def _gather(op: Op, layout: Sequence[Side], sides: Mapping[str, Origin], image: Image) -> Gather:
    axes = tuple(_axis(op, side, sides) for side in layout)
    return Gather(axes, image if image in ("summed", "spread") and "in" in layout else "")


def _axis(op: Op, side: Side, sides: Mapping[str, Origin]) -> tuple[Origin, Origin] | None:
    import numpy as np

    if side == "same" or (side != "out" and "in" not in sides):
        return None
    origin = sides["in" if side == "repeated" else side]
    if side == "repeated":
        times = getattr(op, "depth_multiplier", 1)
        origin = np.where(origin[:, None] < 0, -1, origin[:, None] * times + np.arange(times)).ravel()
    if side == "in" and isinstance(op, Conv2D) and op.groups > 1:
        # The input axis counts the channels of one group: each run keeps the same ones, so the first speaks for all.
        origin = origin[: len(origin) // op.groups]
    to = np.flatnonzero(origin >= 0)
    return origin[to], to


def _how(known: Row, row: Row, image: Image) -> str:
    """`32 of 64 inputs, 16 of 32 filters kept`."""
    kept, grown = [], []
    counts = [(known.output[-1], row.output[-1], _noun(row.node.op))]
    if isinstance(row.node.op, (Conv2D, Conv2DTranspose, SeparableConv2D, Dense)) and image in ("", "first"):
        counts.insert(0, (known.inputs[0][-1], row.inputs[0][-1], "inputs"))
    for there, here, noun in counts:
        if here < there:
            kept.append(f"{here:,} of {there:,} {noun}")
        elif here > there:
            grown.append(f"{there:,} of {here:,} {noun}")
    words = [f"{', '.join(kept)} kept"] if kept else []
    words += [f"{', '.join(grown)} from there"] if grown else []
    if image in ("summed", "spread"):
        way = "summed" if image == "summed" else "a share each"
        words.insert(0, f"{known.inputs[0][-1]} -> {row.inputs[0][-1]} inputs: {way}")
    return "; ".join(words)


def _noun(op: Op) -> str:
    if isinstance(op, (Conv2D, Conv2DTranspose, SeparableConv2D)):
        return "filters"
    return "units" if isinstance(op, Dense) else "channels"
