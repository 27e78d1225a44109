"""The edits: each a value with a text form `name:first[,key=value]...`, and the surgery it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from archscope.errors import DesignError, did_you_mean
from archscope.graph import Graph
from archscope.surgery import (
    DEFAULT_DROPOUT,
    FACTORS,
    WAYS,
    conv_head,
    cut,
    last_layer,
    plain_head,
    stride,
    strided_layer,
    upsample,
    without_head,
)


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

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Cut:
        _only(cls.name, options)
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

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Head:
        _only(cls.name, options, "dropout")
        if first in ("plain", "none"):
            if options:
                raise DesignError(f"a {first} head has no dropout", "give a number of units, or leave dropout away")
            return cls("plain" if first == "plain" else "none")
        units = _whole("head", "a number of units, plain or none", first)
        try:
            dropout = float(options.get("dropout", DEFAULT_DROPOUT))
        except ValueError:
            dropout = float("nan")
        if not 0 <= dropout < 1:
            value = options["dropout"]
            raise DesignError(f"dropout={value}: dropout is from 0 up to, not including, 1", "the default is 0.2")
        return cls(units, dropout)


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

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Stride:
        _only(cls.name, options, "to")
        if "to" not in options:
            raise DesignError(f"stride:{first} does not say which stride", f"write stride:{first},to=1")
        return cls(first, _whole("stride", "a whole number of at least 1", options["to"]))


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

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Upsample:
        _only(cls.name, options, "by")
        factors = {str(factor): factor for factor in FACTORS}
        if first not in factors:
            raise DesignError(f"an upsampling by {first} is not offered", f"choose {' or '.join(factors)}")
        by = next((way for way in WAYS if way == options.get("by", "bilinear")), None)
        if by is None:
            raise DesignError(f"no upsampling by {options['by']!r}", f"choose {', '.join(WAYS)}")
        return cls(factors[first], by)


Edit = Cut | Head | Stride | Upsample
EDITS: Mapping[str, type[Edit]] = {edit.name: edit for edit in (Cut, Head, Stride, Upsample)}


def _only(edit: str, options: Mapping[str, str], *known: str) -> None:
    for key in options:
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise DesignError(f"{edit} has no option {key!r}", did_you_mean(key, known, takes))


def _whole(edit: str, rule: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise DesignError(f"{text!r} is not {rule}", "for example 1000" if edit == "head" else "for example 1")
    return int(text)
