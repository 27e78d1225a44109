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
from PIL import Image

from archscope.data import load
from archscope.errors import DataError


def test_it_is_called_by_its_file(npz: Callable[..., Path]) -> None:
    path = npz()
    data = load(str(path), SHAPE)
    assert (data.name, data.classes) == ("subset", tuple("0123456789"))
    assert data.slug == f"subset-{data.sha256[:8]}"
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
        ({"x_train": pixels(30).astype(np.float32)}, "x_train is float32, and images are uint8, 0 to 255; scale them"),
        ({"x_train": pixels(30)[:, :28]}, "has training images of 28x32x3 and test images of 32x32x3; save both"),
        ({"x_train": pixels(30)[0, 0]}, r"x_train has shape \(32, 3\), not \(N, H, W, C\)"),
        ({"x_train": pixels(30)[:, :0]}, r"x_train has shape \(30, 0, 32, 3\)"),
        (
            {"x_train": pixels(30).transpose(0, 3, 1, 2), "x_test": pixels(10).transpose(0, 3, 1, 2)},
            "has images of 32 channels, and the network takes 3",
        ),
        ({"x_train": pixels(29)}, "training split has 29 images but 30 labels"),
        ({"y_train": cycle(30) + 1}, "training split has no image of class 0 while the test split has, and"),
        ({"y_train": cycle(30) - 1}, "y_train has label -1 at row 0"),
        ({"y_train": np.uint64(2**64 - 1) - cycle(30).astype(np.uint64)}, "y_train has label 18446744073709551615"),
        ({"y_train": cycle(30) * 4}, "training split has label 32 at row 8, .* 30 training images can give an image"),
        ({"y_test": cycle(10) + 5}, "training split has no image of class 10, 11, 12, 13, 14 while the test split has"),
        ({"y_train": cycle(30) * 0, "y_test": cycle(10) * 0}, "has one class, and there is nothing to tell apart"),
        ({"class_names": list("abcdefghi")}, "training split has label 9 at row 9, and labels are 0 to 8"),
        ({"class_names": list("abcdefghijk")}, r"training split has no image of class 10 \(k\), and"),
        ({"class_names": list("aacdefghij")}, "calls two classes 'a'"),
        ({"class_names": ["", *"bcdefghij"]}, "calls a class ''"),
        ({"class_names": ["a\x1b[2J", *"bcdefghij"]}, r"calls a class 'a.x1b\[2J', and names are 1 to 80 printable"),
        (
            {"class_names": np.array(list("abcdefghij"), object)},
            r"class_names is object\(10,\), and class names",
        ),
        ({"class_names": list("abcdefghij"), "label_names": ["b"]}, "holds class_names and label_names, and only one"),
        ({"y_train": cycle(30) * 1.0}, "y_train is float64, and labels are integers"),
        ({"y_train": np.eye(10, dtype=int)[cycle(30)]}, r"y_train has shape \(30, 10\), and labels are \(N,\)"),
        ({"y_train": np.array([None] * 30)}, "y_train is object, and labels are integers"),
        ({"x_train": np.array([None] * 30)}, "x_train is object"),
        ({"y_train": np.int64(3)}, r"y_train has shape \(\), and labels are"),
        ({"y_train": cycle(30) // 2}, "no image of class 5, 6, 7, 8, 9 while the test split has, and each class needs"),
        ({"x_test": pixels(0), "y_test": cycle(0)}, "the test split is empty, and at least one image is needed"),
        ({"y_test": np.broadcast_to(np.int8(1), 10_001)}, "test split has 10 images but 10,001 labels"),
    ],
)
def test_wrong_arrays(npz: Callable[..., Path], changes: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=rf"subset\.npz.*{said}"):
        load(str(npz(**changes)), SHAPE)


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (17, 3), (20, 4), (9, 2), (12, 6)])
def test_any_size_classes_and_channels(npz: Callable[..., Path], side: int, channels: int) -> None:
    random = np.random.default_rng(side)
    x_train, x_test = (random.integers(0, 256, (n, side, side + 1, channels), np.uint8) for n in (30, 10))
    names = ["ant", "bee", "wasp"]
    path = npz(x_train=x_train, x_test=x_test, y_train=cycle(30) % 3, y_test=cycle(10) % 2, class_names=names)
    data = load(str(path), (side, side + 1, channels))
    assert data.classes == ("ant", "bee", "wasp")
    assert (data.train.images == x_train).all()
    assert (data.test.images == x_test).all()
    resized = load(str(path), (2 * side, side, channels))
    assert resized.sha256 == data.sha256
    # Each channel by itself, as Pillow resizes a grey picture.
    by_hand = Image.fromarray(x_test[3, ..., -1]).resize((side, 2 * side), Image.Resampling.BILINEAR)
    assert (resized.test.images[3, ..., -1] == np.asarray(by_hand)).all()


def test_images_without_a_channel_axis_are_grey(npz: Callable[..., Path]) -> None:
    grey = pixels(40)[..., 0]
    flat = load(str(npz(x_train=grey[:30], x_test=grey[30:])), SHAPE)
    assert (flat.train.images == grey[:30, ..., None]).all()
    assert load(str(npz(x_train=grey[:30, ..., None], x_test=grey[30:, ..., None])), SHAPE).sha256 == flat.sha256


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
    with pytest.raises(DataError, match=r"x_train: 1,000,000,000,000 images of 32x32x3 need 2,861,022\.9 GiB"):
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
