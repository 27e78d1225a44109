"""`archscope head`: replace the head."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import DryRun, OnModel, Save, Target, Yes, edit
from archscope.design import Design, Head, edited

Dropout = Annotated[
    str | None,
    typer.Option(metavar="RATE", help="Dropout before the classifier of a head with units.", show_default="0.2"),
]


def head(
    units: Annotated[
        str,
        typer.Argument(
            metavar="N|plain|none",
            help="Units of a 1x1 conv (with BN and ReLU) before pooling and classifier; or plain: pooling and "
            "classifier alone; or none: the bare body.",
            show_default=False,
        ),
    ],
    dropout: Dropout = None,
    model: OnModel = None,
    save: Save = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put another head on the body."""
    top = head_edit(units, dropout)

    def change(design: Design) -> Design:
        return edited(design, top)

    def meaning(design: Design) -> str:
        return head_meaning(top, design.classes)

    command = f"head {units}" + (f" --dropout {dropout}" if dropout is not None else "")
    edit(change, Target(model, save, dry_run, yes), command, meaning)


def head_edit(units: str, dropout: str | None) -> Head:
    """The edit that the options spell. Raises DesignError."""
    return Head.read(units, {} if dropout is None else {"dropout": dropout})


def head_meaning(head: Head, classes: int) -> str:
    """What a head is, in words: `head: 1x1 conv of 1000 units + BN + ReLU, pooling, dropout 0.2, 10 classes`."""
    if head.units == "none":
        return "no head: the bare body"
    if head.units == "plain":
        return f"plain head: global pooling and a classifier, {classes} classes"
    dropout = f", dropout {head.dropout}" if head.dropout else ""
    return f"head: {head.units} units (1x1 conv + BN + ReLU), global pooling{dropout}, {classes} classes"
