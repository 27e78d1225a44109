"""`archscope width`: scale the channels."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Width, edited
from archscope.surgery import DEFAULT_DIVISOR


def width(
    factor: Annotated[
        float,
        typer.Argument(
            metavar="FACTOR", help="What to multiply the numbers of channels by: 0.5 halves them.", show_default=False
        ),
    ],
    divisor: Annotated[
        int, typer.Option(metavar="N", help="Round to a multiple of this, as alpha does; 1 rounds to a channel.")
    ] = DEFAULT_DIVISOR,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="Only this layer's channels, and those tied to them.", show_default="the whole body"
        ),
    ] = None,
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Scale the channels; those that an Add, a gate or a depthwise window ties stay equal in number.

    The factor is of the network without an earlier width.
    """
    wanted = Width(factor, divisor, group)

    def change(design: Design) -> Design:
        return edited(design, wanted)

    options = [] if divisor == DEFAULT_DIVISOR else ["--divisor", str(divisor)]
    options += [] if group is None else ["--group", group]
    whose = "the channels of the body" if group is None else f"the channels of {group} and of what is tied to them"
    edit(
        change,
        Target(model, save, dry_run, yes),
        shlex.join(["width", repr(factor), *options]),
        lambda design: f"{factor!r} times {whose}, in multiples of {divisor}",
    )
