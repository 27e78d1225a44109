"""`archscope upsample`: enlarge the image before the stem."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Upsample, edited


def upsample(
    factor: Annotated[int, typer.Argument(metavar="2|4", help="How many times as large, on both axes.")] = 2,
    by: Annotated[
        str,
        typer.Option(metavar="bilinear|nearest|transpose", help="A resize, or a transposed convolution that learns."),
    ] = "bilinear",
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Enlarge the image before the stem, so that the map collapses later or never."""
    wanted = Upsample.read(str(factor), {"by": by})

    def change(design: Design) -> Design:
        return edited(design, wanted)

    command, meaning = f"upsample {factor} --by {by}", f"upsample by {factor} ({by}) before the stem"
    edit(change, Target(model, save, dry_run, yes), command, lambda design: meaning)
