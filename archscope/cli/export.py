"""`archscope export`: a run's network, or a design's with given weights, as a file to deploy."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archscope.cli.carried import Weights, carry_into
from archscope.cli.editing import Yes
from archscope.cli.output import may_write, say, title
from archscope.cli.subject import subject
from archscope.errors import RunError
from archscope.graph import digest
from archscope.interop.named import weights_file
from archscope.report.names import run_stem
from archscope.runs import RUN_FILE, read_run, saved_model

if TYPE_CHECKING:
    import keras


class Target(StrEnum):
    """A file format of a trained network."""

    keras = "keras"
    litert = "litert"


_SUFFIX = {Target.keras: ".keras", Target.litert: ".tflite"}


def export(
    named: Annotated[
        str,
        typer.Argument(metavar="RUN|MODEL", help="A run folder; or, with --weights, a model.", show_default=False),
    ],
    weights: Weights = None,
    form: Annotated[
        Target, typer.Option("--format", "-f", help="keras, or litert for LiteRT (.tflite).")
    ] = Target.keras,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", show_default="<run name> in this folder")
    ] = None,
    yes: Yes = False,
) -> None:
    """Write a run's trained network as a .keras file, or a .tflite file that is checked against it.

    With --weights it is the network of a MODEL, not trained here, with the weights that a file holds for it.
    """
    from archscope.interop.export import export_keras, export_litert

    model, name = _trained(Path(named)) if weights is None else _carried(named, weights)
    path = out or Path(name + _SUFFIX[form])
    may_write(path, yes)
    network = model()
    if form is Target.keras:
        export_keras(network, path)
        say(f"wrote {path} ({path.stat().st_size:,} bytes)")
    else:
        difference = export_litert(network, path)
        say(f"wrote {path} ({path.stat().st_size:,} bytes); LiteRT agrees with Keras to {difference:.1e}")


def _trained(run: Path) -> tuple[Callable[[], keras.Model], str]:
    """What reads a run's network, and its name. Raises RunError where there is no run."""
    if not run.is_dir() and run.name != RUN_FILE:
        raise RunError(
            f"{run} is no run folder, and a network that was not trained has no weights to write",
            "name them: --weights FILE, or imagenet",
        )
    recorded = read_run(run)
    title(f"{recorded.network.spec} · run {run}", f"{recorded.network.params:,} params")
    source = saved_model(run, recorded)

    def model() -> keras.Model:
        from archscope.interop.framework import load_framework
        from archscope.interop.read import read_keras

        load_framework()
        return read_keras(source)

    return model, recorded.name


def _carried(named: str, weights: str) -> tuple[Callable[[], keras.Model], str]:
    """What lowers a model and gives it its weights, and a name for it."""
    from archscope.interop.source import read_source

    shown = subject(named)
    shown.announce()
    source = read_source(weights_file(weights, shown.design))

    def model() -> keras.Model:
        from archscope.interop.framework import load_framework
        from archscope.interop.lower import lower

        load_framework()
        network = lower(shown.trace.graph, name=run_stem(shown.design, digest(shown.trace.graph)))
        carry_into(network, source, shown, weights)
        return network

    return model, run_stem(shown.design, digest(shown.trace.graph))
