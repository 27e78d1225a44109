"""One data set in every form: the same arrays, the same identity, the same name."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_makers import SHAPE, batch, binary, cycle, encode, picture, pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archscope.data import Dataset, load
from archscope.data.cifar10 import LABEL_NAMES
from archscope.errors import DataError

_X_TRAIN = np.concatenate([pixels(20, number) for number in range(1, 6)])
_X_TEST = pixels(20, 6)
_Y_TRAIN, _Y_TEST = cycle(100), cycle(20)


def _python(folder: Path) -> Path:
    folder = folder / "cifar-10-batches-py"
    folder.mkdir()
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"], 1):
        (folder / name).write_bytes(batch(20, number))
    return folder


def _binary(folder: Path) -> Path:
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"], 1):
        (folder / f"{name}.bin").write_bytes(binary(pixels(20, number), cycle(20)))
    (folder / "batches.meta.txt").write_text("\n".join(LABEL_NAMES) + "\n\n")
    (folder / "readme.html").write_text("hello")
    return folder


def _binary_archive(folder: Path) -> Path:
    path = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(_binary(folder), "cifar-10-batches-bin")
    return path


def _npz(folder: Path) -> Path:
    path = folder / "copy.npz"
    np.savez(path, x_train=_X_TRAIN, y_train=_Y_TRAIN, x_test=_X_TEST, y_test=_Y_TEST)
    return path


def _parquet(folder: Path) -> Path:
    for split, images in (("train", _X_TRAIN), ("test", _X_TEST)):
        records = pa.array([{"bytes": encode(image, "PNG"), "path": None} for image in images])
        pq.write_table(pa.table({"img": records, "label": cycle(len(images))}), folder / f"{split}.parquet")
    return folder


def _pictures(folder: Path, suffix: str = "png", **options: object) -> Path:
    folder = folder / "pictures"
    for split, images in (("train", _X_TRAIN), ("test", _X_TEST)):
        for row, image in enumerate(images):
            picture(folder / split / LABEL_NAMES[row % 10] / f"{row:03}.{suffix}", image, **options)
    return folder


_MAKERS = (_python, _binary, _binary_archive, _npz, _parquet)


@pytest.mark.parametrize("make", _MAKERS[1:])
@pytest.mark.parametrize("shape", [SHAPE, (24, 40, 1)])
def test_the_forms_agree(tmp_path: Path, small_batches: int, make: object, shape: tuple[int, int, int]) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    one, two = load(str(_python(first)), shape), load(str(make(second)), shape)  # type: ignore[operator]
    assert one.sha256 == two.sha256
    for left, right in ((one.train, two.train), (one.test, two.test)):
        assert (left.images == right.images).all()
        assert (left.labels == right.labels).all()
        assert left.labels.dtype == right.labels.dtype == np.int64
    if shape == SHAPE:
        assert (one.train.images == _X_TRAIN).all()
        assert (one.test.labels == _Y_TEST).all()


def test_the_binary_version_says_what_it_is(
    tmp_path: Path, small_batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _binary_archive(tmp_path)
    data = load(str(archive), SHAPE)
    assert (data.name, data.slug) == ("CIFAR-10 subset of 100/20 images", "cifar10")
    assert data.source == f"{archive} (a binary-version archive, not the original file)"
    from_folder = load(str(tmp_path), SHAPE)
    assert from_folder.source == f"{tmp_path / 'cifar-10-batches-bin'} (binary-version folder)"
    assert from_folder.classes == data.classes == ("plane", "car", *LABEL_NAMES[2:])
    monkeypatch.setattr("archscope.data.batches.BINARY_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert load(str(archive), SHAPE).source == f"{archive} (the original archive, by its SHA-256)"


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch, small_batches: int) -> None:
    """A CIFAR-10 of 100 and 20 images, whose pixels are the makers'."""
    sums = tuple(int(value) for value in _X_TRAIN.sum(axis=(0, 1, 2), dtype=np.int64))
    monkeypatch.setattr("archscope.data.cifar10.TRAIN_IMAGES", 100)
    monkeypatch.setattr("archscope.data.cifar10.TEST_IMAGES", 20)
    monkeypatch.setattr("archscope.data.cifar10.ORIGINAL_SUMS", sums)


@pytest.mark.parametrize("make", [*_MAKERS, _pictures])
def test_a_whole_copy_is_known_by_its_pixels_in_any_form(tmp_path: Path, whole: None, make: object) -> None:
    data = load(str(make(tmp_path)), (8, 8, 1))  # type: ignore[operator]
    assert (data.name, data.slug, data.classes[:2]) == ("CIFAR-10", "cifar10", ("plane", "car"))


def _name(tmp_path: Path, x_train: np.ndarray, y_train: np.ndarray = _Y_TRAIN) -> str:
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=_X_TEST, y_test=_Y_TEST)
    return load(str(path), SHAPE).name


def test_a_copy_with_other_pixels_is_not_called_the_original(tmp_path: Path, whole: None) -> None:
    assert _name(tmp_path, _X_TRAIN[::-1], _Y_TRAIN[::-1]) == "CIFAR-10"
    altered = _X_TRAIN.copy()
    altered[0, 0, 0, 0] ^= 1
    assert _name(tmp_path, altered) == "altered CIFAR-10"
    assert _name(tmp_path, 255 - _X_TRAIN) == "mine"
    labels = _Y_TRAIN.copy()
    labels[0] = 1
    assert _name(tmp_path, _X_TRAIN, labels) == "mine"
    assert _name(tmp_path, _X_TRAIN[:90], _Y_TRAIN[:90]) == "mine"
    assert load(str(_pictures(tmp_path, "jpg", quality=95)), SHAPE).name == "JPEG re-encoded CIFAR-10"


@pytest.mark.cifar10
def test_the_real_data_in_another_form_and_order(tmp_path: Path, real_cifar10: Dataset) -> None:
    order = np.random.default_rng(0).permutation(50_000)
    path = tmp_path / "kept.npz"
    train, test = real_cifar10.train, real_cifar10.test
    np.savez(path, x_train=train.images[order], y_train=train.labels[order], x_test=test.images, y_test=test.labels)
    again = load(str(path), SHAPE)
    assert (again.name, again.slug, again.classes) == (real_cifar10.name, "cifar10", real_cifar10.classes)
    assert again.sha256 != real_cifar10.sha256


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "data_batch_2.bin",
            b"\0" * 3073,
            "has 3,073 bytes, and 20 records of 3,073 bytes are 61,460",
        ),
        ("data_batch_2.bin", b"\0" * 61_461, "data_batch_2.bin has 61,461 bytes, and 20 records"),
        (
            "test_batch.bin",
            binary(pixels(20), [*cycle(19), 10]),
            "test_batch.bin has label 10 at row 19, and",
        ),
        ("test_batch.bin", None, "test_batch.bin is missing, and CIFAR-10 needs all six batches"),
        ("data_batch_1", batch(20), "holds files of the python and of the binary version; keep those of one"),
        ("batches.meta.txt", b"airplane\nship\n", "calls label 1 'ship', and in CIFAR-10 it is 'automobile'"),
        ("batches.meta.txt", b"", "names 0 classes, and CIFAR-10 has 10"),
    ],
)
def test_a_wrong_binary_folder(tmp_path: Path, small_batches: int, name: str, content: bytes | None, said: str) -> None:
    folder = _binary(tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        load(str(folder), SHAPE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.floats(0, 0.999), st.booleans())
def test_random_and_truncated_binary_files(
    tmp_path: Path, small_batches: int, junk: bytes, share: float, archived: bool
) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    if not folder.exists():
        _binary_archive(tmp_path)
    if archived:
        content = (tmp_path / "cifar-10-binary.tar.gz").read_bytes()
        path = tmp_path / "cut.tar.gz"
        path.write_bytes(content[: int(len(content) * share)] + junk)
    else:
        path = folder
        good = binary(pixels(20, 3), cycle(20))
        (folder / "data_batch_3.bin").write_bytes(good[: int(len(good) * share)] + junk[:20])
    with pytest.raises(DataError, match=path.name) as caught:
        load(str(path), SHAPE)
    assert "\n" not in str(caught.value)


def test_a_stream_in_any_order_of_members(tmp_path: Path, small_batches: int) -> None:
    folder = _binary(tmp_path)
    path = tmp_path / "reversed.tar"
    with tarfile.open(path, "w") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            entry = tarfile.TarInfo(f"somewhere/{file.name}")
            entry.size = file.stat().st_size
            archive.addfile(entry, io.BytesIO(file.read_bytes()))
    assert load(str(path), SHAPE).sha256 == load(str(folder), SHAPE).sha256
