"""The command line that makes an edit: what a remedy prints is what a person types."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from archscope.design import (
    Cut,
    Design,
    Dilate,
    Drop,
    Edit,
    Head,
    Replace,
    Stride,
    Upsample,
    Width,
    edited,
    format_spec,
)


def commands(edits: Sequence[Edit], design: Design | None = None) -> str:
    """The commands for `edits` in order, joined by `&&`: on archscope.toml, or, given a design, on its spec.

    On a spec only the last command is printed: it takes the spec that the ones before it make.
    """
    steps = _steps(edits)
    if design is None:
        return " && ".join(shlex.join(["archscope", *_words(step)]) for step in steps)
    for step in steps[:-1]:
        for edit in step:
            design = edited(design, edit)
    return shlex.join(["archscope", *_words(steps[-1]), "-m", format_spec(design)])


def short_commands(edits: Sequence[Edit]) -> str:
    """The same without the program's name: `cut block_12_add --head 1000 + stride Conv1 1`."""
    return " + ".join(shlex.join(_words(step)) for step in _steps(edits))


def _steps(edits: Sequence[Edit]) -> list[tuple[Edit, ...]]:
    """Edits command by command: a head that follows a cut is the cut's option."""
    steps: list[tuple[Edit, ...]] = []
    for edit in edits:
        if isinstance(edit, Head) and steps and isinstance(steps[-1][-1], Cut):
            steps[-1] = (*steps[-1], edit)
        else:
            steps.append((edit,))
    return steps


def _words(step: Sequence[Edit]) -> list[str]:
    match step:
        case [Cut(layer)]:
            return ["cut", layer]
        case [Cut(layer), Head(units) as head]:
            return ["cut", layer, "--head", str(units), *_options(head, "dropout")]
        case [Head(units) as head]:
            return ["head", str(units), *_options(head, "dropout")]
        case [Stride(layer, to)]:
            return ["stride", layer, str(to)]
        case [Upsample(factor, by)]:
            return ["upsample", str(factor), *(["--by", by] if by != "bilinear" else [])]
        case [Drop(what)]:
            return ["drop", what]
        case [Dilate(layer)]:
            return ["dilate", layer]
        case [Replace(old, by) as swap]:
            return ["replace", old, by, *_options(swap, "in", "groups")]
        case [Width(factor) as scaled]:
            return ["width", repr(factor), *_options(scaled, "divisor", "group")]
    raise AssertionError(step)


def _options(edit: Edit, *names: str) -> list[str]:
    return [word for name, value in edit.parts()[1].items() if name in names for word in (f"--{name}", value)]
