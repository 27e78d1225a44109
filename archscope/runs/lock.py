"""Who trains in a run's folder: a lock that ends with its process, however that ends.

flock(2) on a file in the folder: no process id that another process may have by now, and nothing to clear away after
a kill.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archscope.errors import RunError
from archscope.files import cannot_write

LOCK_FILE = "lock"
TRIES, PAUSE_SECONDS = 5, 0.05  # whoever only looks holds the lock for a moment


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises RunError where another process holds it, OutputError when the disk refuses."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise cannot_write(folder / LOCK_FILE, error) from error
    try:
        if not _taken(handle, TRIES) or not _same(handle, folder / LOCK_FILE):
            raise RunError(f"{folder} is being trained by another process", "wait for it to end, or stop it")
        yield
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a process trains in `folder` right now."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _taken(handle, 1)
    finally:
        os.close(handle)


def _taken(handle: int, tries: int) -> bool:
    try:
        import fcntl
    except ImportError:  # not a POSIX system: runs are not guarded against each other there
        return True
    for left in reversed(range(tries)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if left:
                time.sleep(PAUSE_SECONDS)
        except OSError:  # a file system without locks
            return True
    return False


def _same(handle: int, path: Path) -> bool:
    """Whether `path` is still the file that was opened: a run that ended meanwhile has removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
