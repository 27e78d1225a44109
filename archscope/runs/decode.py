"""JSON values as frozen records, strictly: what is not exactly a record is refused, never patched up."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def decode(value: Any, kind: Any, where: str) -> Any:
    """`value`, as JSON gave it, as an instance of the type `kind`. Raises ValueError naming the place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _decode_record(value, kind, where)
    if origin is UnionType:
        inner = next(argument for argument in arguments if argument is not NoneType)
        return None if value is None else decode(value, inner, where)
    if origin is tuple:
        return _decode_tuple(value, arguments, where)
    if origin is dict:
        _expect(isinstance(value, dict), where, "an object")
        return {key: decode(item, arguments[1], f"{where}.{key}") for key, item in value.items()}
    if kind is object:
        return value
    if kind is float:
        _expect(isinstance(value, int | float) and not isinstance(value, bool), where, "a number")
        return float(value)
    _expect(
        isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), where, f"of type {kind.__name__}"
    )
    return value


def _decode_record(value: Any, kind: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where, "an object")
    hints = get_type_hints(kind)
    # What a record learned later has a default: a run that was written before it is complete without.
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    for key in needed:
        _expect(key in value, where, f"complete, and has no {key!r}")
    for key in value:
        _expect(key in hints, where, f"of this schema, which has no {key!r}")
    return kind(**{key: decode(item, hints[key], f"{where}.{key}") for key, item in value.items()})


def _decode_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, list), where, "a list")
    repeats = len(arguments) == 2 and arguments[1] is Ellipsis
    kinds = [arguments[0]] * len(value) if repeats else arguments
    _expect(len(kinds) == len(value), where, f"a list of {len(kinds)}")
    return tuple(decode(item, kind, f"{where}[{i}]") for i, (item, kind) in enumerate(zip(value, kinds, strict=True)))


def _expect(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{where} is not {what}")
