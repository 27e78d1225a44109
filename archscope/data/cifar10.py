"""What CIFAR-10 is (Krizhevsky 2009), how a copy of it is known, and the rules that it must fulfil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope.data.found import Found
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

CLASSES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# The same classes as the archive and Hugging Face spell them.
LABEL_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGE_SHAPE = (32, 32, 3)
TRAIN_IMAGES = 50_000
TEST_IMAGES = 10_000

ORIGINAL = "CIFAR-10"
JPEG = "JPEG re-encoded CIFAR-10"
ALTERED = "altered CIFAR-10"

# Sums of red, green and blue over the training images, in whatever order these come: of the original (the means that
# are published, 125.306918046875, 122.950394140625 and 113.86538318359375), and of the JPEG files that Hugging Face
# serves, decoded: someone may have kept those as .npz or PNG, which cannot tell.
ORIGINAL_SUMS = (6_415_714_204, 6_295_060_180, 5_829_907_619)
_JPEG_SUMS = (6_413_765_015, 6_294_170_581, 5_829_777_341)
# JPEG moves a channel's mean by 0.04; CINIC-10's, of the same classes and sizes, are off by several.
_MOST_MEAN_DIFFERENCE = 0.25


def recognised(found: Found) -> str | None:
    """The name of a whole CIFAR-10, known by its pixels and the counts of its classes; None for anything else."""
    if found.intake.found != IMAGE_SHAPE or len(found.classes) != len(CLASSES):
        return None
    for labels, images in ((found.intake.train.labels, TRAIN_IMAGES), (found.intake.test.labels, TEST_IMAGES)):
        if set(_counts(labels)) != {images // len(CLASSES)}:
            return None
    pairs = list(zip(found.intake.sums, ORIGINAL_SUMS, strict=True))
    pixels = TRAIN_IMAGES * IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
    if any(abs(sum_ - original) > _MOST_MEAN_DIFFERENCE * pixels for sum_, original in pairs):
        return None
    if found.intake.sums == ORIGINAL_SUMS:
        return ORIGINAL
    return JPEG if found.jpeg or found.intake.sums == _JPEG_SUMS else ALTERED


def claimed(found: Found) -> str:
    """The name of data that must be CIFAR-10, whole or a subset, because its form or its user says so.

    Fewer images than CIFAR-10's are a subset, and the name says so. Raises DataError where it cannot be CIFAR-10.
    """
    shape, source = found.intake.found, found.source
    if shape != IMAGE_SHAPE:
        images = f"images of {'x'.join(map(str, shape))}" if shape else "images of several shapes"
        raise DataError(f"{source} has {images}, and CIFAR-10's are 32x32x3", "name a copy of CIFAR-10")
    if found.named:
        check_label_names(found.classes, source)
    elif len(found.classes) != len(CLASSES):
        raise DataError(f"{source} has {len(found.classes)} classes, and CIFAR-10 has 10", "name a copy of CIFAR-10")
    train, test = found.intake.train.labels, found.intake.test.labels
    _check_counts(train, TRAIN_IMAGES, f"{source}: the training split")
    _check_counts(test, TEST_IMAGES, f"{source}: the test split")
    if (len(train), len(test)) == (TRAIN_IMAGES, TEST_IMAGES):
        return JPEG if found.jpeg else ALTERED
    return f"{JPEG if found.jpeg else ORIGINAL} subset of {len(train):,}/{len(test):,} images"


def check_label_names(names: Sequence[str], where: str) -> None:
    """Raise DataError where a copy numbers the classes in another order, or is another data set."""
    for label, (found, expected) in enumerate(zip(names, LABEL_NAMES, strict=False)):
        if found not in (expected, CLASSES[label]):
            raise DataError(
                f"{where} calls label {label} {found[:40]!r}, and in CIFAR-10 it is {expected!r}",
                "name a copy of CIFAR-10 with its own labels",
            )
    if len(names) != len(LABEL_NAMES):
        raise DataError(f"{where} names {len(names)} classes, and CIFAR-10 has 10", "name a copy of CIFAR-10")


def _check_counts(labels: NDArray[int64], complete: int, where: str) -> None:
    """No class may have more images than CIFAR-10 gives it; in a complete split each then has exactly that many."""
    most = complete // len(CLASSES)
    counts = _counts(labels)
    label = max(range(len(counts)), key=counts.__getitem__)
    if counts[label] > most:
        raise DataError(
            f"{where} has {counts[label]:,} images of class {label} ({CLASSES[label]}), and CIFAR-10 has {most:,}:"
            " images are mislabelled or doubled",
            "get a fresh copy",
        )


def _counts(labels: NDArray[int64]) -> list[int]:
    """How many images each class has."""
    import numpy as np

    counts: list[int] = np.bincount(labels, minlength=len(CLASSES)).tolist()
    return counts
