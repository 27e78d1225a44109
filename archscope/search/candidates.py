"""One candidate, apart from the arrays it was priced in: what it is, what it costs, and the design that builds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archscope.design import Design, Stride, Upsample, format_spec
from archscope.design.design import InputShape
from archscope.search.price import Geometry, Priced
from archscope.search.space import Setting, Space, design_of
from archscope.zoo import Value

FIGURES = ("params", "trainable_params", "macs", "weight_bytes", "peak_bytes", "dead_weights")
"""The columns that are priced."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`settings`: all that were tried and build this same network. `place`: where it stands in the space, for ties."""

    place: tuple[int, ...]
    input: InputShape
    settings: tuple[Setting, ...]
    upsample: Upsample | None
    strides: tuple[Stride, ...]
    cut: str | None
    units: int | None
    figures: Mapping[str, int]
    geometry: Geometry

    @property
    def setting(self) -> Setting:
        """The one that is spelled shortest, of equals the smallest."""
        return min(self.settings, key=lambda setting: (sum(len(str(value)) for _, value in setting), setting))

    def span(self, name: str) -> tuple[Value, Value] | None:
        """The smallest and the largest value of a scale, of those tried, that build this network."""
        values = [value for setting in self.settings for scale, value in setting if scale == name]
        return (min(values), max(values)) if values else None

    def design(self, space: Space) -> Design:
        return design_of(space, self.input, self.setting, self.cut, self.units, self.strides, self.upsample)

    def spec(self, space: Space) -> str:
        return format_spec(self.design(space))


def candidate(place: tuple[int, ...], priced: Priced, row: int, column: int) -> Candidate:
    """One cell of a priced group; `place` is the group's."""
    group = priced.group
    trunk = group.trunk
    return Candidate(
        (*place, row, column),
        trunk.variant.input,
        group.networks[row].settings,
        trunk.upsample,
        group.strides,
        group.cut,
        priced.units[column] if priced.units else None,
        {name: int(values[row, column]) for name, values in priced.figures.items()},
        priced.geometry,
    )
