"""`archscope undo` and `archscope redo`: step back and forth through the writes of this folder."""

from __future__ import annotations

from archscope.cli.output import next_step, say
from archscope.cli.subject import subject, workspace


def undo() -> None:
    """Take back the last write of this folder (init, set and reset too)."""
    step = workspace().undo()
    subject(None).announce()
    say(f"undone: {step.command}")
    next_step("archscope redo")


def redo() -> None:
    """Do the last undone write again."""
    step = workspace().redo()
    subject(None).announce()
    say(f"done again: {step.command}")
    next_step("archscope status")
