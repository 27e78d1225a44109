"""Which channel is which, told from the arrays alone: values that say where they stand, followed through both networks.

A slow and plain counterpart of `interop.aligned`: it knows no groups, only labels that each op hands on or makes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archscope.graph import (
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Input,
    Merge,
    Reshape,
    Row,
    SeparableConv2D,
    Trace,
)
from archscope.interop.transplant import Transplant

Label = tuple[Any, ...]
"""(layer, filter, what was appended on the way ...); the filter is None where the layer is new and may be any."""
Labels = list[set[Label]]
FRESH = -1.0
_SIDE = 512


def telling(trace: Trace) -> dict[str, tuple[np.ndarray[Any, Any], ...]]:
    """For each weight an array whose entries say which input and which output they are of."""
    return {
        row.name: tuple(np.array(_coded(row, weight.shape), "float32") for weight in row.weights)
        for row in trace
        if row.weights
    }


def _coded(row: Row, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    first, second = np.arange(shape[-2] if len(shape) > 1 else 1), np.arange(shape[-1])
    grid = first[:, None] * _SIDE + second
    return np.broadcast_to(grid if len(shape) > 1 else second, shape)


def makes(row: Row) -> bool:
    """Whether the layer's channels are its own; a convolution with a group for each channel hands them on."""
    op = row.node.op
    if isinstance(op, Conv2D):
        return not op.groups == row.inputs[0][-1] > 1
    return isinstance(op, (Input, Conv2DTranspose, Dense, SeparableConv2D))


def followed(trace: Trace, made: dict[str, list[int | None]]) -> dict[str, Labels]:
    """The labels of each layer's channels; `made`: the filters of the layers that make some, where they are others."""
    found: dict[str, Labels] = {}
    for row in trace:
        inputs = [found[name] for name in row.node.inputs]
        if makes(row):
            filters = made.get(row.name, list(range(row.output[-1])))
            found[row.name] = [{(row.name, one)} for one in filters]
        elif isinstance(row.node.op, Concatenate):
            found[row.name] = [labels for one in inputs for labels in one]
        elif isinstance(row.node.op, Merge):
            found[row.name] = [set().union(*labels) for labels in zip(*inputs, strict=True)]
        elif isinstance(row.node.op, (Conv2D, DepthwiseConv2D)):
            times = row.output[-1] // row.inputs[0][-1]
            found[row.name] = [{(*label, time) for label in labels} for labels in inputs[0] for time in range(times)]
        elif isinstance(row.node.op, Reshape):
            places = np.ndindex(*row.inputs[0][:-1])
            found[row.name] = [{(*label, place) for label in labels} for place in places for labels in inputs[0]]
        else:
            found[row.name] = inputs[0]
    return found


class Tied:
    """The filters of the source that meet in a sum, however far away."""

    def __init__(self, trace: Trace) -> None:
        self.labels = followed(trace, {})
        self.above: dict[Label, Label] = {}
        for labels in self.labels.values():
            for one in labels:
                first, *rest = sorted(one, key=repr)
                for other in rest:
                    if first[2:] == other[2:]:
                        self.above[self.root(other[:2])] = self.root(first[:2])

    def root(self, label: Label) -> Label:
        while label in self.above and self.above[label] != label:
            label = self.above[label]
        return label

    def same(self, here: set[Label], there: set[Label]) -> bool:
        """Whether a channel here, by its labels in the source's words, may be that one there."""
        return any(one[2:] == other[2:] and self._one(one, other) for one in here for other in there)

    def _one(self, here: Label, there: Label) -> bool:
        if here[1] is not None:
            return self.root(here[:2]) == self.root(there[:2])
        tied = {there[0], *(label[0] for label in self.above if self.root(label) == self.root(there[:2]))}
        return here[0] in tied | {self.root(there[:2])[0]}


def misplaced(there: Trace, here: Trace, carried: Transplant, arrays: dict[str, Any]) -> list[str]:
    """The layers that take a weight for a channel from one that the channel is not."""
    tied = Tied(there)
    outcome = {one.layer: one.outcome for one in carried.layers}
    made: dict[str, list[int | None]] = {}
    for row in here:
        if makes(row) and row.weights:
            new = outcome[row.name] == "new"
            made[row.name] = [None] * row.output[-1] if new else _filters(row, arrays[row.name])  # type: ignore[assignment]
    labels = followed(here, made)
    wrong = []
    for row in here:
        if outcome.get(row.name, "new") == "new":
            continue
        before = tied.labels[there.row(row.name).node.inputs[0]]
        for place, origin in enumerate(_inputs(row, arrays[row.name], outcome[row.name] == "exact")):
            if origin >= 0 and not tied.same(labels[row.node.inputs[0]][place], before[origin]):
                wrong.append(f"{row.name}: {place} from {origin}")
    return wrong


def _filters(row: Row, arrays: Any) -> list[int]:
    """Which filter of the source each one is, -1 for a fresh one."""
    kernel = arrays[1 if isinstance(row.node.op, SeparableConv2D) else 0]
    if isinstance(row.node.op, Conv2DTranspose):
        kernel = np.moveaxis(kernel, -1, -2)
        return [int(one) // _SIDE for one in kernel.reshape(-1, kernel.shape[-1]).max(axis=0)]
    return [int(one) % _SIDE if one >= 0 else -1 for one in kernel.reshape(-1, kernel.shape[-1]).max(axis=0)]


def _inputs(row: Row, arrays: Any, exact: bool) -> list[int]:
    """For each channel that a layer reads, which one of the source's it is, -1 where nothing is taken for it."""
    op, channels = row.node.op, row.inputs[0][-1]
    if exact:
        return list(range(channels))
    kernel = arrays[0]
    if kernel.ndim == 1:
        return [int(one) for one in kernel]
    if getattr(op, "groups", 1) > 1:
        return []
    if isinstance(op, Conv2DTranspose):
        return [int(one) % _SIDE if one >= 0 else -1 for one in kernel.reshape(-1, channels).max(axis=0)]
    rows = np.moveaxis(kernel, -2, 0).reshape(channels, -1).max(axis=1)
    return [int(one) // _SIDE if one >= 0 else -1 for one in rows]
