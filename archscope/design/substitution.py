"""Edits of what layers compute, the network's outline left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_values
from typing import ClassVar

from archscope.design.options import only, whole
from archscope.errors import DesignError, SurgeryError
from archscope.graph import Graph
from archscope.surgery import DEFAULT_GROUPS, check_words, named, replace


@dataclass(frozen=True, slots=True)
class Replace:
    """Put another activation or normalisation in the place of one, everywhere or within a layer, block or selector."""

    name: ClassVar[str] = "replace"
    old: str
    by: str
    where: str = ""
    groups: int = DEFAULT_GROUPS

    def resolved(self, graph: Graph) -> Replace:
        """The same edit with its layer or block named, where a selector stood for one."""
        return with_values(self, where=named(graph, self.where)) if self.where else self

    def apply(self, graph: Graph, classes: int) -> Graph:
        return replace(graph, self.old, self.by, self.where, self.groups)

    def parts(self) -> tuple[str, dict[str, str]]:
        options = {"by": self.by} | ({"in": self.where} if self.where else {})
        return self.old, options | ({"groups": str(self.groups)} if self.groups != DEFAULT_GROUPS else {})

    def moots(self, old: object) -> bool:
        return isinstance(old, Replace) and old.where == self.where

    @classmethod
    def read(cls, first: str, options: Mapping[str, str]) -> Replace:
        only(cls.name, options, "by", "in", "groups")
        if "by" not in options:
            raise DesignError(f"replace:{first} does not say by what", f"write replace:{first},by=relu")
        by = options["by"]
        try:
            check_words(first, by)
        except SurgeryError as error:
            raise DesignError(error.message, error.remedy) from None
        if "groups" in options and by != "group":
            raise DesignError(f"groups={options['groups']}: by={by} has no groups", "they are for by=group")
        groups = whole(cls.name, "a number of groups", options.get("groups", str(DEFAULT_GROUPS)))
        return cls(first, by, options.get("in", ""), groups)
