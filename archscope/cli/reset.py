"""`archscope reset`: drop all edits, keep the base."""

from __future__ import annotations

from archscope.cli.editing import DryRun, Target, edit
from archscope.design import Design


def reset(dry_run: DryRun = False) -> None:
    """Drop all edits and keep the base model with its arguments; `undo` brings them back."""

    def change(design: Design) -> Design:
        return design.having(edits=[])

    edit(change, Target(dry_run=dry_run), "reset", lambda design: "all edits dropped")
