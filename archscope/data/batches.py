"""CIFAR-10 as its home page gives it: six batches, in the python or the binary version, in an archive or a folder.

A batch has 10,000 images of 32x32, each as its red, green and blue plane (https://www.cs.toronto.edu/~kriz/cifar.html).
Python version: a pickled dict with `data`, uint8 (10000, 3072), and `labels`, 10,000 ints. Binary version: 10,000
records of 3,073 bytes, the label first.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from archscope.data.cifar10 import CLASSES, IMAGE_SHAPE, check_label_names
from archscope.data.dataset import check_classes, labels_of
from archscope.data.found import Found, name_of
from archscope.data.intake import Raw, take_in
from archscope.data.reading import reading
from archscope.data.unpickle import load_batch
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

# As in keras/src/datasets/cifar10.py.
ARCHIVE_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
# As in tensorflow_datasets; its MD5 is the home page's, c32a1d4ab5d03f1284b67883e8d87530.
BINARY_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"

_BATCH_IMAGES = 10_000
_PIXELS = 32 * 32 * 3
# A batch is 31 MB and the whole archive 186 MB; what is much larger is something else.
_MOST_BATCH_BYTES = 64 * 2**20
_MOST_ARCHIVE_BYTES = 400 * 2**20

Batch = tuple["NDArray[uint8]", "NDArray[int64]"]


@dataclass(frozen=True, slots=True)
class _Version:
    """What its files are called, the test batch last, and how one is read: planar pixels (n, 3072) and labels (n,)."""

    name: str
    batches: tuple[str, ...]
    meta: str
    read: Callable[[bytes, str], Batch]
    label_names: Callable[[bytes, str], list[str]]


def holds_batches(folder: Path) -> bool:
    """Whether any batch of either version lies in the folder."""
    return any((folder / name).exists() for version in _VERSIONS for name in version.batches)


def read_archive(path: Path, shape: tuple[int, int, int], *, original_only: bool = False) -> Found:
    """Read a .tar.gz or .tar as a stream; nothing is extracted to disk.

    `original_only` refuses every archive but the originals, by their SHA-256; otherwise the source says which it is.
    Raises DataError for a missing, damaged, doubled or refused batch.
    """
    with reading(str(path)), path.open("rb") as file:
        original = hashlib.file_digest(file, "sha256").hexdigest() in (ARCHIVE_SHA256, BINARY_SHA256)
    if original_only and not original:
        raise DataError(f"{path} is not the original archive: its SHA-256 differs", "remove it")
    kind = "the original archive, by its SHA-256" if original else "a {} archive, not the original file"
    return _read(_members(path), path, shape, kind)


def read_folder(folder: Path, shape: tuple[int, int, int]) -> Found:
    """Read a folder with the six batches of either version. Raises DataError as `read_archive` does."""

    def members() -> Iterator[tuple[str, bytes]]:
        for name in sorted(_SLOTS):
            path = folder / name
            if path.exists():
                with reading(str(path)), path.open("rb") as file:
                    content = file.read(_MOST_BATCH_BYTES + 1)
                yield name, _bounded(content, _MOST_BATCH_BYTES, str(path))

    return _read(members(), folder, shape, "{} folder")


def _read(members: Iterable[tuple[str, bytes]], path: Path, shape: tuple[int, int, int], kind: str) -> Found:
    """Both splits from the named contents of files, each looked at once, in any order."""
    import numpy as np

    # One array for all six, so that each batch's bytes can go as soon as they are read.
    images = np.empty((6 * _BATCH_IMAGES, *IMAGE_SHAPE), dtype=np.uint8)
    labels = np.empty(len(images), dtype=np.int64)
    seen: dict[str, _Version] = {}
    for name, content in members:
        where = f"{path}: {name}"
        version = _SLOTS[name]
        if name in seen:
            raise DataError(f"{path} holds {name} twice, and only one can be meant", "get a fresh copy")
        seen[name] = version
        if name == version.meta:
            check_label_names(version.label_names(content, where), where)
            continue
        pixels, of_batch = version.read(content, where)
        start = version.batches.index(name) * _BATCH_IMAGES
        _check_count(pixels, of_batch, where)
        images[start : start + _BATCH_IMAGES] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[start : start + _BATCH_IMAGES] = of_batch
    version = _one_version(seen, path)
    first_test = 5 * _BATCH_IMAGES
    source = f"{path} ({kind.format(version.name)})"
    classes = check_classes(labels[:first_test], labels[first_test:], CLASSES, source)
    train, test = (Raw(labels[rows], images[rows]) for rows in (slice(first_test), slice(first_test, None)))
    return Found(name_of(path), source, classes, take_in(train, test, shape, source), named=True, cifar10=True)


def _one_version(seen: dict[str, _Version], path: Path) -> _Version:
    """The version whose six batches were all seen."""
    versions = [version for version in _VERSIONS if version in seen.values()]
    if len(versions) > 1:
        raise DataError(f"{path} holds files of the python and of the binary version", "keep those of one")
    version = versions[0] if versions else _PYTHON
    for name in version.batches:
        if name not in seen:
            raise DataError(f"{path}: {name} is missing, and CIFAR-10 needs all six batches", "get a complete copy")
    return version


def _check_count(pixels: NDArray[Any], labels: NDArray[int64], where: str) -> None:
    if str(pixels.dtype) != "uint8" or pixels.shape != (_BATCH_IMAGES, _PIXELS):
        raise DataError(
            f"{where} has data {pixels.dtype}{pixels.shape}, not uint8({_BATCH_IMAGES}, {_PIXELS})", "get a fresh copy"
        )
    if len(labels) != _BATCH_IMAGES:
        raise DataError(f"{where} has {len(labels):,} labels for {_BATCH_IMAGES:,} images", "get a fresh copy")


def _python_batch(data: bytes, where: str) -> Batch:
    content = load_batch(data, where)
    return _array(content, "data", where), labels_of(_array(content, "labels", where), where, len(CLASSES))


def _array(content: dict[str, object], key: str, where: str) -> NDArray[Any]:
    import numpy as np

    value = content.get(key)
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise DataError(f"{where} has no {key!r} of integers, and a CIFAR-10 batch has one", "get a fresh copy")
    with reading(where):
        return np.array(value, dtype=np.int64)


def _python_names(data: bytes, where: str) -> list[str]:
    names = load_batch(data, where).get("label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise DataError(f"{where} has no list of label names", "get a fresh copy, or remove this file")
    return [name.decode("latin-1") if isinstance(name, bytes) else name for name in names]


def _binary_batch(data: bytes, where: str) -> Batch:
    import numpy as np

    record = 1 + _PIXELS
    if len(data) != _BATCH_IMAGES * record:
        raise DataError(
            f"{where} has {len(data):,} bytes, and {_BATCH_IMAGES:,} records of {record:,} bytes are"
            f" {_BATCH_IMAGES * record:,}",
            "get a fresh copy",
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, record)
    return records[:, 1:], labels_of(records[:, 0], where, len(CLASSES))


def _binary_names(data: bytes, where: str) -> list[str]:
    """One name on each line, and an empty line at the end."""
    return data.decode("latin-1").split()


_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
_PYTHON = _Version("python-version", _BATCHES, "batches.meta", _python_batch, _python_names)
_BINARY = _Version(
    "binary-version", tuple(f"{name}.bin" for name in _BATCHES), "batches.meta.txt", _binary_batch, _binary_names
)
_VERSIONS = (_PYTHON, _BINARY)
_SLOTS = {name: version for version in _VERSIONS for name in (*version.batches, version.meta)}


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """The batches in the archive, by base name. The whole is bounded, so that no header inside can ask for more."""
    with reading(str(path)):
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with cast(IO[bytes], gzip.open(path) if compressed else path.open("rb")) as stream:
            bounded = _Bounded(stream, _MOST_ARCHIVE_BYTES, str(path))
            with tarfile.open(fileobj=cast(IO[bytes], bounded), mode="r|") as archive:
                for member in archive:
                    name = PurePosixPath(member.name).name
                    if member.isreg() and name in _SLOTS:
                        batch = archive.extractfile(member)
                        assert batch is not None  # only for links and folders
                        # A sparse member can announce any size.
                        yield name, _bounded(batch.read(_MOST_BATCH_BYTES + 1), _MOST_BATCH_BYTES, f"{path}: {name}")
            # What follows the tar's end is read as well, so that a damaged or cut off archive is found out.
            while bounded.read(2**20):
                pass


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than `most` bytes."""

    def __init__(self, stream: IO[bytes], most: int, where: str) -> None:
        self._stream, self._left, self._most, self._where = stream, most, most, where

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size if 0 <= size <= self._left else self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise _too_large(self._most, self._where)
        return content


def _bounded(content: bytes, most: int, where: str) -> bytes:
    if len(content) > most:
        raise _too_large(most, where)
    return content


def _too_large(most: int, where: str) -> DataError:
    return DataError(f"{where} is larger than {most >> 20} MiB, and CIFAR-10's is not", "name a copy of CIFAR-10")
