"""Reading the tables of a TOML file, with errors that name the file and the place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from archscope.errors import DesignError, reason_of


def read_text(path: Path) -> str | None:
    """The text of a file, None where there is none."""
    try:
        # Bytes, so that the line ends of the file stay what they are.
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise DesignError(f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
    except OSError as error:
        raise DesignError(f"cannot read {path}: {reason_of(error)}", "") from error


def toml_table(text: str, path: Path, name: str) -> dict[str, Any] | None:
    """The table `name` in the text of the TOML file at `path`, None where it has none. Raises DesignError."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of its own errors, and of numbers with too many digits
        raise DesignError(f"{path} is not TOML: {error}", "mend the file; nothing was changed") from error
    table = document.get(name)
    if table is not None and not isinstance(table, dict):
        raise DesignError(f"{path}: {name} is not a table", f"write [{name}] and its keys below it")
    return table
