"""`--resume` stands alone: what goes on is as it was begun."""

from __future__ import annotations

import typer

from archscope.errors import DesignError


def resume_alone(context: typer.Context, *beside: str) -> None:
    """Refuse what was typed beside --resume, the parameters named in `beside` apart. Raises DesignError."""
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in ("resume", *beside) and source is not None and source.name == "COMMANDLINE":
            value = context.params[name]
            words = [value] if isinstance(value, str) else value
            given = parameter.opts[0] if parameter.param_type_name == "option" else " ".join(words)
            raise DesignError(f"--resume takes nothing beside it, and got {given}", "it goes on as it was begun")
