from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_makers import SHAPE, cycle, pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archscope.data import load
from archscope.errors import DataError


def test_a_subset_says_that_it_is_one(npz: Callable[..., Path]) -> None:
    path = npz()
    data = load(str(path), SHAPE)
    assert data.name == "CIFAR-10 subset of 30/10 images"
    assert data.source == f"{path} (.npz)"
    assert (data.train.images == pixels(30)).all()
    assert (data.test.images == pixels(10, 1)).all()
    assert data.train.labels.tolist() == cycle(30).tolist()


@pytest.mark.parametrize(
    "spelling",
    [
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("trainx", "trainy", "testx", "testy"),
        ("train_data", "train_labels", "test_data", "test_labels"),
    ],
)
def test_usual_spellings(npz: Callable[..., Path], tmp_path: Path, spelling: tuple[str, ...]) -> None:
    expected = load(str(npz()), SHAPE).sha256
    path = tmp_path / "other.npz"
    arrays = (pixels(30), cycle(30).reshape(-1, 1).astype(np.uint8), pixels(10, 1), cycle(10).astype(np.uint16))
    np.savez_compressed(path, **dict(zip(spelling, arrays, strict=True)))
    assert load(str(path), SHAPE).sha256 == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y_test": None}, r"has no y_test; it holds x_train, y_train, x_test; save"),
        ({"train_images": pixels(30)}, "holds x_train and train_images, and only one can be x_train"),
        ({"x_train": pixels(30).astype(np.float32)}, "x_train is float32, and CIFAR-10 images are uint8"),
        ({"x_train": pixels(30)[:, :28]}, r"x_train has shape \(30, 28, 32, 3\), not \(N, 32, 32, 3\)"),
        ({"x_train": pixels(30).transpose(0, 3, 1, 2)}, r"x_train has shape \(30, 3, 32, 32\)"),
        ({"x_train": pixels(29)}, "training split has 29 images but 30 labels"),
        ({"y_train": cycle(30) + 1}, "y_train has label 10 at row 9, and labels are 0 to 9"),
        ({"y_train": cycle(30) * 1.0}, "y_train is float64, and labels are integers"),
        ({"y_train": np.eye(10, dtype=int)[cycle(30)]}, r"y_train has shape \(30, 10\), and labels are \(N,\)"),
        ({"y_train": np.array([None] * 30)}, "y_train is object, and labels are integers"),
        ({"x_train": np.array([None] * 30)}, "x_train is object"),
        ({"y_train": np.int64(3)}, r"y_train has shape \(\), and labels are"),
        ({"y_train": cycle(30) // 2}, r"no image of class 5 \(dog\), 6 \(frog\), 7 \(horse\), 8 \(ship\), 9 \(truck\)"),
        ({"x_test": pixels(0), "y_test": cycle(0)}, "the test split is empty, and at least one image is needed"),
        ({"y_test": np.broadcast_to(np.int8(1), 10_001)}, "y_test has 10,001 images, and CIFAR-10 has 10,000"),
        (
            {"x_test": np.broadcast_to(np.uint8(1), (1001, *SHAPE)), "y_test": np.ones(1001, int)},
            "1,001 images of class 1",
        ),
    ],
)
def test_wrong_arrays(npz: Callable[..., Path], changes: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=rf"subset\.npz.*{said}"):
        load(str(npz(**changes)), SHAPE)


def test_a_header_that_announces_more_than_there_is(npz: Callable[..., Path], tmp_path: Path) -> None:
    good = npz()
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bomb, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "x_train.npy":
                content = content.replace(b"(30, 32, 32, 3), ", b"(10**9,32,32,3), ")
                content = content.replace(b"(10**9,32,32,3), ", b"(999999999,32,32,3), ")
            target.writestr(name, content)
    with pytest.raises(DataError, match=r"bomb\.npz: x_train"):
        load(str(bomb), SHAPE)


def test_a_header_of_too_many_images(npz: Callable[..., Path], tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 32, 32, 3)})
    path = npz(x_train=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", header.getvalue())
    with pytest.raises(DataError, match="x_train has 1,000,000,000,000 images, and CIFAR-10 has 50,000"):
        load(str(path), SHAPE)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_truncated(npz: Callable[..., Path], share: float) -> None:
    path = npz()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"subset\.npz cannot be read: .*; get a fresh copy"):
        load(str(path), SHAPE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200) | st.integers(-500, -1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_files_give_only_data_errors(npz: Callable[..., Path], changes: list[tuple[int, int]]) -> None:
    path = npz()
    content = bytearray(path.read_bytes())
    for position, value in changes:
        content[position] = value
    path.write_bytes(content)
    message = ""
    try:
        load(str(path), SHAPE)
    except DataError as error:
        message = str(error)
    assert "\n" not in message
