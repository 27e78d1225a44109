"""What the axes of a layer's arrays count, and how one array is put together from another along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from archscope.graph import Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D, Op, PReLU, SeparableConv2D, Shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archscope.interop.aligned import Origin

Side = Literal["in", "out", "repeated", "same"]
"""What an axis of an array counts: the channels read, those made, those behind a depthwise window, or neither."""
Image = Literal["", "summed", "spread", "first"]
"""How a kernel that looks at the image takes another number of channels, where it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """One array from that in a `place` of the source layer: entry `source[i]` of each axis goes to `target[i]`.

    An axis of None stays as it is. `image`: the axis of an image's channels is summed first, or spread over as many.
    """

    axes: tuple[tuple[Origin, Origin] | None, ...]
    place: int
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


Gathers = tuple[Gather | None, ...]
"""For each array of a layer, None for one that stays as it began."""


_LAYOUTS: Mapping[type[Op], tuple[tuple[Side, ...], ...]] = {
    Conv2D: (("same", "same", "in", "out"), ("out",)),
    Conv2DTranspose: (("same", "same", "out", "in"), ("out",)),
    DepthwiseConv2D: (("same", "same", "in", "same"), ("out",)),
    SeparableConv2D: (("same", "same", "in", "same"), ("same", "same", "repeated", "out"), ("out",)),
    Dense: (("in", "out"), ("out",)),
    PReLU: (("same", "same", "out"),),
}


def layouts_of(op: Op, ranks: Sequence[int]) -> tuple[tuple[Side, ...], ...] | None:
    """What the axes of a layer's arrays count; None where nobody knows."""
    known = _LAYOUTS.get(type(op))
    if known is None:
        # Norms and learnt factors: one number for each channel, and counts of images.
        layouts: tuple[tuple[Side, ...], ...] = tuple(("out",) if rank else () for rank in ranks)
        return layouts if max(ranks, default=0) <= 1 else None
    known = known[: len(ranks)]
    return known if [len(layout) for layout in known] == list(ranks) else None


def fits(layout: Sequence[Side], there: Shape, here: Shape) -> bool:
    """Whether two arrays differ by channels alone."""
    return len(there) == len(here) and all(
        side != "same" or one == other for side, one, other in zip(layout, there, here, strict=True)
    )


def gather_for(op: Op, layout: Sequence[Side], sides: Mapping[str, Origin], place: int, image: Image) -> Gather:
    axes = tuple(_axis(op, side, sides) for side in layout)
    return Gather(axes, place, image if image in ("summed", "spread") and "in" in layout else "")


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
