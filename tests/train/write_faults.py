"""Faults at the calls that a write makes of the system: an error there, or the end of the process.

The calls are those of Python's `os`, through which all of archscope's atomic writes go. A killed process does nothing
more, not even what stands under `finally`: behind the kill every call that would change the disk raises Killed too.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Self

import pytest

CALLS = ("open", "write", "close", "fsync", "chmod", "replace", "rename", "unlink", "mkdir", "stat", "lstat", "umask")


class Killed(BaseException):
    """Stands for SIGKILL."""


class Faults:
    """While it lasts `made` lists every call in order; call number `error_at` fails, and `kill_at` is the last."""

    def __init__(
        self, error_at: int | None = None, error: str = "ENOSPC", kill_at: int | None = None, half: bool = False
    ) -> None:
        self.made: list[str] = []
        self._error_at, self._error, self._kill_at, self._half = error_at, error, kill_at, half
        self._dead = False
        self._unsynced: set[int] = set()  # inodes
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        self._real = {name: getattr(os, name) for name in CALLS}
        for name in CALLS:
            self._patch.setattr(os, name, self._watched(name, self._real[name]))
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self._dead:
                raise Killed
            number = len(self.made)
            self.made.append(name)
            if number == self._kill_at:
                self._dead = True
                if self._half:
                    handle, data = arguments
                    self._note(name, handle)
                    real(handle, bytes(data[: len(data) // 2]))
                raise Killed
            if number == self._error_at:
                if name == "close":  # the system closes it all the same
                    real(*arguments, **named)
                code = getattr(errno, self._error)
                raise OSError(code, os.strerror(code))
            self._note(name, arguments[0] if arguments else None)
            return real(*arguments, **named)

        return call

    def _note(self, name: str, handle: Any) -> None:
        if name in ("write", "fsync"):
            inode = os.fstat(handle).st_ino
            (self._unsynced.add if name == "write" else self._unsynced.discard)(inode)

    def lose_what_was_not_synced(self, folder: str | os.PathLike[str] = ".") -> None:
        """Empty the files that were written and not synced, as a power cut may."""
        for entry in os.scandir(folder):
            if entry.inode() in self._unsynced:
                os.truncate(entry.path, 0)
