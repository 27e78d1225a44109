"""`archscope drop`: leave layers or blocks out."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Drop, edited


def drop(
    what: Annotated[
        str,
        typer.Argument(help="A layer, a block, or a selector: block:6..9 drops all four.", show_default=False),
    ],
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Leave layers or blocks out; what read them reads what they read."""

    def change(design: Design) -> Design:
        return edited(design, Drop(what))

    edit(change, Target(model, save, dry_run, yes), f"drop {what}", lambda design: f"without {what}")
