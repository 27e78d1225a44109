"""Small copies of CIFAR-10 in every form, made by code, and the real one where it lies at hand."""

from __future__ import annotations

import os
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_makers import SHAPE, batch, cycle, pixels

from archscope.data import Dataset, load


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a batch have 20 images instead of 10,000, so that a python-version copy is quick to make."""
    monkeypatch.setattr("archscope.data.batches._BATCH_IMAGES", 20)
    return 20


@pytest.fixture
def batch_folder(tmp_path: Path, small_batches: int) -> Path:
    """A whole python-version folder with batches of 20 images."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(batch(small_batches, number))
    (folder / "test_batch").write_bytes(batch(small_batches, 6))
    return folder


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Path]:
    """Write an .npz with 30 training and 10 test images; arguments replace, add or (None) leave out arrays."""

    def write(**changes: object) -> Path:
        arrays: dict[str, object] = {
            "x_train": pixels(30),
            "y_train": cycle(30),
            "x_test": pixels(10, 1),
            "y_test": cycle(10),
        }
        arrays |= changes
        path = tmp_path / "subset.npz"
        np.savez(path, **{key: np.asarray(value) for key, value in arrays.items() if value is not None})
        return path

    return write


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No $ARCHSCOPE_CIFAR10, an empty Keras home (returned), and a network that is down."""

    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("the network is down")

    home = tmp_path / "keras-home"
    monkeypatch.delenv("ARCHSCOPE_CIFAR10", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return home


@pytest.fixture(scope="session")
def real_cifar10() -> Dataset:
    """The real data set, loaded once."""
    named = os.environ.get("ARCHSCOPE_CIFAR10")
    path = Path(named) if named else Path(__file__).parents[3] / "shared" / "data" / "cifar10"
    if not path.exists():
        pytest.skip("CIFAR-10 is not at hand: set ARCHSCOPE_CIFAR10")
    return load(str(path), SHAPE)
