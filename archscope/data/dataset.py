"""What a data set is here, and what every source must fulfil before it becomes one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.data.resize import fit
from archscope.errors import DataError
from archscope.files import physical_memory

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images (N, H, W, C) in 0..255 and their labels (N,)."""

    images: NDArray[uint8]
    labels: NDArray[int64]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set, fitted to a network's input.

    `name` is printed beside every accuracy, `source` says where the files were. `sha256` is over the labels and
    the pixels as they were found, before resizing: it names the data, whatever the input size.
    """

    name: str
    slug: str
    source: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    sha256: str


def assemble(
    *,
    name: str,
    slug: str,
    source: str,
    classes: tuple[str, ...],
    train: Split,
    test: Split,
    shape: tuple[int, int, int],
) -> Dataset:
    """Check both splits, take the checksum of the pixels as found, and fit the images to `shape` (H, W, C).

    Raises DataError when an image or label is not what it should be, a class has no training image, the test
    split is empty, or the fitted images would not fit into this machine's memory.
    """
    check_split(train, len(classes), f"{source}: the training split")
    check_split(test, len(classes), f"{source}: the test split")
    _check_every_class(train, classes, source)
    _check_memory(len(train.labels) + len(test.labels), shape)
    return Dataset(
        name=name,
        slug=slug,
        source=source,
        classes=classes,
        train=Split(fit(train.images, shape), train.labels),
        test=Split(fit(test.images, shape), test.labels),
        sha256=checksum(train, test),
    )


def check_split(split: Split, classes: int, where: str) -> None:
    """Raise DataError unless there are as many labels as images, at least one, all in 0..classes-1."""
    images, labels = split.images, split.labels
    if images.ndim != 4 or str(images.dtype) != "uint8":
        raise DataError(f"{where} has images of {images.dtype}{images.shape}, not uint8 (N, H, W, C)")
    if len(images) != len(labels):
        raise DataError(
            f"{where} has {len(images):,} images but {len(labels):,} labels, and each image needs one",
            "get a fresh copy",
        )
    if len(labels) == 0:
        raise DataError(f"{where} is empty, and at least one image is needed", "get a complete copy")
    check_labels(labels, classes, where)


def check_labels(labels: NDArray[Any], classes: int, where: str) -> None:
    """Raise DataError at the first label outside 0..classes-1. `labels` is a non-empty integer array (N,)."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{where} has label {int(labels[row])} at row {row}, and labels are 0 to {classes - 1}",
            "correct the labels or get a fresh copy",
        )


def checksum(train: Split, test: Split) -> str:
    """SHA-256 over both splits: for each its shape, its labels (little-endian int64), its pixels (row-major)."""
    import numpy as np

    digest = hashlib.sha256()
    for split in (train, test):
        digest.update(repr(tuple(map(int, split.images.shape))).encode())
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
        digest.update(np.ascontiguousarray(split.images).data)
    return digest.hexdigest()


def _check_every_class(train: Split, classes: tuple[str, ...], source: str) -> None:
    import numpy as np

    counts = np.bincount(train.labels, minlength=len(classes))
    missing = [f"{label} ({classes[label]})" for label in np.flatnonzero(counts == 0)]
    if missing:
        raise DataError(
            f"{source}: the training split has no image of class {', '.join(missing)}, and each class needs one",
            "get a complete copy",
        )


def _check_memory(images: int, shape: tuple[int, int, int]) -> None:
    """Refuse what physical memory cannot hold: overcommitted pages would end the process without a word."""
    height, width, channels = shape
    needed = images * height * width * channels
    physical = physical_memory()
    if physical is not None and needed > physical:
        raise DataError(
            f"{images:,} images of {height}x{width}x{channels} need {needed / 2**30:,.1f} GiB,"
            f" and this machine has {physical / 2**30:,.1f} GiB",
            "choose a smaller input or a smaller data set",
        )
