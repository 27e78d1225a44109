"""Design <-> the [design] table of a TOML file. Comments, other tables and untouched keys survive a write.

[design]
model = "mobilenet_v2"
input = [32, 32, 3]
alpha = 0.9
edits = ["cut:block_12_add", "head:1000"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.design.design import DEFAULT, Design
from archscope.design.spec import edit_text, parse_edit, parse_input
from archscope.errors import ArchscopeError, DesignError
from archscope.toml import read_text, toml_table
from archscope.zoo import find_model

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

FILE_NAME = "archscope.toml"
TABLE = "design"
_RESERVED = ("model", "input", "edits")
_GREETING = (
    "# The network of this folder. `archscope status` shows it; edit it here or with cut, head, stride and set.\n"
)


def read_design(path: Path) -> Design:
    """The design in a TOML file. Raises DesignError, with the place, for one that is missing, unreadable or wrong."""
    text = read_text(path)
    if text is None:
        raise DesignError(f"{path} does not exist", "`archscope init` makes an archscope.toml")
    design = parse_design(text, path)
    if design is None:
        raise DesignError(f"{path} has no [design] table", "`archscope init` adds one, and keeps the rest")
    return design


def parse_design(text: str, path: Path) -> Design | None:
    """The design that the text of a TOML file holds, None without a [design] table. Raises DesignError."""
    table = toml_table(text, path, TABLE)
    try:
        return None if table is None else _from_table(table)
    except ArchscopeError as error:
        raise DesignError(f"{path}, [{TABLE}]: {error.message}", error.remedy) from error


def _from_table(table: Mapping[str, Any]) -> Design:
    family = find_model(_text("model", table.get("model", DEFAULT.model)))
    arguments = {name: value for name, value in table.items() if name not in _RESERVED}
    for name in arguments:
        family.argument(name)
    edits = table.get("edits", [])
    if not isinstance(edits, list):
        raise DesignError(f"edits={edits!r} is not a list", 'for example edits = ["cut:block_12_add"]')
    parsed = []
    for number, edit in enumerate(edits, 1):
        try:
            parsed.append(parse_edit(_text("an edit", edit)))
        except ArchscopeError as error:
            raise DesignError(f"edit {number}, {edit!r}: {error.message}", error.remedy) from error
    return DEFAULT.having(family.name, _size(table.get("input", list(family.input))), arguments, parsed)


def _size(value: object) -> tuple[int, int, int]:
    if isinstance(value, list) and len(value) in (2, 3) and all(type(size) is int and size >= 0 for size in value):
        return parse_input("x".join(map(str, value)))
    if type(value) in (int, str):
        return parse_input(str(value))
    raise DesignError(f"input={value!r} is no size", "write [height, width, channels], for example [32, 32, 3]")


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise DesignError(f"{what}={value!r} is not text", "put it in quotation marks")
    return value


def with_design(text: str | None, design: Design | None) -> str | None:
    """The text with its [design] table set to `design`, all else as it stood; None where nothing would be left.

    `text` must parse. Keys that did not change, and their comments, are not touched; where the layout of the file does
    not allow that, the table is written anew at the end. Raises DesignError where that does not do either.
    """
    from tomlkit.exceptions import TOMLKitError

    before = _GREETING if text is None else text
    lines = before.replace("\r\n", "\n")
    for rewrite in (_updated, _appended):
        try:
            after = rewrite(lines, design)
            good = _holds_only(design, lines, after)
        except (TOMLKitError, LookupError, TypeError, ValueError, ArchscopeError):
            good = False
        if good:
            left = after.strip() not in ("", _GREETING.strip())
            return (after.replace("\n", "\r\n") if "\r\n" in before else after) if left else None
    raise DesignError(
        "the design cannot be written into this file", "write its keys below a [design] line of their own"
    )


def _holds_only(design: Design | None, before: str, after: str) -> bool:
    """Whether `after` holds the design, and otherwise what `before` holds."""
    old, new = tomllib.loads(before), tomllib.loads(after)
    old.pop(TABLE, None)
    new.pop(TABLE, None)
    return parse_design(after, Path(FILE_NAME)) == design and old == new


def _updated(text: str, design: Design | None) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    if design is None:
        document.remove(TABLE)
    elif TABLE not in document:
        return _appended(text, design)
    else:
        _update(document, design)
    return tomlkit.dumps(document)


def _appended(text: str, design: Design | None) -> str:
    import tomlkit

    rest, table = tomlkit.parse(text), tomlkit.document()
    rest.pop(TABLE, None)
    if design is not None:
        table[TABLE] = tomlkit.table()
        _update(table, design)
    return "\n\n".join(filter(None, [tomlkit.dumps(rest).rstrip(), tomlkit.dumps(table)]))


def _update(document: TOMLDocument, design: Design) -> None:
    table: Any = document[TABLE]
    wanted: dict[str, object] = {"model": design.model, "input": list(design.input), **dict(design.changed)}
    for name in [name for name in table if name not in wanted and name != "edits"]:
        if not _is_default(design, name, table[name]):
            del table[name]
    edits = table.pop("edits", None) if any(name not in table for name in wanted) else table.get("edits")
    for name, value in wanted.items():
        if table.get(name) != value:
            table[name] = value
    if edits is not None:
        table["edits"] = edits
    _update_edits(table, [edit_text(edit) for edit in design.edits])


def _is_default(design: Design, name: str, value: object) -> bool:
    """A key that spells out a default is the person's choice, and stays."""
    return design.arguments.get(name) == value


def _update_edits(table: Any, wanted: list[str]) -> None:
    import tomlkit

    edits = table.get("edits")
    if edits is None:
        if not wanted:
            return
        edits = tomlkit.array()
    before = [str(edit) for edit in edits]
    if before == wanted and "edits" in table:
        return
    kept = 0
    while kept < min(len(before), len(wanted)) and before[kept] == wanted[kept]:
        kept += 1
    while len(edits) > kept:
        edits.pop()
    edits.extend(wanted[kept:])
    table["edits"] = edits
