"""Edits of what stands in the network: where its body ends, what is left out of it, and its head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from archscope.design.options import only, whole
from archscope.errors import DesignError
from archscope.graph import Graph
from archscope.surgery import DEFAULT_DROPOUT, conv_head, cut, drop, last_layer, named, plain_head, without_head


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut after a layer. A network with a head gets a plain one back, a bare body stays bare."""

    name: ClassVar[str] = "cut"
    layer: str

    def resolved(self, graph: Graph) -> Cut:
        """The same edit with its layer named, where a block stood for it."""
        return Cut(last_layer(graph, self.layer))

    def apply(self, graph: Graph, classes: int) -> Graph:
        body = cut(graph, self.layer)
        return plain_head(body, classes) if graph.has_head else body

    def parts(self) -> tuple[str, dict[str, str]]:
        return self.layer, {}

    def moots(self, old: object) -> bool:
        return isinstance(old, (Cut, Head))

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Cut:
        only(cls.name, options)
        return cls(first)


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave out a layer, a block, or all that a selector finds."""

    name: ClassVar[str] = "drop"
    what: str

    def resolved(self, graph: Graph) -> Drop:
        """The same edit with its layer or block named, where a selector stood for one."""
        return Drop(named(graph, self.what))

    def apply(self, graph: Graph, classes: int) -> Graph:
        return drop(graph, self.what)

    def parts(self) -> tuple[str, dict[str, str]]:
        return self.what, {}

    def moots(self, old: object) -> bool:
        return False

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Drop:
        only(cls.name, options)
        return cls(first)


@dataclass(frozen=True, slots=True)
class Head:
    """Put a head on: `units` of a 1x1 conv before the classifier, "plain" for none of it, "none" for no head."""

    name: ClassVar[str] = "head"
    units: int | Literal["plain", "none"]
    dropout: float = DEFAULT_DROPOUT

    def resolved(self, graph: Graph) -> Head:
        """The edit itself: it names no layer."""
        return self

    def apply(self, graph: Graph, classes: int) -> Graph:
        if self.units == "none":
            return without_head(graph)
        if self.units == "plain":
            return plain_head(graph, classes)
        return conv_head(graph, self.units, classes, self.dropout)

    def parts(self) -> tuple[str, dict[str, str]]:
        return str(self.units), {} if self.dropout == DEFAULT_DROPOUT else {"dropout": repr(self.dropout)}

    def moots(self, old: object) -> bool:
        return isinstance(old, Head)

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Head:
        only(cls.name, options, "dropout")
        if first in ("plain", "none"):
            if options:
                raise DesignError(f"a {first} head has no dropout", "give a number of units, or leave dropout away")
            return cls("plain" if first == "plain" else "none")
        units = whole("head", "a number of units, plain or none", first)
        try:
            dropout = float(options.get("dropout", DEFAULT_DROPOUT))
        except ValueError:
            dropout = float("nan")
        if not 0 <= dropout < 1:
            value = options["dropout"]
            raise DesignError(f"dropout={value}: dropout is from 0 up to, not including, 1", "the default is 0.2")
        return cls(units, dropout)
