"""Atomic writes: a reader finds the old content or the new, never a part of it. And what the machine has."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archscope.errors import OutputError, reason_of


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) to `path`: to a temporary name beside it, synced, then renamed.

    Raises OutputError when the folder or the disk refuses; what stood at `path` is then untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as temporary:
        _write(temporary, data)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffix, for a library that writes files itself.

    On a clean exit it is synced and renamed to `path`; on an error it is removed and `path` is untouched.
    Raises OutputError when the folder or the disk refuses.
    """
    # A link is followed, so that the file it names is replaced and the link stays.
    link, path = path, Path(os.path.realpath(path))
    try:
        if link.is_symlink() and not path.exists():
            raise OutputError(f"cannot write {link}: it links to {path}, which does not exist", "remove the link")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        try:
            os.close(handle)
            yield temporary
            temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
    finally:
        # What cannot be removed is a file too many; the error that led here says more.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, inside: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on a clean exit it becomes `path`, on an error it is removed.

    `inside` is another folder of the same file system for it, where what a kill leaves is cleared away with the rest.
    `path` must not exist yet. Raises OutputError when it does, or when the disk refuses.
    """
    if path.exists():
        raise OutputError(f"{path} exists already", "name another folder or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=inside or path.parent))
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            for inner in sorted(temporary.rglob("*")):
                sync(inner)
            temporary.rename(path)
            sync(path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def physical_memory() -> int | None:
    """Bytes of memory that this machine has, None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error for a path that the system refused, with the system's own reason."""
    return OutputError(f"cannot write {path}: {reason_of(error)}", place_remedy(error))


def place_remedy(error: OSError) -> str:
    """What to do about a path that the system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room, or choose another place"
    return "choose a shorter name" if error.errno == errno.ENAMETOOLONG else "choose another place"


def sync(path: Path) -> None:
    """Wait until what `path` holds, a file's content or a folder's names, is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
