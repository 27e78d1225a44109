"""An interrupted run of the same plan is offered before another one begins; it is never trained over, nor lost."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import typer

from archscope.cli.job import REPORTS, free_folder, is_finished, remove_leftover, resume_command
from archscope.cli.output import note
from archscope.errors import RunError, TrainingError
from archscope.runs.lock import is_locked
from archscope.runs.plan import Plan, read_plan
from archscope.runs.store import PARTIAL, partial_of
from archscope.train import Generations, has_state


def place_for(plan: Plan, out: Path | None, stem: str) -> tuple[Plan, Path, bool]:
    """What to run, in which folder, and whether that goes on with an interrupted run.

    On a terminal the person decides; in a pipe a new run begins beside it, and a note says how the old one goes on.
    """
    twin = _interrupted_twin(plan, out)
    if twin is not None:
        partial, begun, place = twin
        if sys.stdin.isatty() and sys.stderr.isatty():
            note(f"{partial} holds this very run, interrupted after {place}.")
            if typer.confirm("Go on with it?", default=True, err=True):
                plan = replace(begun, tensorboard=begun.tensorboard or plan.tensorboard)
                return plan, partial.with_name(partial.name.removesuffix(PARTIAL)), True
            note(f"it is kept; go on with: {resume_command(partial)}")
        elif out is None:  # what is named is refused, with the command that goes on
            note(
                f"this run begins anew, beside the same one that was interrupted after {place}; "
                f"that one goes on with: {resume_command(partial)}"
            )
    return plan, out or free_folder(REPORTS, stem), False


def _interrupted_twin(plan: Plan, out: Path | None) -> tuple[Path, Plan, str] | None:
    """The partial folder of the latest interrupted run of the same plan, its plan, and how far it came."""
    found = []
    for partial in [partial_of(out)] if out else REPORTS.glob(f"*{PARTIAL}"):
        # A run without a state is no loss, and one that runs right now goes on by itself.
        if not has_state(partial) or is_locked(partial):
            continue
        folder = partial.with_name(partial.name.removesuffix(PARTIAL))
        remove_leftover(folder)
        if is_finished(folder):
            continue
        try:
            begun, (state, _) = read_plan(partial), Generations(partial).load()
        except (RunError, TrainingError):
            continue
        if _asked(begun) == _asked(plan):
            found.append((begun.started, str(partial), begun, state.place))
    if not found:
        return None
    _, path, begun, place = max(found, key=lambda one: one[:2])
    return Path(path), begun, place


def _asked(plan: Plan) -> str:
    """All that makes two plans the same run, as JSON spells it."""
    return json.dumps(asdict(plan.asked), sort_keys=True)
