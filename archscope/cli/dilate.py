"""`archscope dilate`: take a stride away, and dilate what follows."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Dilate, edited


def dilate(
    layer: Annotated[
        str,
        typer.Argument(help="A strided layer, or a block whose strided layers stand side by side.", show_default=False),
    ],
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Set a stride to 1 and dilate every window behind it, so that each sees what it saw."""

    def change(design: Design) -> Design:
        return edited(design, Dilate(layer))

    edit(
        change,
        Target(model, save, dry_run, yes),
        f"dilate {layer}",
        lambda design: f"stride 1 at {layer}, and the windows behind it dilated",
    )
