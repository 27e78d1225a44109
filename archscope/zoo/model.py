"""What a model is: its arguments, with their rules and the text form of their values, and its builder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from archscope.errors import DesignError, did_you_mean
from archscope.graph import Graph, Shape

Value = float | int | bool
Builder = Callable[[Shape, Mapping[str, Value]], Graph]
"""From input shape and arguments to a graph, to be verified before use."""

# Python's own int and float also read "1_0", " 1" and digits of other scripts.
_NUMERAL = re.compile(r"[+-]?[0-9.]{1,40}(?:e[+-]?[0-9]{1,4})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a model: its default, its rule in words, and the test behind the words."""

    name: str
    default: Value
    rule: str
    holds: Callable[[float], bool]

    def parse(self, text: str) -> Value:
        """The value that `text` spells. Raises DesignError, with the rule."""
        value: object = text
        with suppress(ValueError):
            if isinstance(self.default, bool):
                value = {"true": True, "false": False}.get(text.lower(), text)
            elif _NUMERAL.fullmatch(text):
                value = int(text) if isinstance(self.default, int) else float(text)
        return self.check(value)

    def check(self, value: object) -> Value:
        """`value` in the argument's own type. Raises DesignError, with the rule."""
        right: Value | None = None
        if isinstance(value, bool) == isinstance(self.default, bool) and isinstance(value, (int, float)):
            if isinstance(self.default, float):
                right = float(value) if abs(value) <= MAX_COUNT else None
            elif isinstance(value, int):
                right = value
        if right is None or not self.holds(right):
            default = self.text(self.default)
            raise DesignError(f"{self.name}={value}: {self.name} is {self.rule}", f"the default is {default}")
        return right

    @staticmethod
    def text(value: Value) -> str:
        """The shortest spelling that `parse` reads back as the same value."""
        return str(value).lower() if isinstance(value, bool) else repr(value)


@dataclass(frozen=True, slots=True)
class Model:
    """A family that can be built: name, its source, its arguments, its builder, and the input where none is named.

    `any_size`: that input is this tool's choice; the network itself was saved for images of any size.
    """

    name: str
    title: str
    source: str
    arguments: tuple[Argument, ...]
    build: Builder
    input: tuple[int, int, int] = (32, 32, 3)
    any_size: bool = False

    def argument(self, name: str) -> Argument:
        """The argument of that name. Raises DesignError, with the nearest names."""
        for argument in self.arguments:
            if argument.name == name:
                return argument
        known = [argument.name for argument in self.arguments]
        raise DesignError(
            f"{self.name} has no argument {name!r}", did_you_mean(name, known, f"it takes input, {', '.join(known)}")
        )


MAX_ALPHA, MAX_COUNT = 1_000_000, 1_000_000_000
"""Guards against slips of the finger: no network is wider, none tells more classes apart."""

_COUNT = f"a whole number from 1 to {MAX_COUNT:,}"


def _is_count(value: float) -> bool:
    return 1 <= value <= MAX_COUNT


ALPHA = Argument(
    "alpha", 1.0, f"a number above 0, up to {MAX_ALPHA:,}: the width multiplier", lambda value: 0 < value <= MAX_ALPHA
)


def count_argument(name: str, default: int = 1) -> Argument:
    """An argument that counts something."""
    return Argument(name, default, _COUNT, _is_count)


CLASSES = count_argument("classes", 10)


def flag_argument(name: str, default: bool, meaning: str) -> Argument:
    """An argument that is true or false."""
    return Argument(name, default, f"true or false: {meaning}", lambda value: True)


TOP = flag_argument("top", True, "with the classifier or without")


def dropout_argument(default: float) -> Argument:
    """The share of values that a head drops in training."""
    return Argument("dropout", default, "a number from 0 up to, not including, 1", lambda value: 0 <= value < 1)
