"""`archscope init`: start a design in this folder."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.editing import Yes, confirm_overwrite
from archscope.cli.output import next_step, say, title
from archscope.cli.subject import find_design, workspace
from archscope.design import DEFAULT, FILE_NAME, build, format_spec, with_arguments
from archscope.graph import verify
from archscope.report.network import headline, verdict


def init(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="A model, spec or file to start from.", show_default=format_spec(DEFAULT)
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="As in `set`.", show_default=False)
    ] = None,
    yes: Yes = False,
) -> None:
    """Write archscope.toml: the network that the other commands speak of."""
    settings = list(assignments or [])
    if model is not None and "=" in model and "@" not in model and "," not in model:
        settings, model = [model, *settings], None
    design = with_arguments(DEFAULT if model is None else find_design(model)[0], settings)
    trace = verify(build(design))
    space = workspace()
    existing = space.design()
    title(*headline(format_spec(design), trace, FILE_NAME))
    if existing == design:
        say(f"already so: {FILE_NAME} holds this design")
        return
    if existing is not None:
        confirm_overwrite(existing, yes)
    made = "wrote" if space.path.exists() else "made"
    space.write(design, " ".join(["init", *([model] if model else []), *settings]))
    say(f"{made} {FILE_NAME}")
    say(verdict(trace))
    next_step("archscope shapes")
