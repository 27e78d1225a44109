"""Where output goes: data to stdout, notes and errors to stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from enum import StrEnum
from pathlib import Path

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from archscope.errors import OutputError
from archscope.report.table import Table

TITLE_WIDTH = 100


class Format(StrEnum):
    """How a table leaves: for people, or for machines."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"


def console() -> Console:
    """Rich on stdout, without highlighting or markup: what is printed is what was meant."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)


def fail(message: str) -> None:
    """One sentence on stderr, on one line; what a terminal would obey (an escape in a file's text) is spelled out."""
    line = "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in message)
    print(f"archscope: {line}", file=sys.stderr)


def note(message: str, wrap: bool = False) -> None:
    """Progress or advice: on stderr, so that it never mixes with data; a sentence may wrap at words on a terminal."""
    if wrap and sys.stderr.isatty():
        Console(stderr=True, highlight=False, markup=False, emoji=False).print(Text(message))
    else:
        print(message, file=sys.stderr)


def say(message: str = "", style: str = "", wrap: bool = True) -> None:
    """A line for people on stdout, wrapped at words; without `wrap`, one that is to be copied whole."""
    out = console()
    out.print(Text(_folded(message, out.width) if wrap else message, style=style), soft_wrap=not wrap)


def title(left: str, right: str = "") -> None:
    """The first line of a command; the right half goes to the right edge, or below where there is no room."""
    out = console()
    if not right:
        out.print(Text(_folded(left, out.width), style="bold"))
    elif cell_len(left) + 2 + cell_len(right) <= out.width:
        # To the edge of the tables below, not to that of a very wide terminal.
        gap = max(2, min(out.width, TITLE_WIDTH) - cell_len(left) - cell_len(right))
        out.print(Text.assemble((left, "bold"), " " * gap, right))
    else:
        out.print(Text(_folded(left, out.width), style="bold"))
        out.print(Text(right))


def _folded(text: str, width: int) -> str:
    """The text with a spec that is longer than a line broken before its edits, not in the middle of a word."""

    def fold(word: re.Match[str]) -> str:
        lines = [""]
        for piece in re.split(r"(?=\+)", word[0]):
            if lines[-1] and len(lines[-1]) + len(piece) > width:
                lines.append("")
            lines[-1] += piece
        return "\n".join(lines)

    return re.sub(rf"\S{{{width + 1},}}", fold, text)


def show(table: Table) -> None:
    """A table for people."""
    out = console()
    for line in table.render(out.width):
        out.print(line, soft_wrap=True)


def emit(text: str) -> None:
    """Machine output: as it is, past Rich."""
    sys.stdout.write(text)


def emit_json(value: object) -> None:
    emit(json_text(value))


def json_text(value: object) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def may_write(path: Path, yes: bool) -> None:
    """Ask before a file is overwritten; in a pipe only --yes will do. Raises OutputError for a no, and for a folder."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder", "name a file")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OutputError(f"cannot write {path}: {folder} is no folder to write in", "choose another place")
    if yes or not path.exists():
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OutputError(f"{path} exists already", "say --yes to overwrite it, or name another file with --out")
    if not typer.confirm(f"{path} exists already. Overwrite it?"):
        raise OutputError(f"{path} was left as it is")


def next_step(command: str) -> None:
    """On a terminal, one complete command that makes sense now."""
    if sys.stdout.isatty():
        console().print(Text.assemble(("next: ", "dim"), (command, "bold cyan")))
