"""A folder of images by class: `train/CLASS/*.png` and `test/CLASS/*.png`, or `CLASS/*.png` alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.data.dataset import check_class_names, check_classes
from archscope.data.found import Found, name_of
from archscope.data.intake import Raw, take_in
from archscope.data.picture import decode
from archscope.data.reading import reading
from archscope.data.resize import check_channels
from archscope.data.split import stratified_split
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

_TRAIN = "train"
# The first of these that there is.
_TEST = ("test", "val", "valid", "validation")
# Of the formats that `decode` reads.
_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)
_TEST_FRACTION = 0.2
_SPLIT_SEED = 0
_HELD_OUT = "no test split: a stratified fifth is held out as one"


@dataclass(frozen=True, slots=True)
class _Listing:
    """The classes of a split, in the order of their names, its images with the place of their class, and how many
    other files there are."""

    classes: tuple[str, ...]
    images: tuple[tuple[Path, int], ...]
    others: int


def is_image_folder(folder: Path) -> bool:
    """Whether it has folders inside, which are then classes or splits, or images."""
    return any(not _hidden(path.name) and (path.is_dir() or _is_image(path)) for path in folder.iterdir())


def read_image_folder(folder: Path, shape: tuple[int, int, int]) -> Found:
    """Read the images of `folder`, of any size and kind that `decode` knows; classes are the sorted folder names.

    `test`, or else `val`, `valid` or `validation`, is the test split. Where there is none, a stratified fifth is held
    out as one, the same for the same file names, and the source says so, as it says how many files were passed over.
    Raises DataError for a class without images, a test class that is not trained, and an image that is damaged.
    """
    check_channels(3, shape, str(folder))
    with reading(str(folder)):
        classes, train, test, notes = _splits(folder)
    check_class_names(classes, str(folder))
    source = f"{folder} ({'; '.join(['folder of images', *notes])})"
    train_labels, test_labels = _labels(train), _labels(test)
    check_classes(train_labels, test_labels, classes, source)
    formats: set[str] = set()
    intake = take_in(
        Raw(train_labels, _decoded(train, formats)), Raw(test_labels, _decoded(test, formats)), shape, source
    )
    return Found(name_of(folder), source, classes, intake, named=True, jpeg="JPEG" in formats)


_Images = Sequence[tuple[Path, int]]


def _splits(folder: Path) -> tuple[tuple[str, ...], _Images, _Images, list[str]]:
    """The classes, the images of both splits, each with its label, and what there is to note."""
    parts = {path.name.lower(): path for path in _folders(folder)}
    if _TRAIN not in parts or _is_class(parts):
        listing = _list(folder)
        train, test = _held_out(listing, folder)
        return listing.classes, train, test, [_HELD_OUT, *_noted(listing.others)]
    listing = _list(parts.pop(_TRAIN))
    name = next((name for name in _TEST if name in parts), None)
    others = listing.others + _others_in(folder)
    if name is None:
        train, test = _held_out(listing, folder)
        notes = [_HELD_OUT]
    else:
        tested = _list(parts.pop(name))
        others += tested.others
        train, test = listing.images, _relabelled(tested, listing.classes, folder / name)
        notes = [] if name == _TEST[0] else [f"{name} is the test set"]
    notes += [f"{', '.join(sorted(parts))} not used"] if parts else []
    return listing.classes, train, test, [*notes, *_noted(others)]


def _is_class(parts: Mapping[str, Path]) -> bool:
    """Whether the folder called train is a class among others, and no split: a split holds folders."""
    return len(parts) > 1 and not _folders(parts[_TRAIN]) and not any(name in parts for name in _TEST)


def _held_out(listing: _Listing, folder: Path) -> tuple[_Images, _Images]:
    """A stratified fifth for testing, by the order of the files' names."""
    try:
        train, test = stratified_split(_labels(listing.images), _TEST_FRACTION, _SPLIT_SEED)
    except DataError as error:
        raise DataError(
            f"{folder} has no test split, and its {len(listing.images):,} images are too few to hold out a fifth",
            "add images, or a test folder beside train",
        ) from error
    return [listing.images[row] for row in train], [listing.images[row] for row in test]


def _relabelled(tested: _Listing, classes: tuple[str, ...], folder: Path) -> _Images:
    """The test images by the training classes' labels."""
    for name in tested.classes:
        if name not in classes:
            raise DataError(
                f"{folder} has class {name[:80]!r}, and the training split does not",
                "add training images of it, or remove it",
            )
    return [(path, classes.index(tested.classes[label])) for path, label in tested.images]


def _list(root: Path) -> _Listing:
    """The class folders in `root`, and all images below each."""
    folders = _folders(root)
    if not folders:
        raise DataError(f"{root} has no folders, and each class is one", "sort its images into folders by class")
    images: list[tuple[Path, int]] = []
    others = _others_in(root)
    for label, folder in enumerate(folders):
        found, passed_over = _files(folder)
        if not found:
            raise DataError(f"{folder} has no image, and each class needs one", "put images into it, or remove it")
        images += [(path, label) for path in found]
        others += passed_over
    if len(folders) == 1:
        raise DataError(
            f"{root} has one class, {folders[0].name[:80]!r}, and there is nothing to tell apart",
            f"name {folders[0]} if that holds the classes, or add a class",
        )
    return _Listing(tuple(folder.name for folder in folders), tuple(images), others)


def _files(folder: Path) -> tuple[list[Path], int]:
    """The images in a folder and the folders in it, in a fixed order, and how many other files there are."""

    def refuse(error: OSError) -> None:
        raise error

    found: list[Path] = []
    others = 0
    for place, folders, names in os.walk(folder, onerror=refuse):
        others += sum(_hidden(name) for name in folders)
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(names):
            path = Path(place, name)
            if not _hidden(name) and _is_image(path):
                found.append(path)
            else:
                others += 1
    return found, others


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not _hidden(path.name))


def _others_in(root: Path) -> int:
    """What lies in `root` that is no folder of its own."""
    return sum(_hidden(path.name) or not path.is_dir() for path in root.iterdir())


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and path.is_file()


def _hidden(name: str) -> bool:
    """Hidden, or a folder that a system or an interpreter leaves: __MACOSX, __pycache__."""
    return name.startswith((".", "__"))


def _labels(images: _Images) -> NDArray[int64]:
    import numpy as np

    return np.array([label for _, label in images], dtype=np.int64)


def _noted(others: int) -> list[str]:
    return [f"{others:,} other {'file' if others == 1 else 'files'} passed over"] if others else []


def _decoded(images: _Images, formats: set[str]) -> Iterator[NDArray[uint8]]:
    """Each image in turn; the formats of their files are added to `formats`."""
    for path, _ in images:
        image, form = decode(path, str(path))
        formats.add(form)
        yield image
