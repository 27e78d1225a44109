"""A data set between its reader and its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from archscope.data.intake import Intake

_LONGEST_SLUG = 40


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A data set as a reader found it, fitted; what it is called depends on its content, or on what was asked for.

    `name` is what it is called unless it is CIFAR-10; `named` says whether the source gave the classes their names,
    `cifar10` that its form is CIFAR-10's own, `jpeg` that any image was stored as JPEG.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    intake: Intake
    named: bool = False
    cifar10: bool = False
    jpeg: bool = False

    @property
    def slug(self) -> str:
        """`flowers-1a2b3c4d`: two folders of one name are two data sets."""
        words = re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:_LONGEST_SLUG].strip("-")
        return f"{words or 'data'}-{self.intake.sha256[:8]}"


def name_of(path: Path) -> str:
    """What data are called that have no name of their own: the folder's name or the file's stem, printable."""
    path = path.resolve()
    name = (path.name if path.is_dir() else path.stem) or "data"
    return "".join(letter if letter.isprintable() else "?" for letter in name)
