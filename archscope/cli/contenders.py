"""The designs that a comparison's words name: models, specs, files, runs, edits of the one before, and globs."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from archscope.cli.subject import subject
from archscope.configs.applications import NATIVE
from archscope.design import DEFAULT, parse_input
from archscope.diagnose.compare import Contender, Measured, label
from archscope.errors import ArchscopeError, DesignError, did_you_mean
from archscope.runs import read_predictions, read_run
from archscope.zoo import MODELS

_KERAS = "keras:"
_WILD = "*?["


@dataclass(frozen=True, slots=True)
class Found:
    """The contenders in order, and a sentence for each network of a glob that does not exist at its input."""

    contenders: tuple[Contender, ...]
    left_out: tuple[str, ...] = ()


def find_contenders(words: list[str], input_size: str | None = None, least: int = 2) -> Found:
    """The designs that the words name, in order, at `input_size` where one is given.

    A word that begins with `+` edits the last design named in full. A glob stands for archscope's own models, or with
    `keras:` in front for those of keras.applications; one of them that cannot be built is left out.
    Raises ArchscopeError for a word that names nothing, and for fewer than `least` designs.
    """
    if input_size is not None:
        DEFAULT.having(input=parse_input(input_size))
    found: list[Contender] = []
    left_out: list[str] = []
    base = ""
    for word in words:
        if word.startswith("+"):
            if not base:
                raise DesignError(f"{word!r} edits the design before it, and there is none", "name a design first")
            # The base stands at its own input already, --input or not.
            found.append(contender(label(len(found)), base + word))
            continue
        for one in _expanded(word):
            try:
                found.append(contender(label(len(found)), one, input_size))
                base = found[-1].spec
            except ArchscopeError as error:
                if one == word:
                    raise
                left_out.append(f"{one}: {error.message}" + (f"; {error.remedy}" if error.remedy else ""))
    if not found and least < 2:
        raise DesignError("no design is named", "name a model, a spec, a design file or a run folder")
    if len(found) < least:
        named = "one was" if found else "none was"
        raise DesignError(
            f"a comparison needs two designs, and {named} named" + "".join(f" ({sentence})" for sentence in left_out),
            "for example `archscope compare mobilenet_v2 +cut:block_12_add+head:1000`",
        )
    return Found(tuple(found), tuple(left_out))


def contender(name: str, word: str, input_size: str | None = None) -> Contender:
    """The design, or the run, that a word names; `name` is its label. Raises ArchscopeError."""
    shown = subject(word, input_size)
    runs: tuple[Measured, ...] = ()
    if shown.source.startswith("run "):
        if input_size is not None:
            raise DesignError(
                f"--input {input_size} does not go with the run {word}", "its accuracy is that of its own input"
            )
        folder = Path(word)
        run = read_run(folder)
        runs = (Measured(folder, run, read_predictions(folder, run.headline)),)
    return Contender(name, shown.design, shown.spec, shown.source, shown.trace, runs)


def _expanded(word: str) -> list[str]:
    """The models that a glob stands for, each with what stood behind it; any other word is itself."""
    end = min((place for mark in "@,+" if (place := word.find(mark)) >= 0), default=len(word))
    pattern, rest = word[:end], word[end:]
    if not any(mark in pattern for mark in _WILD):
        return [word]
    names = [f"{_KERAS}{name}" for name in NATIVE] if pattern.startswith(_KERAS) else list(MODELS)
    matches = [name + rest for name in names if fnmatchcase(name.lower(), pattern.lower())]
    if not matches:
        plain = "".join(letter for letter in pattern if letter not in _WILD)
        ours = f"the models are {', '.join(MODELS)}, and keras:NAME"
        raise DesignError(f"no model matches {pattern!r}", did_you_mean(plain, names, ours))
    return matches
