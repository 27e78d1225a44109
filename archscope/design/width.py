"""The edit of how many channels there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from archscope.design.options import only, whole
from archscope.errors import DesignError
from archscope.graph import Graph
from archscope.surgery import DEFAULT_DIVISOR, channel_maker, width


@dataclass(frozen=True, slots=True)
class Width:
    """Scale the channels of the body, or those of one layer and all that is tied to it; an earlier factor is undone."""

    name: ClassVar[str] = "width"
    factor: float
    divisor: int = DEFAULT_DIVISOR
    group: str | None = None

    def resolved(self, graph: Graph) -> Width:
        """The same edit with its group named by the layer that makes its channels."""
        return self if self.group is None else replace(self, group=channel_maker(graph, self.group))

    def apply(self, graph: Graph, classes: int) -> Graph:
        return width(graph, self.factor, self.divisor, self.group)

    def parts(self) -> tuple[str, dict[str, str]]:
        options = {} if self.divisor == DEFAULT_DIVISOR else {"divisor": str(self.divisor)}
        return repr(self.factor), options if self.group is None else options | {"group": self.group}

    def moots(self, old: object) -> bool:
        return isinstance(old, Width) and old.group == self.group

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Width:
        only(cls.name, options, "divisor", "group")
        try:
            factor = float(first)
        except ValueError:
            raise DesignError(f"{first!r} is not a width factor", "0.5 halves the widths") from None
        divisor = whole(cls.name, "a divisor", options.get("divisor", str(DEFAULT_DIVISOR)))
        return cls(factor, divisor, options.get("group"))
