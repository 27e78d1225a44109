"""`archscope cut`: cut after a layer."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.cli.head import Dropout, head_edit, head_meaning
from archscope.design import Cut, Design, Head, build, edited


def cut(
    layer: Annotated[str, typer.Argument(help="The last layer, or block, to keep.", show_default=False)],
    head: Annotated[
        str | None,
        typer.Option(metavar="N|plain|none", help="The head to put on (see `head`).", show_default="plain"),
    ] = None,
    dropout: Dropout = None,
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Cut the network after a layer, and put a head on what remains."""
    top = head_edit(head if head is not None else "plain", dropout)

    def change(design: Design) -> Design:
        shorter = edited(design, Cut(layer))
        return shorter if head is None else edited(shorter, top)

    def meaning(design: Design) -> str:
        # Without --head a bare body stays bare.
        put_on = top if head is not None or build(design).has_head else Head("none")
        return f"cut after {layer}; {head_meaning(put_on, design.classes)}"

    options = {"--head": head, "--dropout": dropout}
    command = " ".join(["cut", layer, *(f"{name} {value}" for name, value in options.items() if value is not None)])
    edit(change, Target(model, save, dry_run, yes), command, meaning)
