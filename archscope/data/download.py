"""CIFAR-10 from Keras' cache or its download location; no Keras is needed for either."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from archscope.data.batches import ARCHIVE_SHA256, ARCHIVE_URL
from archscope.data.reading import reading
from archscope.errors import DataError
from archscope.files import atomic_path

# What keras.datasets.cifar10 of Keras 3 keeps: sharing it means that neither downloads twice.
_ARCHIVE = "cifar-10-batches-py-target_archive"
_ARCHIVES = (_ARCHIVE, "cifar-10-batches-py.tar.gz", "cifar-10-python.tar.gz")
_FOLDERS = (
    "cifar-10-batches-py-target/cifar-10-batches-py",
    "cifar-10-batches-py/cifar-10-batches-py",
    "cifar-10-batches-py",
)
_TIMEOUT_SECONDS = 15.0
_CHUNK_BYTES = 2**20


def keras_cache() -> Path:
    """The folder where Keras keeps data sets: in $KERAS_HOME, or ~/.keras."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras")).expanduser() / "datasets"


def cached_copies() -> list[Path]:
    """Archives, then folders, that Keras 2 or 3 may have left in its cache, those that exist."""
    return [path for name in (*_ARCHIVES, *_FOLDERS) if (path := keras_cache() / name).exists()]


def download() -> Path:
    """Download the archive into Keras' cache, checked against its SHA-256; the path of the file.

    Raises DataError, within seconds where there is no network, OutputError where the cache cannot be written.
    """
    from rich.console import Console
    from rich.progress import wrap_file

    target, digest = keras_cache() / _ARCHIVE, sha256()
    try:
        answer = urllib.request.urlopen(ARCHIVE_URL, timeout=_TIMEOUT_SECONDS)
    except urllib.error.URLError as error:
        raise DataError(f"{ARCHIVE_URL} cannot be reached: {error.reason}", "name a copy with --data") from error
    console = Console(stderr=True)
    size = int(answer.headers.get("Content-Length") or 0)
    with atomic_path(target) as temporary:
        with (
            wrap_file(
                answer, size, description="CIFAR-10", console=console, disable=not console.is_terminal, transient=True
            ) as source,
            temporary.open("wb") as file,
        ):
            for chunk in iter(partial(_read, source), b""):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != ARCHIVE_SHA256:
            raise DataError(f"{ARCHIVE_URL} gave a file that is not the original (SHA-256)", "name a copy with --data")
    return target


def _read(source: BinaryIO) -> bytes:
    with reading(ARCHIVE_URL, "try again"):
        return source.read(_CHUNK_BYTES)
