"""Design: the value. Base model, input, arguments that differ from the model's defaults, ordered edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from archscope.design.edits import Edit
from archscope.errors import DesignError
from archscope.zoo import Model, Value, find_model

InputShape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Design:
    """Canonical by construction: arguments stand in the model's order, and none that equals its default."""

    model: str = "mobilenet_v2"
    input: InputShape = (32, 32, 3)
    changed: tuple[tuple[str, Value], ...] = ()
    edits: tuple[Edit, ...] = ()

    @property
    def family(self) -> Model:
        return find_model(self.model)

    @property
    def arguments(self) -> dict[str, Value]:
        """Every argument of the model, defaults included."""
        return {argument.name: argument.default for argument in self.family.arguments} | dict(self.changed)

    @property
    def classes(self) -> int:
        return int(self.arguments["classes"])

    def having(
        self,
        model: str | None = None,
        input: InputShape | None = None,
        arguments: Mapping[str, object] | None = None,
        edits: Iterable[Edit] | None = None,
    ) -> Design:
        """A design that differs in what is given. Raises DesignError for a model, argument or size that is none."""
        family = find_model(model or self.model)
        values = {**dict(self.changed), **(arguments or {})}
        checked = {name: family.argument(name).check(value) for name, value in values.items()}
        changed = [
            (argument.name, checked[argument.name])
            for argument in family.arguments
            if checked.get(argument.name, argument.default) != argument.default
        ]
        size = input or self.input
        if min(size) < 1 or max(size) > MAX_SIZE:
            shape = "x".join(map(str, size))
            raise DesignError(f"input={shape}: height, width and channels are 1 to {MAX_SIZE:,}", "for example 32")
        return replace(
            self,
            model=family.name,
            input=size,
            changed=tuple(changed),
            edits=self.edits if edits is None else tuple(edits),
        )


MAX_SIZE = 1_000_000
"""A guard against slips of the finger; no image is larger on a side."""

DEFAULT = Design()
