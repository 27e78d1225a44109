"""The spec: a design on one line, safe unquoted in POSIX shells.

    spec     = model [ "@" size ] { "," key "=" value } { "+" edit }
    size     = height [ "x" width [ "x" channels ] ]          a height alone is square; three channels unless given
    edit     = name ":" first { "," key "=" first }
    model    = char | "/" | ":" | "~" { char | "/" | ":" | "~" }      a model's name, keras:NAME, or the path of a file
    first    = char | ":" { char | ":" }                             a layer, a block, or a selector such as stage:3
    key, value, name = char { char }
    char     = letter | digit | "_" | "." | "-" | "%" hex hex

`parse_spec(format_spec(design)) == design` for every design.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from archscope.design.design import DEFAULT, Design, InputShape
from archscope.design.edits import EDITS, Edit
from archscope.errors import ArchscopeError, DesignError, GraphError, RunError, did_you_mean
from archscope.zoo import Argument, find_model

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_IN_PATHS, _IN_SELECTORS = frozenset(b"/:~"), frozenset(b":")
_WORD = re.compile(r"(?:[A-Za-z0-9_.-]|%[0-9A-Fa-f]{2})*")
_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9})(?:x([0-9]{1,9}))?)?")


def format_spec(design: Design) -> str:
    """The one-line spelling; arguments at their defaults are left out, the size never is."""
    head = f"{quoted(design.model)}@{size_text(design.input)}"
    arguments = [f",{name}={_quote(Argument.text(value))}" for name, value in design.changed]
    return "".join([head, *arguments, *(f"+{edit_text(edit)}" for edit in design.edits)])


def size_text(size: InputShape) -> str:
    """`32`, `32x48` or `32x32x1`: the shortest spelling of an input size."""
    height, width, channels = size
    if channels != DEFAULT.input[2]:
        return f"{height}x{width}x{channels}"
    return str(height) if height == width else f"{height}x{width}"


def edit_text(edit: Edit) -> str:
    """`cut:block_12_add`, as it stands in a spec and in archscope.toml."""
    first, options = edit.parts()
    return f"{edit.name}:{_quote(first, _IN_SELECTORS)}" + "".join(
        f",{key}={_quote(value, _IN_SELECTORS)}" for key, value in options.items()
    )


def parse_input(text: str) -> InputShape:
    """`48`, `32x48` or `32x32x1` as (height, width, channels). Raises DesignError."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise DesignError(
            f"input={text}: an input is HEIGHT, HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS", "for example 32 or 32x32x1"
        )
    height, width, channels = match.groups()
    return int(height), int(width or height), int(channels or DEFAULT.input[2])


def parse_spec(text: str) -> Design:
    """The design that a spec spells. Raises DesignError, with the place in the text; RunError and GraphError for a file
    that it names."""
    base, *edits = text.split("+")
    at = 0
    try:
        design = _parse_base(base)
        for edit in edits:
            at += len(base) + 1
            base = edit
            design = design.having(edits=[*design.edits, parse_edit(edit)])
    except (RunError, GraphError):
        # A file that is named is at fault, not a place in the text.
        raise
    except ArchscopeError as error:
        raise DesignError(f"spec {text!r}, from character {at + 1} on: {error.message}", error.remedy) from error
    return design


def quoted(path: str) -> str:
    """The path of a file as it stands in a spec: what is no letter, digit or one of `_.-/:~` as %XX."""
    return _quote(path, _IN_PATHS)


def parse_edit(text: str) -> Edit:
    """The edit that `name:first[,key=value]...` spells. Raises DesignError."""
    name, colon, rest = text.partition(":")
    if name not in EDITS:
        raise DesignError(f"no edit {name!r}", did_you_mean(name, EDITS, f"the edits are {', '.join(EDITS)}"))
    if not colon or not rest:
        raise DesignError(f"{name!r} lacks its argument", f"write {name}:ARGUMENT, for example cut:block_12_add")
    first, *options = rest.split(",")
    return EDITS[name].read(
        _unquote(first, _IN_SELECTORS), _once(_parse_option(option, _IN_SELECTORS) for option in options)
    )


def with_arguments(design: Design, assignments: Iterable[str]) -> Design:
    """The design with `key=value` settings of model, input or the model's arguments. Raises DesignError."""
    values = _once(_split(assignment) for assignment in assignments)
    model, size = values.pop("model", None), values.pop("input", None)
    family = find_model(model) if model else design.family
    arguments = {name: family.argument(name).parse(text) for name, text in values.items()}
    return design.having(family.name, parse_input(size) if size else None, arguments)


def _parse_base(text: str) -> Design:
    head, *options = text.split(",")
    model, at, size = head.partition("@")
    family = find_model(_unquote(model, _IN_PATHS))
    values = _once(_parse_option(option) for option in options)
    arguments = {name: family.argument(name).parse(value) for name, value in values.items()}
    return DEFAULT.having(family.name, parse_input(size) if at else family.input, arguments)


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in pairs:
        if key in values:
            raise DesignError(f"{key} is given twice", "keep one")
        values[key] = value
    return values


def _parse_option(text: str, also: frozenset[int] = frozenset()) -> tuple[str, str]:
    key, value = _split(text)
    return _unquote(key), _unquote(value, also)


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise DesignError(f"{text!r} is not KEY=VALUE", "for example alpha=0.9")
    return key, value


def _quote(text: str, also: frozenset[int] = frozenset()) -> str:
    return "".join(chr(byte) if byte in _PLAIN | also else f"%{byte:02X}" for byte in text.encode())


def _unquote(text: str, also: frozenset[int] = frozenset()) -> str:
    if not text or not _WORD.fullmatch("".join(letter for letter in text if ord(letter) not in also)):
        rule = "a name holds letters, digits, '_', '.' and '-'; anything else is written %XX"
        raise DesignError(f"{text!r} is no name" if text else "a name is missing", rule)
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise DesignError(f"{text!r} is not UTF-8 once decoded", "write each byte of the UTF-8 name as %XX") from None
