"""Images as they arrive, fitted to a network's input, with a checksum of what they were before.

Every source comes in here, as arrays or image by image: then only the fitted images and one image as found are held.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archscope.data.dataset import Split
from archscope.data.resize import check_channels, fit, fit_image
from archscope.errors import DataError
from archscope.files import physical_memory

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

    Shape = tuple[int, ...]

# Channel sums tell copies of CIFAR-10 apart; those of other images would take their time and tell nothing.
_SUMMED = (32, 32, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A split as a reader has it: labels (N,), and N images, as one array (N, h, w, c) or one by one (h, w, c)."""

    labels: NDArray[int64]
    images: NDArray[uint8] | Iterator[NDArray[uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """Both splits, fitted, and what the pixels were as found: their checksum, the shape (h, w, c) of all images (None:
    they differ), and the sums of the training images' channels (of 32x32x3 images only)."""

    train: Split
    test: Split
    sha256: str
    found: Shape | None
    sums: tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Tally:
    """What is learnt of one split's images as they pass."""

    digest: Any
    labels: NDArray[int64]
    shapes: set[Shape] = field(default_factory=set)
    sums: Any = 0

    def add(self, images: NDArray[uint8]) -> None:
        """Count (n, h, w, c) images in, in their order."""
        import numpy as np

        shape = images.shape[1:]
        if not self.shapes:
            self.digest.update(repr((len(self.labels), *shape)).encode())
            self.digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
            self.shapes.add(shape)
        elif shape not in self.shapes or len(self.shapes) > 1:
            self.digest.update(repr(shape).encode())
            self.shapes.add(shape)
        self.digest.update(np.ascontiguousarray(images).data)
        if shape == _SUMMED:
            self.sums = self.sums + images.sum(axis=(0, 1, 2), dtype=np.int64)


def take_in(train: Raw, test: Raw, shape: tuple[int, int, int], source: str) -> Intake:
    """Fit both splits to `shape` (H, W, C).

    The checksum is SHA-256 over both splits: for each its shape (N, h, w, c), its labels (little-endian int64), its
    pixels (row-major). From the first image on that is not of the first one's shape, each has its shape before it.
    Raises DataError where images cannot be fitted, or the fitted ones exceed this machine's memory.
    """
    check_memory((len(train.labels) + len(test.labels), *shape), source)
    digest = hashlib.sha256()
    in_train, in_test = _Tally(digest, train.labels), _Tally(digest, test.labels)
    fitted_train = _take(train, shape, in_train, f"{source}: the training split")
    fitted_test = _take(test, shape, in_test, f"{source}: the test split")
    shapes = in_train.shapes | in_test.shapes
    found = shapes.pop() if len(shapes) == 1 else None
    sums = tuple(map(int, in_train.sums)) if found == _SUMMED else ()
    return Intake(fitted_train, fitted_test, digest.hexdigest(), found, sums)


def _take(raw: Raw, shape: tuple[int, int, int], tally: _Tally, where: str) -> Split:
    import numpy as np

    count = len(raw.labels)
    if isinstance(raw.images, np.ndarray):
        if len(raw.images) != count:
            raise _unequal(len(raw.images), count, where)
        check_channels(raw.images.shape[-1], shape, where)
        tally.add(raw.images)
        return Split(fit(np.ascontiguousarray(raw.images), shape), raw.labels)
    fitted = np.empty((count, *shape), dtype=np.uint8)
    taken = 0
    for image in raw.images:
        if taken == count:
            raise _unequal(taken + 1, count, where)
        check_channels(image.shape[-1], shape, where)
        tally.add(image[np.newaxis])
        fitted[taken] = fit_image(image, shape)
        taken += 1
    if taken != count:
        raise _unequal(taken, count, where)
    return Split(fitted, raw.labels)


def check_memory(shape: Shape, where: str) -> None:
    """Refuse uint8 images (N, h, w, c) that physical memory cannot hold: overcommitted pages would end the process
    without a word."""
    images, *sides = shape
    needed, physical = math.prod(shape), physical_memory()
    if physical is not None and needed > physical:
        raise DataError(
            f"{where}: {images:,} images of {'x'.join(map(str, sides))} need {needed / 2**30:,.1f} GiB,"
            f" and this machine has {physical / 2**30:,.1f} GiB",
            "choose a smaller input or a smaller data set",
        )


def _unequal(images: int, labels: int, where: str) -> DataError:
    return DataError(
        f"{where} has {images:,} images but {labels:,} labels, and each image needs one", "get a fresh copy"
    )
