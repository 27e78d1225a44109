"""Whether what a training learns from has seen what that training holds out: said where it may have."""

from __future__ import annotations

from archscope.cli.output import note
from archscope.runs.held_out import HeldOut


def saw_held_out(who: str, theirs: HeldOut, ours: HeldOut) -> bool:
    """Whether `who` may have learnt from images that are held out here; then a note says so."""
    if theirs.covers(ours):
        return False
    note(
        f"! {who} may have learnt from images that are held out here ({theirs}; here {ours}): the validation accuracy "
        "will flatter, and says so",
        wrap=True,
    )
    return True
