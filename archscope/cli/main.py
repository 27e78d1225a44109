"""`archscope`: the entry point, the commands, and how errors and signals end."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.output import fail
from archscope.errors import ArchscopeError, reason_of
from archscope.files import place_remedy

SEE, CHANGE, PROVE = "See", "Change", "Prove"

# command: (its help panel, the module in archscope.cli, the function in it)
COMMANDS = {
    "demo": (SEE, "demo", "demo"),
    "shapes": (SEE, "shapes", "shapes"),
    "params": (SEE, "params", "params"),
    "status": (SEE, "status", "status"),
    "scan": (SEE, "scan", "scan"),
    "diagnose": (SEE, "diagnose", "diagnose"),
    "draw": (SEE, "draw", "draw"),
    "diff": (SEE, "diff", "diff"),
    "check": (SEE, "check", "check"),
    "search": (SEE, "search", "search"),
    "scale": (SEE, "scale", "scale"),
    "score": (SEE, "score", "score"),
    "weights": (SEE, "weights", "weights"),
    "init": (CHANGE, "init", "init"),
    "set": (CHANGE, "set", "set_"),
    "cut": (CHANGE, "cut", "cut"),
    "head": (CHANGE, "head", "head"),
    "stride": (CHANGE, "stride", "stride"),
    "upsample": (CHANGE, "upsample", "upsample"),
    "drop": (CHANGE, "drop", "drop"),
    "dilate": (CHANGE, "dilate", "dilate"),
    "replace": (CHANGE, "replace", "replace"),
    "width": (CHANGE, "width", "width"),
    "undo": (CHANGE, "undo", "undo"),
    "redo": (CHANGE, "undo", "redo"),
    "reset": (CHANGE, "reset", "reset"),
    "train-eval": (PROVE, "train_eval", "train_eval"),
    "compare": (PROVE, "compare", "compare"),
    "evaluate": (PROVE, "evaluate", "evaluate"),
    "latency": (PROVE, "latency", "latency"),
    "export": (PROVE, "export", "export"),
}

INTERRUPTED = 128 + signal.SIGINT


def application(command: str = "") -> typer.Typer:
    """The command line. Given one of COMMANDS it knows that one alone: the others need not be imported to run it."""
    app = typer.Typer(
        name="archscope",
        help="See where a small-image CNN loses its image, repair it, price it, and prove the repair by training.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in [command] if command in COMMANDS else COMMANDS:
        panel, module, function = COMMANDS[name]
        run = getattr(import_module(f"archscope.cli.{module}"), function)
        app.command(name, rich_help_panel=panel)(run)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from archscope import __version__

        # The distribution's name: another project on the package index is called archscope.
        print(f"archscope-cnn {__version__} (command and import package: archscope)")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print name and version, and exit.")
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; always ends the process. Errors are one sentence on stderr and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in arguments if not word.startswith("-")), "")
    prefix = f"{command}: " if command in COMMANDS else ""
    for name in ("stdout", "stderr"):
        # Closed by who started it: what nobody reads is written to nowhere.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a rule or a glyph gets a question mark for it.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = typer.main.get_command(application(command)).main(
            arguments, prog_name="archscope", standalone_mode=False
        )
        sys.stdout.flush()
        if code == INTERRUPTED:  # Typer's own answer to Ctrl-C, without a word
            fail("interrupted")
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted")
        code = INTERRUPTED
    except SystemExit as stop:
        # Typer ends with 1 when the reader of a pipe has gone; 1 is for findings.
        code = _unwritable(stop.__context__) if isinstance(stop.__context__, OSError) else stop.code
    except OSError as error:
        if error.filename is not None:  # not stdout, but a path that was named and cannot even be looked up
            fail(f"{prefix}cannot use {error.filename}: {reason_of(error)}; {place_remedy(error)}")
            code = 2
        else:
            code = _unwritable(error)
    except ArchscopeError as error:
        fail(f"{prefix}{error}")
        code = error.exit_code
    except Exception as error:
        # Typer's usage errors have no public class; they are the ones that can format themselves.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message().rstrip(".")
        message = message.replace("valid int range", "valid integer").replace("valid float range", "valid number")
        if message:  # without any argument Typer prints the help, and has nothing to add
            shows = f"archscope {command} --help" if prefix else "archscope --help"
            fail(f"{prefix}{message}; `{shows}` shows how")
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _unwritable(error: OSError) -> int:
    """The exit code for a stdout that takes no more; nothing may be written to it then, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        # The reader (head, less) has all it wanted.
        return 128 + signal.SIGPIPE
    fail(f"cannot write the output: {reason_of(error)}; {place_remedy(error)}")
    return 2


if __name__ == "__main__":
    main()
