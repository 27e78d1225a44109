"""Rows of a trace, grouped by layer, block or stage."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

from archscope.graph import Row, Shape, Trace, Windowed

By = Literal["layer", "block", "stage"]
BY: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive layers under one name, as one row of a table."""

    name: str
    rows: tuple[Row, ...]

    @property
    def last(self) -> Row:
        """The layer at which the group ends."""
        return self.rows[-1]

    @property
    def output(self) -> Shape:
        return self.last.output

    @property
    def stride(self) -> tuple[int, int]:
        """The product of the strides of the group's windows, (height, width); (1, 1) without any."""
        height, width = 1, 1
        for row in self.rows:
            if isinstance(row.node.op, Windowed):
                height, width = height * row.node.op.strides[0], width * row.node.op.strides[1]
        return height, width

    @property
    def params(self) -> int:
        return sum(row.params for row in self.rows)

    @property
    def trainable_params(self) -> int:
        return sum(row.trainable_params for row in self.rows)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    def __contains__(self, layer: str) -> bool:
        return any(row.name == layer for row in self.rows)


def group(trace: Trace, by: By) -> tuple[Group, ...]:
    """The layers in order, one group each, or those of a block or stage together."""
    if by == "layer":
        return tuple(Group(row.name, (row,)) for row in trace)
    named = groupby(trace, lambda row: row.node.block if by == "block" else row.node.stage)
    return tuple(Group(name, tuple(rows)) for name, rows in named)
