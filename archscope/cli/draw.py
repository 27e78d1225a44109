"""`archscope draw`: the block graph as a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.editing import Yes
from archscope.cli.output import may_write, next_step, say
from archscope.cli.subject import InputSize, Model, subject
from archscope.report.draw import write_drawing
from archscope.report.figure import check_picture


class Color(StrEnum):
    """What the colour of a block says."""

    map = "map"
    params = "params"
    macs = "macs"


def draw(
    model: Model = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to: a .svg or .png file.")] = Path(
        "network.svg"
    ),
    color: Annotated[Color, typer.Option("--color", help="What the colour says.")] = Color.map,
    input_size: InputSize = None,
    yes: Yes = False,
) -> None:
    """Draw the blocks: as tall as their maps, as wide as their channels, the collapse marked."""
    check_picture(out)
    may_write(out, yes)
    shown = subject(model, input_size)
    shown.announce()
    write_drawing(shown.trace, shown.spec, out, color.value)
    say(f"wrote {out}")
    next_step("archscope shapes" if model is None else f"archscope shapes {shown.spec}")
