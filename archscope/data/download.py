"""CIFAR-10 from Keras' cache or its download location. Keras is imported only to download."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from archscope.data.batches import ARCHIVE_SHA256, ARCHIVE_URL
from archscope.data.reading import reading
from archscope.errors import DataError

# What keras.datasets.cifar10 of Keras 3 keeps: sharing it means that neither downloads twice.
_ARCHIVE = "cifar-10-batches-py-target_archive"
_ARCHIVES = (_ARCHIVE, "cifar-10-batches-py.tar.gz", "cifar-10-python.tar.gz")
_FOLDERS = (
    "cifar-10-batches-py-target/cifar-10-batches-py",
    "cifar-10-batches-py/cifar-10-batches-py",
    "cifar-10-batches-py",
)
_TIMEOUT_SECONDS = 15.0


def keras_cache() -> Path:
    """The folder where Keras keeps data sets: in $KERAS_HOME, or ~/.keras."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras")).expanduser() / "datasets"


def cached_copies() -> list[Path]:
    """Archives, then folders, that Keras 2 or 3 may have left in its cache, those that exist."""
    return [path for name in (*_ARCHIVES, *_FOLDERS) if (path := keras_cache() / name).exists()]


def download() -> Path:
    """Download the archive into Keras' cache, checked against its SHA-256; the path of the file.

    Raises DataError, within seconds where there is no network: the server is asked for the file's header first,
    so that a failure costs no import of Keras and prints nothing.
    """
    with reading(ARCHIVE_URL), _timeout(_TIMEOUT_SECONDS):
        try:
            urllib.request.urlopen(urllib.request.Request(ARCHIVE_URL, method="HEAD")).close()
        except urllib.error.URLError as error:
            raise DataError(f"{ARCHIVE_URL} cannot be reached: {error.reason}", "name a copy with --data") from error
        with _off_stdout():
            import keras

            return Path(keras.utils.get_file(_ARCHIVE, ARCHIVE_URL, file_hash=ARCHIVE_SHA256))


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Give every new connection a timeout: get_file has no argument for it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _off_stdout() -> Iterator[None]:
    """Keras prints its progress on stdout, which is for data: show it on a terminal's stderr, else drop it."""
    with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        yield
