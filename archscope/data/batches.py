"""CIFAR-10's python version: six pickled batches, in the archive of the data set's home page or in a folder.

A batch is a dict with `data`, uint8 (10000, 3072), each row the red, then the green, then the blue plane of one
32x32 image, and `labels`, 10,000 ints (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from archscope.data.cifar10 import IMAGE_SHAPE, ORIGINAL, Copy, check_label_names, labels_of
from archscope.data.dataset import Split
from archscope.data.reading import reading
from archscope.data.unpickle import load_batch
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# As in keras/src/datasets/cifar10.py.
ARCHIVE_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
_META = "batches.meta"
_BATCH_IMAGES = 10_000
_PIXELS = 32 * 32 * 3
# A batch is 31 MB and the whole archive 186 MB; what is much larger is something else.
_MOST_BATCH_BYTES = 64 * 2**20
_MOST_ARCHIVE_BYTES = 400 * 2**20


def read_archive(path: Path, *, original_only: bool = False) -> Copy:
    """Read a .tar.gz or .tar in memory; nothing is extracted to disk.

    `original_only` refuses every archive but the original, by its SHA-256; otherwise the source says which it is.
    Raises DataError for a missing, damaged, doubled or refused batch.
    """
    with reading(str(path)), path.open("rb") as file:
        original = hashlib.file_digest(file, "sha256").hexdigest() == ARCHIVE_SHA256
    if original_only and not original:
        raise DataError(f"{path} is not the original archive: its SHA-256 differs", "remove it")
    members = _members(path)
    kind = "the original archive, by its SHA-256" if original else "a python-version archive, not the original file"
    return _read(members.get, str(path), f"{path} ({kind})")


def read_folder(folder: Path) -> Copy:
    """Read a folder with data_batch_1 to data_batch_5 and test_batch. Raises DataError as `read_archive` does."""

    def content(name: str) -> bytes | None:
        path = folder / name
        if not path.exists():
            return None
        with reading(str(path)), path.open("rb") as file:
            return _bounded(file.read(_MOST_BATCH_BYTES + 1), _MOST_BATCH_BYTES, str(path))

    return _read(content, str(folder), f"{folder} (python-version folder)")


def _read(content: Callable[[str], bytes | None], where: str, source: str) -> Copy:
    """Both splits from batches by name; `content` gives None for a batch that is not there."""
    import numpy as np

    images = np.empty((len(TRAIN_BATCHES) * _BATCH_IMAGES, *IMAGE_SHAPE), dtype=np.uint8)
    labels = np.empty(len(images), dtype=np.int64)
    for index, name in enumerate(TRAIN_BATCHES):
        rows = slice(index * _BATCH_IMAGES, (index + 1) * _BATCH_IMAGES)
        images[rows], labels[rows] = _batch(content(name), f"{where}: {name}")
    test_images, test_labels = _batch(content(TEST_BATCH), f"{where}: {TEST_BATCH}")
    meta = content(_META)
    if meta is not None:
        _check_meta(meta, f"{where}: {_META}")
    return Copy(ORIGINAL, source, Split(images, labels), Split(np.ascontiguousarray(test_images), test_labels))


def _batch(data: bytes | None, where: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images (10000, 32, 32, 3), a view, and labels (10000,) of one batch."""
    if data is None:
        raise DataError(f"{where} is missing, and CIFAR-10 needs all six batches", "get a complete copy")
    content = load_batch(data, where)
    pixels = _array(content, "data", where)
    if str(pixels.dtype) != "uint8" or pixels.shape != (_BATCH_IMAGES, _PIXELS):
        raise DataError(
            f"{where} has data {pixels.dtype}{pixels.shape}, not uint8({_BATCH_IMAGES}, {_PIXELS})", "get a fresh copy"
        )
    labels = labels_of(_array(content, "labels", where), where)
    if len(labels) != _BATCH_IMAGES:
        raise DataError(f"{where} has {len(labels):,} labels for {_BATCH_IMAGES:,} images", "get a fresh copy")
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _array(content: dict[str, object], key: str, where: str) -> NDArray[Any]:
    import numpy as np

    value = content.get(key)
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise DataError(f"{where} has no {key!r} of integers, and a CIFAR-10 batch has one", "get a fresh copy")
    with reading(where):
        return np.array(value, dtype=np.int64)


def _check_meta(data: bytes, where: str) -> None:
    names = load_batch(data, where).get("label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise DataError(f"{where} has no list of label names", "get a fresh copy, or remove this file")
    check_label_names([name.decode("latin-1") if isinstance(name, bytes) else name for name in names], where)


def _members(path: Path) -> dict[str, bytes]:
    """The batches in the archive, by base name. The whole is decompressed first, and bounded, so that no header
    inside can ask for more."""
    with reading(str(path)):
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as stream:
            content = _bounded(stream.read(_MOST_ARCHIVE_BYTES + 1), _MOST_ARCHIVE_BYTES, str(path))
        found: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if not member.isreg() or name not in {*TRAIN_BATCHES, TEST_BATCH, _META}:
                    continue
                if name in found:
                    raise DataError(f"{path} holds {name} twice, and only one can be meant", "get a fresh copy")
                batch = archive.extractfile(member)
                assert batch is not None  # only for links and folders
                # A sparse member can announce any size.
                found[name] = _bounded(batch.read(_MOST_BATCH_BYTES + 1), _MOST_BATCH_BYTES, f"{path}: {name}")
        return found


def _bounded(content: bytes, most: int, where: str) -> bytes:
    if len(content) > most:
        raise DataError(f"{where} is larger than {most >> 20} MiB, and CIFAR-10's is not", "name a copy of CIFAR-10")
    return content
