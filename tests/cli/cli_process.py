"""How the tests start the command line: the command, and an environment in which nothing is left to chance."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

COMMAND = [sys.executable, "-W", "error", "-m", "archscope.cli.main"]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def environment(columns: int, **changes: str) -> dict[str, str]:
    unset = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "PYTHONIOENCODING", "LINES")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return kept | {"COLUMNS": str(columns), "TERM": "xterm-256color", "PYTHONUTF8": "1"} | changes
