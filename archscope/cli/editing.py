"""What all edits share: find the design, change it, show before and after, write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from archscope.cli.output import next_step, say, show
from archscope.cli.subject import Subject, subject, workspace
from archscope.design import FILE_NAME, Design, build, format_spec
from archscope.errors import DesignError
from archscope.graph import verify
from archscope.report.network import change_table, verdict

OnModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="Edit this model, spec or file instead of archscope.toml, and print the spec.",
        show_default=False,
    ),
]
Save = Annotated[bool, typer.Option("--save", help="With -m: write the result to archscope.toml.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Overwrite without asking.")]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an edit acts: on archscope.toml, or on a model by name."""

    model: str | None = None
    save: bool = False
    dry_run: bool = False
    yes: bool = False


def edit(change: Callable[[Design], Design], target: Target, command: str, meaning: Callable[[Design], str]) -> None:
    """Change the design and say so: before -> after, and what was written. `meaning` puts the edit in words.

    Nothing is written before the changed design has been built and verified.
    """
    before = subject(target.model)
    before.announce()
    after = change(before.design)
    if after == before.design:
        say(f"already so: {meaning(after)}; nothing to change")
    else:
        say(meaning(after))
        trace = verify(build(after))
        show(change_table(before.trace, trace))
        say(verdict(trace))
    _write(before, after, target, command)


def _write(before: Subject, after: Design, target: Target, command: str) -> None:
    space = workspace()
    spec = format_spec(after)
    if target.dry_run:
        say(f"dry run, nothing written: {spec}", wrap=False)
    elif target.model is not None and not target.save:
        say(f"spec: {spec}", wrap=False)
        next_step(f"archscope train-eval {spec}")
    else:
        existing = space.design()
        if existing == after or (existing is None and target.model is None and after == before.design):
            return
        if target.model is not None and existing is not None:
            confirm_overwrite(existing, target.yes)
        elif existing is not None and existing != before.design:
            raise DesignError(
                f"{FILE_NAME} was changed while this command ran, and is left as it is now", "run it again"
            )
        made = "wrote" if space.path.exists() else "made"
        space.write(after, command)
        say(f"{made} {FILE_NAME}: {spec}", wrap=False)
        next_step("archscope train-eval")


def confirm_overwrite(existing: Design, yes: bool) -> None:
    """Ask before a design is replaced by another; in a pipe only --yes will do. Raises DesignError for a no."""
    if yes:
        return
    question = f"{FILE_NAME} holds {format_spec(existing)}"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise DesignError(
            f"{question}, which this would replace", "say --yes to replace it; `archscope undo` brings it back"
        )
    if not typer.confirm(f"{question}. Replace it?"):
        raise DesignError(f"{FILE_NAME} was left as it is", "")
