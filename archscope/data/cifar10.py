"""What CIFAR-10 is (Krizhevsky 2009), and the rules that a copy of it must fulfil.

The readers (`batches`, `parquet`, `npz`) return a Copy; `dataset_of` checks it, names it and fits it to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archscope.data.dataset import Dataset, Split, assemble, check_labels
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
# Of the JPEG files that Hugging Face serves, decoded: also when someone kept the pixels as .npz, which cannot tell.
JPEG_SHA256 = "5725916abec5886a55a6b28cdcac9a96e657a9e8c180a0cd77ac716d4447828a"


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A copy of CIFAR-10 as a reader found it. `name` is ORIGINAL or JPEG, before counting the images."""

    name: str
    source: str
    train: Split
    test: Split


def dataset_of(copy: Copy, shape: tuple[int, int, int]) -> Dataset:
    """The copy, checked and fitted to `shape`. Fewer images than CIFAR-10's are a subset, and the name says so."""
    _check_class_counts(copy.train, TRAIN_IMAGES, f"{copy.source}: the training split")
    _check_class_counts(copy.test, TEST_IMAGES, f"{copy.source}: the test split")
    images = len(copy.train.labels), len(copy.test.labels)
    complete = images == (TRAIN_IMAGES, TEST_IMAGES)
    dataset = assemble(
        name=copy.name if complete else f"{copy.name} subset of {images[0]:,}/{images[1]:,} images",
        slug="cifar10",
        source=copy.source,
        classes=CLASSES,
        train=copy.train,
        test=copy.test,
        shape=shape,
    )
    return replace(dataset, name=JPEG) if dataset.sha256 == JPEG_SHA256 else dataset


def check_image_array(shape: tuple[int, ...], dtype: object, limit: int, where: str) -> None:
    """Raise DataError unless an array of this shape and dtype can be at most `limit` images of CIFAR-10."""
    if str(dtype) != "uint8":
        raise DataError(f"{where} is {dtype}, and CIFAR-10 images are uint8, 0 to 255", "save them as uint8")
    if len(shape) != 4 or shape[1:] != IMAGE_SHAPE:
        raise DataError(f"{where} has shape {shape}, not (N, 32, 32, 3)", "save CIFAR-10 images as height, width, RGB")
    check_count(shape[0], limit, where)


def check_count(images: int, limit: int, where: str) -> None:
    """Raise DataError where there are more images than CIFAR-10 has in this split."""
    if images > limit:
        raise DataError(f"{where} has {images:,} images, and CIFAR-10 has {limit:,}", "name a copy of CIFAR-10")


def check_label_names(names: Sequence[object], where: str) -> None:
    """Raise DataError where a copy numbers the classes in another order, or is another data set."""
    for label, (found, expected) in enumerate(zip(names, LABEL_NAMES, strict=False)):
        if found not in (expected, CLASSES[label]):
            raise DataError(
                f"{where} calls label {label} {str(found)[:40]!r}, and in CIFAR-10 it is {expected!r}",
                "name a copy of CIFAR-10 with its own labels",
            )
    if len(names) != len(LABEL_NAMES):
        raise DataError(f"{where} names {len(names)} classes, and CIFAR-10 has 10", "name a copy of CIFAR-10")


def labels_of(values: NDArray[Any], where: str) -> NDArray[int64]:
    """Labels (N,) or (N, 1) of any integer type as int64 (N,). Raises DataError where they are not labels 0..9."""
    import numpy as np

    if values.dtype.kind not in "iu":
        raise DataError(f"{where} is {values.dtype}, and labels are integers 0 to 9", "save the labels as int64")
    if values.ndim != 1 and (values.ndim != 2 or values.shape[1] != 1):
        raise DataError(f"{where} has shape {values.shape}, and labels are (N,)", "save one label for each image")
    flat = values.reshape(-1)
    check_labels(flat, len(CLASSES), where)
    return flat.astype(np.int64)


def _check_class_counts(split: Split, complete: int, where: str) -> None:
    """No class may have more images than CIFAR-10 gives it; in a complete split each then has exactly that many."""
    import numpy as np

    most = complete // len(CLASSES)
    counts = np.bincount(split.labels, minlength=len(CLASSES))
    label = int(counts.argmax())
    if counts[label] > most:
        raise DataError(
            f"{where} has {counts[label]:,} images of class {label} ({CLASSES[label]}), and CIFAR-10 has {most:,}:"
            " images are mislabelled or doubled",
            "get a fresh copy",
        )
