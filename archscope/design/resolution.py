"""Edits of how fast the map shrinks: strides, dilation, upsampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from archscope.design.options import only, whole
from archscope.errors import DesignError
from archscope.graph import Graph
from archscope.surgery import FACTORS, WAYS, dilate, named, stride, strided_layer, upsample


@dataclass(frozen=True, slots=True)
class Stride:
    """Set the stride of a layer, on both axes."""

    name: ClassVar[str] = "stride"
    layer: str
    to: int

    def resolved(self, graph: Graph) -> Stride:
        """The same edit with its layer named, where a block stood for it."""
        return Stride(strided_layer(graph, self.layer), self.to)

    def apply(self, graph: Graph, classes: int) -> Graph:
        return stride(graph, self.layer, self.to)

    def parts(self) -> tuple[str, dict[str, str]]:
        return self.layer, {"to": str(self.to)}

    def moots(self, old: object) -> bool:
        return isinstance(old, Stride) and old.layer == self.layer

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Stride:
        only(cls.name, options, "to")
        if "to" not in options:
            raise DesignError(f"stride:{first} does not say which stride", f"write stride:{first},to=1")
        return cls(first, whole("stride", "a whole number of at least 1", options["to"]))


@dataclass(frozen=True, slots=True)
class Dilate:
    """Take the stride of a layer, or of those side by side in a block, away, and dilate what follows by it."""

    name: ClassVar[str] = "dilate"
    layer: str

    def resolved(self, graph: Graph) -> Dilate:
        """The same edit with its layer or block named, where a selector stood for one."""
        return Dilate(named(graph, self.layer))

    def apply(self, graph: Graph, classes: int) -> Graph:
        return dilate(graph, self.layer)

    def parts(self) -> tuple[str, dict[str, str]]:
        return self.layer, {}

    def moots(self, old: object) -> bool:
        return False

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Dilate:
        only(cls.name, options)
        return cls(first)


@dataclass(frozen=True, slots=True)
class Upsample:
    """Enlarge the image before the stem."""

    name: ClassVar[str] = "upsample"
    factor: int
    by: Literal["bilinear", "nearest", "transpose"] = "bilinear"

    def resolved(self, graph: Graph) -> Upsample:
        """The edit itself: it names no layer."""
        return self

    def apply(self, graph: Graph, classes: int) -> Graph:
        return upsample(graph, self.factor, self.by)

    def parts(self) -> tuple[str, dict[str, str]]:
        return str(self.factor), {} if self.by == "bilinear" else {"by": self.by}

    def moots(self, old: object) -> bool:
        return isinstance(old, Upsample)

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Upsample:
        only(cls.name, options, "by")
        factors = {str(factor): factor for factor in FACTORS}
        if first not in factors:
            raise DesignError(f"an upsampling by {first} is not offered", f"choose {' or '.join(factors)}")
        by = next((way for way in WAYS if way == options.get("by", "bilinear")), None)
        if by is None:
            raise DesignError(f"no upsampling by {options['by']!r}", f"choose {', '.join(WAYS)}")
        return cls(factors[first], by)
