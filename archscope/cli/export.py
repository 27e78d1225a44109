"""`archscope export`: a run's network as a file to deploy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.editing import Yes
from archscope.cli.evaluate import RunFolder
from archscope.cli.output import may_write, say, title
from archscope.runs import read_run, saved_model


class Target(StrEnum):
    """A file format of a trained network."""

    keras = "keras"
    litert = "litert"


_SUFFIX = {Target.keras: ".keras", Target.litert: ".tflite"}


def export(
    run: RunFolder,
    form: Annotated[
        Target, typer.Option("--format", "-f", help="keras, or litert for LiteRT (.tflite).")
    ] = Target.keras,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", show_default="<run name> in this folder")
    ] = None,
    yes: Yes = False,
) -> None:
    """Write a run's trained network as a .keras file, or a .tflite file that is checked against it."""
    from archscope.interop.export import export_keras, export_litert
    from archscope.interop.framework import load_framework
    from archscope.interop.read import read_keras

    recorded = read_run(run)
    title(f"{recorded.network.spec} · run {run}", f"{recorded.network.params:,} params")
    source = saved_model(run, recorded)
    path = out or Path(recorded.name + _SUFFIX[form])
    may_write(path, yes)
    load_framework()
    model = read_keras(source)
    if form is Target.keras:
        export_keras(model, path)
        say(f"wrote {path} ({path.stat().st_size:,} bytes)")
    else:
        difference = export_litert(model, path)
        say(f"wrote {path} ({path.stat().st_size:,} bytes); LiteRT agrees with Keras to {difference:.1e}")
