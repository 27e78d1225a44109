"""Which network a command speaks of, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from archscope.analysis import By
from archscope.cli.output import Format, note, title
from archscope.design import (
    DEFAULT,
    FILE_NAME,
    Design,
    Workspace,
    build,
    format_spec,
    parse_input,
    parse_spec,
    quoted,
    read_design,
)
from archscope.errors import RunError
from archscope.graph import Trace, digest, verify
from archscope.report.network import headline
from archscope.zoo import MODELS

Model = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="A model (mobilenet_v2), a spec (mobilenet_v2@32,alpha=0.9+cut:block_12_add), a design file or a run "
        "folder; without it, the archscope.toml of this folder.",
        show_default=False,
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option("--input", "-i", metavar="H[xW[xC]]", help="Input size for this call.", show_default=False),
]

ByOption = Annotated[
    By | None,
    typer.Option("--by", help="A row per layer, block or stage (machine formats: layer).", show_default="block"),
]


@dataclass(frozen=True, slots=True)
class Subject:
    """A design, where it came from in words, and its trace."""

    design: Design
    source: str
    trace: Trace

    @property
    def spec(self) -> str:
        return format_spec(self.design)

    def announce(self) -> None:
        """The first line of every command that reads a network."""
        title(*headline(self.spec, self.trace, self.source))


def row_unit(by: By | None, form: Format) -> By:
    """What a row stands for: people see blocks, machines get every layer, unless they say otherwise."""
    return by or ("block" if form is Format.table else "layer")


def workspace() -> Workspace:
    return Workspace(Path())


def subject(model: str | None, input_size: str | None = None) -> Subject:
    """The network that a command's arguments name. Raises DesignError."""
    design, source = find_design(model, input_size)
    return Subject(design, source, verify(build(design)))


def find_design(model: str | None, input_size: str | None = None) -> tuple[Design, str]:
    """The design and its source: this folder's, or the one that `model` names, which ignores this folder's."""
    design, source = _find_design(model)
    if input_size is not None:
        return design.having(input=parse_input(input_size)), f"{source}, --input {input_size} for this call"
    if design.family.any_size and design.input == design.family.input:
        sides = "x".join(map(str, design.input[:2]))
        note(f"{design.model} says no size of its images; it is read for {sides}, or for what --input says")
    return design, source


def _find_design(model: str | None) -> tuple[Design, str]:
    if model is None:
        found = workspace().design()
        # A file may hold a [budget] alone.
        missing = f"no [design] in {FILE_NAME}" if workspace().path.exists() else f"no {FILE_NAME}"
        return (found, FILE_NAME) if found else (DEFAULT, f"built-in default ({missing})")
    path = Path(model)
    if path.suffix == ".toml":
        return read_design(path), model
    if model not in MODELS and _is_folder(model):
        return _of_run(path), f"run {model}"
    if path.suffix == ".keras" and path.is_file():
        # As the shell completes it, spaces and all.
        return parse_spec(quoted(model)), "model"
    return parse_spec(model), "spec" if any(mark in model for mark in "@,+") else "model"


def _of_run(folder: Path) -> Design:
    """The design of a run. Raises RunError where it is not the network that was trained: a spec may name a file."""
    from archscope.runs import read_run

    network = read_run(folder).network
    design = parse_spec(network.spec)
    if digest(build(design)) != network.digest:
        raise RunError(
            f"{network.spec} is another network than when {folder} was trained", "restore its file, or train it anew"
        )
    return design


def _is_folder(model: str) -> bool:
    try:
        return model != "" and Path(model).is_dir()
    except OSError:  # a text too long for a path
        return False
