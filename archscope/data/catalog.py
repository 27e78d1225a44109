"""From what a person typed to a data set."""

from __future__ import annotations

import os
from pathlib import Path

from archscope.data.batches import TEST_BATCH, TRAIN_BATCHES, read_archive, read_folder
from archscope.data.cifar10 import Copy, dataset_of
from archscope.data.dataset import Dataset
from archscope.data.digits import load_digits
from archscope.data.download import cached_copies, download, keras_cache
from archscope.data.npz import read_npz
from archscope.data.parquet import parquet_files, read_parquet
from archscope.data.reading import reading
from archscope.data.resize import check_input
from archscope.errors import DataError, did_you_mean

ENVIRONMENT = "ARCHSCOPE_CIFAR10"
_NAMES = ("cifar10", "digits")
_FORMS = "a python-version archive or folder, a folder of Hugging Face Parquet files, or a .npz file"


def load(source: str | None, shape: tuple[int, int, int]) -> Dataset:
    """The data set that `source` names, its images fitted to `shape` (H, W, C).

    None or "cifar10": CIFAR-10 from $ARCHSCOPE_CIFAR10 if that is set, else from Keras' cache, else downloaded.
    "digits": scikit-learn's digits. Anything else is a path to CIFAR-10 (write ./digits for a file of that name).
    Raises DataError where the data cannot be had or is not what it should be. Nothing ever stands in for it.
    """
    check_input(shape)
    if source == "digits":
        return load_digits(shape)
    return dataset_of(_find() if source in (None, "cifar10") else _read(str(source)), shape)


def _find() -> Copy:
    """CIFAR-10 from the places where it may be without being named."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        if not Path(named).expanduser().exists():
            raise DataError(f"${ENVIRONMENT} names {named}, which does not exist", "correct or unset it")
        return _read(named)
    tried = [f"${ENVIRONMENT} is not set"]
    copies = cached_copies()
    if not copies:
        tried.append(f"Keras' cache {keras_cache()} has no copy")
    for path in copies:
        try:
            return read_folder(path) if path.is_dir() else read_archive(path, original_only=True)
        except DataError as error:
            tried.append(error.message)
    try:
        return read_archive(download(), original_only=True)
    except DataError as error:
        tried.append(f"the download failed ({error.message})")
    raise DataError(
        f"CIFAR-10 was not found: {', '.join(tried)}",
        f"name a copy with --data PATH ({_FORMS}), or use --data digits",
    )


def _read(source: str) -> Copy:
    """CIFAR-10 from a path, in the form that its content shows."""
    path = Path(source).expanduser()
    with reading(str(path)):
        if not path.exists():
            remedy = did_you_mean(source, _NAMES) if path.name == source else ""
            raise DataError(f"there is no data set or path {source!r}", remedy or f"name cifar10, digits or {_FORMS}")
        if path.is_dir():
            return _read_folder(path)
        with path.open("rb") as file:
            start = file.read(512)
    if start.startswith(b"PK"):
        return read_npz(path)
    if start.startswith(b"\x1f\x8b") or start[257:262] == b"ustar":
        return read_archive(path)
    if start.startswith(b"PAR1"):
        raise DataError(f"{path} is one Parquet file, and both train and test are needed", "name its folder")
    raise DataError(f"{path} is no form of CIFAR-10 that can be read", f"name {_FORMS}")


def _read_folder(folder: Path) -> Copy:
    for candidate in (folder, folder / "cifar-10-batches-py", folder / "plain_text"):
        if any((candidate / name).exists() for name in (*TRAIN_BATCHES, TEST_BATCH)):
            return read_folder(candidate)
        if candidate.is_dir() and any(parquet_files(candidate).values()):
            return read_parquet(candidate)
    raise DataError(
        f"{folder} has neither data_batch_1 to 5 and test_batch nor train and test Parquet files", f"name {_FORMS}"
    )
