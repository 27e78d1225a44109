"""What a network may cost: limits from options, or from the [budget] table of a TOML file.

[budget]
max_params = "600k"
max_macs = "30M"
max_weights = "2.5MiB"
max_peak_ram = "256KiB"
dtype = "int8"
min_map = 2
no_collapse = true
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archscope.analysis.memory import DTYPES, Dtype
from archscope.budget.amounts import parse_count, parse_size
from archscope.errors import DesignError, did_you_mean
from archscope.toml import toml_table

TABLE = "budget"
MOST_SIDE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits on one network; what is None or False is not limited. Weights and peak RAM are bytes of `dtype`."""

    max_params: int | None = None
    max_trainable_params: int | None = None
    max_macs: int | None = None
    max_weights: int | None = None
    max_peak_ram: int | None = None
    min_map: int | None = None
    no_collapse: bool = False
    no_dead_taps: bool = False
    dtype: Dtype = "float32"


def read_limits(values: Mapping[str, object], named: Callable[[str], str] = str) -> dict[str, Any]:
    """Limits by their names in `Limits`, from values as people write them; None is left out.

    `named` spells a key as the person did, for the errors. Raises DesignError for an unknown key and a wrong value.
    """
    limits: dict[str, Any] = {}
    for key, value in values.items():
        if key not in _READERS:
            raise DesignError(f"no limit {key!r}", did_you_mean(key, _READERS, f"the limits are {', '.join(_READERS)}"))
        if value is not None:
            limits[key] = _READERS[key](value, named(key))
    return limits


def parse_budget(text: str, path: Path) -> dict[str, Any] | None:
    """The limits in the [budget] table of a TOML file's text, None without one. Raises DesignError, with the place."""
    table = toml_table(text, path, TABLE)
    try:
        return None if table is None else read_limits(table)
    except DesignError as error:
        raise DesignError(f"{path}, [{TABLE}]: {error.message}", error.remedy) from error


def _count(value: object, name: str) -> int:
    return parse_count(_words(value), name)


def _side(value: object, name: str) -> int:
    words = _words(value)
    if not (words.isascii() and words.isdecimal() and len(words) < 8 and 1 <= int(words) <= MOST_SIDE):
        raise DesignError(f"{name} {words!r} is no side of a map from 1 to {MOST_SIDE:,}", "write 2 or 4")
    return int(words)


def _size(value: object, name: str) -> int:
    return parse_size(_words(value), name)


def _words(value: object) -> str:
    """A number or a text as text; anything else as TOML's reader spells it, which no amount looks like."""
    return str(value) if type(value) in (int, str) else repr(value)


def _switch(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise DesignError(f"{name}={value!r} is neither true nor false", f"write {name} = true")
    return value


def _dtype(value: object, name: str) -> str:
    if not isinstance(value, str) or value not in DTYPES:
        known = f"it is {', '.join(DTYPES)}"
        raise DesignError(f"no {name} {value!r}", did_you_mean(str(value), DTYPES, known))
    return value


_READERS: Mapping[str, Callable[[object, str], Any]] = {
    "max_params": _count,
    "max_trainable_params": _count,
    "max_macs": _count,
    "max_weights": _size,
    "max_peak_ram": _size,
    "min_map": _side,
    "no_collapse": _switch,
    "no_dead_taps": _switch,
    "dtype": _dtype,
}
