"""From what a person typed to a data set."""

from __future__ import annotations

import os
from pathlib import Path

from archscope.data.batches import holds_batches, read_archive, read_folder
from archscope.data.cifar10 import CLASSES, IMAGE_SHAPE, LABEL_NAMES, claimed, recognised
from archscope.data.dataset import Dataset
from archscope.data.digits import load_digits
from archscope.data.download import cached_copies, download, keras_cache
from archscope.data.folder import is_image_folder, read_image_folder
from archscope.data.found import Found
from archscope.data.npz import read_npz
from archscope.data.parquet import parquet_files, read_parquet
from archscope.data.reading import reading
from archscope.data.resize import check_channels, check_input
from archscope.errors import DataError, did_you_mean
from archscope.runs.record import KNOWN_DATA

ENVIRONMENT = "ARCHSCOPE_CIFAR10"
_FORMS = "a CIFAR-10 archive or folder, a folder of images by class or of Parquet files, or a .npz file"
# Where these lie in a folder that has been unpacked or cloned.
_INSIDE = ("cifar-10-batches-py", "cifar-10-batches-bin", "plain_text", "data")

Shape = tuple[int, int, int]


def load(source: str | None, shape: Shape) -> Dataset:
    """The data set that `source` names, its images fitted to `shape` (H, W, C).

    None or "cifar10": CIFAR-10 from $ARCHSCOPE_CIFAR10 if that is set, else from Keras' cache, else downloaded.
    "digits": scikit-learn's digits. Anything else is a path (write ./digits for a file of that name); CIFAR-10 is
    then known by its content, in whatever form it comes.
    Raises DataError where the data cannot be had or is not what it should be. Nothing ever stands in for it.
    """
    check_input(shape)
    if source == "":
        raise DataError("the data's name is empty", f"name cifar10, digits, {_FORMS}")
    if source == "digits":
        return load_digits(shape)
    if source in (None, "cifar10"):
        check_channels(IMAGE_SHAPE[2], shape, "CIFAR-10")
        return _named(_find(shape), cifar10=True)
    return _named(_read(str(source), shape))


def _named(found: Found, cifar10: bool = False) -> Dataset:
    """The data set by its right name; where it must be CIFAR-10, DataError unless it can be."""
    name = recognised(found)
    if name is None and (cifar10 or found.cifar10):
        name = claimed(found)
    spelt = found.named and found.classes != LABEL_NAMES
    return Dataset(
        name=name or found.name,
        slug="cifar10" if name else found.slug,
        source=found.source,
        classes=CLASSES if name and not spelt else found.classes,
        train=found.intake.train,
        test=found.intake.test,
        sha256=found.intake.sha256,
    )


def _find(shape: Shape) -> Found:
    """CIFAR-10 from the places where it may be without being named."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        if not Path(named).expanduser().exists():
            raise DataError(f"${ENVIRONMENT} names {named}, which does not exist", "correct or unset it")
        return _read(named, shape)
    tried = [f"${ENVIRONMENT} is not set"]
    copies = cached_copies()
    if not copies:
        tried.append(f"Keras' cache {keras_cache()} has no copy")
    for path in copies:
        try:
            return read_folder(path, shape) if path.is_dir() else read_archive(path, shape, original_only=True)
        except DataError as error:
            tried.append(error.message)
    try:
        return read_archive(download(), shape, original_only=True)
    except DataError as error:
        tried.append(f"the download failed ({error.message})")
    raise DataError(
        f"CIFAR-10 was not found: {', '.join(tried)}",
        f"name a copy with --data PATH ({_FORMS}), or use --data digits",
    )


def _read(source: str, shape: Shape) -> Found:
    """The data at a path, in the form that its content shows."""
    path = Path(source).expanduser()
    with reading(str(path)):
        if not path.exists():
            remedy = did_you_mean(source, KNOWN_DATA) if path.name == source else ""
            raise DataError(f"there is no data set or path {source!r}", remedy or f"name cifar10, digits, {_FORMS}")
        if path.is_dir():
            return _read_folder(path, shape)
        with path.open("rb") as file:
            start = file.read(512)
    if start.startswith(b"PK"):
        return read_npz(path, shape)
    if start.startswith(b"\x1f\x8b") or start[257:262] == b"ustar":
        return read_archive(path, shape)
    if start.startswith(b"PAR1"):
        raise DataError(f"{path} is one Parquet file, and both train and test are needed", "name its folder")
    raise DataError(f"{path} is no data set that can be read", f"name {_FORMS}")


def _read_folder(folder: Path, shape: Shape) -> Found:
    for candidate in (folder, *(folder / name for name in _INSIDE)):
        if not candidate.is_dir():
            continue
        if holds_batches(candidate):
            return read_folder(candidate, shape)
        if any(parquet_files(candidate).values()):
            return read_parquet(candidate, shape)
    if is_image_folder(folder):
        return read_image_folder(folder, shape)
    raise DataError(
        f"{folder} has neither CIFAR-10's batches, nor train and test Parquet files, nor folders of images by class",
        f"name {_FORMS}",
    )
