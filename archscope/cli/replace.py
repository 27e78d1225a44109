"""`archscope replace`: put other activations or normalisations in."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Replace, edited


def replace(
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="activations, norms, or one of them: relu6, hard_swish, batch, ...", show_default=False
        ),
    ],
    by: Annotated[
        str,
        typer.Argument(
            metavar="NEW",
            help="Another of its sort (relu, swish, ...; batch, layer, group), or none.",
            show_default=False,
        ),
    ],
    place: Annotated[
        str | None,
        typer.Option("--in", metavar="WHERE", help="A layer, a block or a selector.", show_default="everywhere"),
    ] = None,
    groups: Annotated[
        str | None, typer.Option(metavar="N", help="Groups of channels, for NEW=group.", show_default="8")
    ] = None,
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put another activation or normalisation in the place of one; gates and the classifier keep theirs."""
    options = {name: value for name, value in {"in": place, "groups": groups}.items() if value is not None}
    wanted = Replace.read(old, {"by": by, **options})

    def change(design: Design) -> Design:
        return edited(design, wanted)

    command = " ".join(["replace", old, by, *(f"--{name} {value}" for name, value in options.items())])
    of = f" of {wanted.groups}" if by == "group" else ""
    meaning = f"{by}{of} in place of {old}" + (f" in {place}" if place else "")
    edit(change, Target(model, save, dry_run, yes), command, lambda design: meaning)
