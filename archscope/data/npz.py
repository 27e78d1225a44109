"""Images and labels from a NumPy .npz file: x_train, y_train, x_test, y_test, and class_names if they have names."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.data.dataset import check_classes, labels_of
from archscope.data.found import Found, name_of
from archscope.data.intake import Raw, check_memory, take_in
from archscope.data.reading import reading
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

# Each spelling without case and separators, so that X_train, x_train, train_x and train-X are one.
_SPELLINGS = {
    f"{usual}_{split}": {f"{word}{split}" for word in words} | {f"{split}{word}" for word in words}
    for split in ("train", "test")
    for usual, words in {"x": ("x", "images", "data"), "y": ("y", "labels")}.items()
} | {"class_names": {"classnames", "labelnames", "classes"}}

_Check = Callable[[tuple[int, ...], Any, str], None]


def read_npz(path: Path, shape: tuple[int, int, int]) -> Found:
    """Read x_train (N, H, W, C) or (N, H, W) uint8, y_train (N,) integers, x_test and y_test, or another usual
    spelling, and class_names if there are any.

    Headers are checked before the arrays are read, and nothing is unpickled.
    Raises DataError for an array that is missing, doubled, damaged, or not images, labels or names.
    """
    source = f"{path} (.npz)"
    with reading(str(path)), zipfile.ZipFile(path) as archive:
        train, test = (_read_split(archive, split, path) for split in ("train", "test"))
        member = _find(archive, "class_names", path)
        names = _read_array(archive, member, _check_names, path).tolist() if member else None
    if train[1].shape[1:] != test[1].shape[1:]:
        raise DataError(
            f"{path} has training images of {_sides(train[1])} and test images of {_sides(test[1])}",
            "save both splits in one size, height, width and channels",
        )
    classes = check_classes(train[0], test[0], names, source)
    intake = take_in(Raw(*train), Raw(*test), shape, source)
    return Found(name_of(path), source, classes, intake, named=names is not None)


def _read_split(archive: zipfile.ZipFile, split: str, path: Path) -> tuple[NDArray[int64], NDArray[uint8]]:
    """Labels (N,) and images (N, H, W, C)."""
    images = _read_array(archive, _needed(archive, f"x_{split}", path), _check_images, path)
    member = _needed(archive, f"y_{split}", path)
    labels = labels_of(_read_array(archive, member, _check_labels, path), f"{path}: {member.removesuffix('.npy')}")
    return labels, images[..., None] if images.ndim == 3 else images


def _sides(images: NDArray[uint8]) -> str:
    return "x".join(map(str, images.shape[1:]))


def _needed(archive: zipfile.ZipFile, usual: str, path: Path) -> str:
    member = _find(archive, usual, path)
    if member is None:
        held = ", ".join(name.removesuffix(".npy") for name in archive.namelist()[:8]) or "nothing"
        raise DataError(f"{path} has no {usual}; it holds {held}", "save x_train, y_train, x_test and y_test")
    return member


def _find(archive: zipfile.ZipFile, usual: str, path: Path) -> str | None:
    """The archive's member that holds this array, if there is one."""
    found = [name for name in archive.namelist() if _plain(name) in _SPELLINGS[usual]]
    if len(found) > 1:
        listed = " and ".join(name.removesuffix(".npy") for name in found)
        raise DataError(f"{path} holds {listed}, and only one can be {usual}", f"keep {usual} alone")
    return found[0] if found else None


def _plain(name: str) -> str:
    return re.sub(r"[_\-. ]", "", name.removesuffix(".npy").lower())


def _read_array(archive: zipfile.ZipFile, member: str, check: _Check, path: Path) -> NDArray[Any]:
    """One array; what its header declares is checked first, because that is what NumPy would allocate."""
    from numpy.lib import format as npy

    where = f"{path}: {member.removesuffix('.npy')}"
    with reading(where):
        with archive.open(member) as file:
            readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            version = npy.read_magic(file)
            if version not in readers:
                raise DataError(f"{where} is in .npy format {version}, and plain arrays need 1.0", "save it again")
            shape, _, dtype = readers[version](file)
        check(shape, dtype, where)
        with archive.open(member) as file:
            array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _check_images(shape: tuple[int, ...], dtype: Any, where: str) -> None:
    if str(dtype) != "uint8":
        raise DataError(f"{where} is {dtype}, and images are uint8, 0 to 255", "scale them to that, save them as uint8")
    if len(shape) not in (3, 4) or 0 in shape[1:]:
        raise DataError(
            f"{where} has shape {shape}, not (N, H, W, C)", "save images as number, height, width, channels"
        )
    check_memory(shape, where)


def _check_labels(shape: tuple[int, ...], dtype: Any, where: str) -> None:
    if len(shape) == 2 and shape[1] > 1:
        raise DataError(
            f"{where} has shape {shape}, and labels are (N,)", "save the class numbers: of one-hot rows, argmax(axis=1)"
        )
    if dtype.kind not in "iu":
        raise DataError(f"{where} is {dtype}, and labels are integers from 0", "save the labels as int64")
    check_memory((*shape, dtype.itemsize), where)


def _check_names(shape: tuple[int, ...], dtype: Any, where: str) -> None:
    if dtype.kind != "U" or len(shape) != 1:
        raise DataError(
            f"{where} is {dtype}{shape}, and class names are strings (N,)", "save them as numpy.array(names, dtype=str)"
        )
    check_memory((*shape, dtype.itemsize), where)
