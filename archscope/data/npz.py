"""CIFAR-10, whole or a subset, from a NumPy .npz file with four arrays."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.data.cifar10 import ORIGINAL, TEST_IMAGES, TRAIN_IMAGES, Copy, check_count, check_image_array, labels_of
from archscope.data.dataset import Split
from archscope.data.reading import reading
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Each spelling without case and separators, so that X_train, x_train, train_x and train-X are one.
_SPELLINGS = {
    (split, kind): {f"{word}{split}" for word in words} | {f"{split}{word}" for word in words}
    for split in ("train", "test")
    for kind, words in {"images": ("x", "images", "data"), "labels": ("y", "labels")}.items()
}


def read_npz(path: Path) -> Copy:
    """Read x_train (N, 32, 32, 3) uint8, y_train (N,) integers, x_test and y_test, or another usual spelling.

    Headers are checked before the arrays are read, and nothing is unpickled.
    Raises DataError for an array that is missing, doubled, damaged, or not images or labels of CIFAR-10.
    """
    with reading(str(path)), zipfile.ZipFile(path) as archive:
        return Copy(
            ORIGINAL,
            f"{path} (.npz)",
            _read_split(archive, "train", TRAIN_IMAGES, path),
            _read_split(archive, "test", TEST_IMAGES, path),
        )


def _read_split(archive: zipfile.ZipFile, split: str, limit: int, path: Path) -> Split:
    images = _read_array(archive, _find(archive, split, "images", path), limit, path, images=True)
    member = _find(archive, split, "labels", path)
    labels = labels_of(
        _read_array(archive, member, limit, path, images=False), f"{path}: {member.removesuffix('.npy')}"
    )
    return Split(images, labels)


def _find(archive: zipfile.ZipFile, split: str, kind: str, path: Path) -> str:
    """The archive's member that holds this array."""
    names = archive.namelist()
    found = [name for name in names if _plain(name) in _SPELLINGS[split, kind]]
    if len(found) == 1:
        return found[0]
    usual = f"{'x' if kind == 'images' else 'y'}_{split}"
    if found:
        listed = " and ".join(name.removesuffix(".npy") for name in found)
        raise DataError(f"{path} holds {listed}, and only one can be {usual}", f"keep {usual} alone")
    held = ", ".join(name.removesuffix(".npy") for name in names[:8]) or "nothing"
    raise DataError(f"{path} has no {usual}; it holds {held}", "save x_train, y_train, x_test and y_test")


def _plain(name: str) -> str:
    return re.sub(r"[_\-. ]", "", name.removesuffix(".npy").lower())


def _read_array(archive: zipfile.ZipFile, member: str, limit: int, path: Path, *, images: bool) -> NDArray[Any]:
    """One array; what its header declares is checked first, because that is what NumPy would allocate."""
    from numpy.lib import format as npy

    where = f"{path}: {member.removesuffix('.npy')}"
    with reading(where):
        with archive.open(member) as file:
            readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            version = npy.read_magic(file)
            if version not in readers:
                raise DataError(
                    f"{where} is in .npy format {version}, and arrays of integers need 1.0", "save it again"
                )
            shape, _, dtype = readers[version](file)
        if images:
            check_image_array(shape, dtype, limit, where)
        elif dtype.kind not in "iu":
            raise DataError(f"{where} is {dtype}, and labels are integers 0 to 9", "save the labels as int64")
        else:
            check_count(shape[0] if shape else 0, limit, where)
        with archive.open(member) as file:
            array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array
