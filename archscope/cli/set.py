"""`archscope set`: change the base, and replay the edits on it."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, with_arguments


def set_(
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...", help="input=48 alpha=0.9 classes=7 model=mobilenet_v1 ...", show_default=False
        ),
    ],
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Change the base model, its input or its arguments; the edits are replayed on it."""

    def change(design: Design) -> Design:
        return with_arguments(design, assignments)

    text = " ".join(assignments)
    edit(change, Target(model, save, dry_run, yes), f"set {text}", lambda design: f"set {text}")
