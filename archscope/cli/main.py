"""`archscope`: the entry point, the commands, and how errors and signals end."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import Annotated

import typer

from archscope.cli import (
    cut,
    demo,
    evaluate,
    export,
    head,
    init,
    latency,
    params,
    reset,
    shapes,
    status,
    stride,
    train_eval,
    undo,
    upsample,
)
from archscope.cli import set as set_command
from archscope.cli.output import fail
from archscope.errors import ArchscopeError

app = typer.Typer(
    name="archscope",
    help="See where a small-image CNN loses its image, repair it, price it, and prove the repair by training.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SEE, CHANGE, PROVE = "See", "Change", "Prove"


def _version(wanted: bool) -> None:
    if wanted:
        from archscope import __version__

        # The distribution's name: another project on the package index is called archscope.
        print(f"archscope-cnn {__version__} (command and import package: archscope)")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print name and version, and exit.")
    ] = False,
) -> None:
    pass


app.command("shapes", rich_help_panel=SEE)(shapes.shapes)
app.command("params", rich_help_panel=SEE)(params.params)
app.command("status", rich_help_panel=SEE)(status.status)
app.command("init", rich_help_panel=CHANGE)(init.init)
app.command("set", rich_help_panel=CHANGE)(set_command.set_)
app.command("cut", rich_help_panel=CHANGE)(cut.cut)
app.command("head", rich_help_panel=CHANGE)(head.head)
app.command("stride", rich_help_panel=CHANGE)(stride.stride)
app.command("upsample", rich_help_panel=CHANGE)(upsample.upsample)
app.command("undo", rich_help_panel=CHANGE)(undo.undo)
app.command("redo", rich_help_panel=CHANGE)(undo.redo)
app.command("reset", rich_help_panel=CHANGE)(reset.reset)
app.command("demo", rich_help_panel=SEE)(demo.demo)
app.command("train-eval", rich_help_panel=PROVE)(train_eval.train_eval)
app.command("evaluate", rich_help_panel=PROVE)(evaluate.evaluate)
app.command("latency", rich_help_panel=PROVE)(latency.latency)
app.command("export", rich_help_panel=PROVE)(export.export)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; always ends the process. Errors are one sentence on stderr and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a rule or a glyph gets a question mark for it.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="archscope", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted")
        code = 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader (head, less) has all it wanted; nothing may be written any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    except ArchscopeError as error:
        fail(f"{_command(arguments)}{error}")
        code = error.exit_code
    except Exception as error:
        # Typer's usage errors have no public class; they are the ones that can format themselves.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message().rstrip(".")
        if message:  # without any argument Typer prints the help, and has nothing to add
            shows = " ".join(filter(None, ["archscope", _command(arguments, ""), "--help"]))
            fail(f"{_command(arguments)}{message}; `{shows}` shows how")
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _command(arguments: list[str], after: str = ": ") -> str:
    known = {command.name for command in app.registered_commands}
    return next((word + after for word in arguments if word in known), "")


if __name__ == "__main__":
    main()
