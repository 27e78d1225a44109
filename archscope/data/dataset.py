"""What a data set is here, and the rules for its labels and classes that hold for every source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

# Before the classes are known, a label may be any index that an array can have.
_ANY_CLASSES = 2**31
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images (N, H, W, C) in 0..255 and their labels (N,)."""

    images: NDArray[uint8]
    labels: NDArray[int64]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set, fitted to a network's input.

    `name` is printed beside every accuracy, `source` says where the files were and what was done about them.
    `sha256` is over the labels and the pixels as they were found, before resizing: it names the data, whatever
    the input size.
    """

    name: str
    slug: str
    source: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    sha256: str


def labels_of(values: NDArray[Any], where: str, classes: int = _ANY_CLASSES) -> NDArray[int64]:
    """Labels (N,) or (N, 1) of any integer type as int64 (N,). Raises DataError unless they are 0 to `classes` - 1."""
    import numpy as np

    if values.dtype.kind not in "iu":
        raise DataError(f"{where} is {values.dtype}, and labels are integers from 0", "save the labels as int64")
    if values.ndim != 1 and (values.ndim != 2 or values.shape[1] != 1):
        raise DataError(f"{where} has shape {values.shape}, and labels are (N,)", "save one label for each image")
    flat = values.reshape(-1)
    _check_range(flat, classes, where)
    return flat.astype(np.int64)


def check_classes(
    train: NDArray[int64], test: NDArray[int64], names: Sequence[str] | None, source: str
) -> tuple[str, ...]:
    """The names of the classes, which are their numbers where `names` is None.

    Raises DataError unless there are at least two, all labels are theirs, and each has a training image; and where
    a split is empty or a name cannot be printed.
    """
    import numpy as np

    for split, labels in (("training", train), ("test", test)):
        if len(labels) == 0:
            raise DataError(
                f"{source}: the {split} split is empty, and at least one image is needed", "get a complete copy"
            )
    if names is None:
        # Each class needs a training image, so a larger label is none; and it would ask for a table of its size.
        why = f", as {len(train):,} training images can give an image to no more classes"
        for split, labels in (("training", train), ("test", test)):
            _check_range(labels, len(train), f"{source}: the {split} split", why)
        names = [str(label) for label in range(int(max(train.max(), test.max())) + 1)]
    for split, labels in (("training", train), ("test", test)):
        _check_range(labels, len(names), f"{source}: the {split} split")
    if len(names) < 2:
        raise DataError(
            f"{source} has one class, and there is nothing to tell apart", "at least two classes are needed"
        )
    check_class_names(names, source)
    in_train, in_test = (np.bincount(labels, minlength=len(names)) for labels in (train, test))
    missing = [_called(int(label), names) for label in np.flatnonzero(in_train == 0)]
    if missing:
        only = " while the test split has" if in_test[in_train == 0].all() else ""
        raise DataError(
            f"{source}: the training split has no image of class {_some(missing)}{only}, and each class needs one",
            "get a complete copy, or number the classes without gaps from 0",
        )
    return tuple(names)


def check_class_names(names: Sequence[str], where: str) -> None:
    """Raise DataError unless the names are different, short, and printable on one line."""
    for name in names:
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            shown = ascii(name[:_LONGEST_NAME])
            raise DataError(
                f"{where} calls a class {shown}, and names are 1 to {_LONGEST_NAME} printable characters", "rename it"
            )
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(f"{where} calls two classes {doubled[0]!r}, and each needs a name of its own", "rename one")


def _check_range(labels: NDArray[Any], classes: int, where: str, why: str = "") -> None:
    """Raise DataError at the first label outside 0..classes-1."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{where} has label {int(labels[row])} at row {row}, and labels are 0 to {classes - 1}{why}",
            "correct the labels or get a fresh copy",
        )


def _called(label: int, names: Sequence[str]) -> str:
    """`3 (cat)`, or the number alone where that is the name."""
    return names[label] if names[label] == str(label) else f"{label} ({names[label]})"


def _some(items: Sequence[str]) -> str:
    rest = f" and {len(items) - 6} more" if len(items) > 6 else ""
    return ", ".join(items[:6]) + rest
