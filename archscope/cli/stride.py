"""`archscope stride`: set the stride of a layer."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Stride, edited


def stride(
    layer: Annotated[
        str, typer.Argument(help="A layer with a window, or a block with one strided layer.", show_default=False)
    ],
    value: Annotated[int, typer.Argument(metavar="S", help="The new stride, on both axes.", show_default=False)],
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Set the stride of a layer, with the padding that belongs to it."""

    def change(design: Design) -> Design:
        return edited(design, Stride(layer, value))

    edit(
        change,
        Target(model, save, dry_run, yes),
        f"stride {layer} {value}",
        lambda design: f"stride {value} at {layer}",
    )
