from __future__ import annotations

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from data_makers import SHAPE, batch, cycle, pixels, py2_batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archscope.data import load
from archscope.data.cifar10 import LABEL_NAMES
from archscope.errors import DataError


def _archive(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode, **({"compresslevel": 1} if mode == "w:gz" else {})) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def _members(folder: Path) -> dict[str, bytes]:
    return {f"cifar-10-batches-py/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_complete_archive_as_python_2_wrote_it(tmp_path: Path) -> None:
    members = {}
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        images = np.zeros((10_000, *SHAPE), dtype=np.uint8)
        images[7, 3, 5] = 10 * number + 1, 10 * number + 2, 10 * number + 3
        members[f"cifar-10-batches-py/{name}"] = py2_batch(images, cycle(10_000).tolist())
    members["cifar-10-batches-py/batches.meta"] = pickle.dumps(
        {b"label_names": [name.encode() for name in LABEL_NAMES]}, protocol=2
    )
    path = _archive(tmp_path / "cifar-10-python.tar.gz", members)
    data = load(str(path), SHAPE)
    # Whole by its form, but these are not CIFAR-10's pixels.
    assert (data.name, data.slug) == ("altered CIFAR-10", "cifar10")
    assert data.classes == ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    assert data.source == f"{path} (a python-version archive, not the original file)"
    assert data.train.images.shape == (50_000, 32, 32, 3)
    assert data.test.images.shape == (10_000, 32, 32, 3)
    assert data.train.images.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    # Row, column, channel, in the order of the batches.
    assert [data.train.images[10_000 * n + 7, 3, 5].tolist() for n in range(5)] == [
        [10 * n + 1, 10 * n + 2, 10 * n + 3] for n in range(5)
    ]
    assert data.test.images[7, 3, 5].tolist() == [51, 52, 53]
    assert data.train.images.sum(dtype=int) == sum(30 * n + 6 for n in range(5))


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_folder_and_archive_are_the_same_data(batch_folder: Path, tmp_path: Path, mode: str) -> None:
    from_folder = load(str(batch_folder), SHAPE)
    from_parent = load(str(batch_folder.parent), SHAPE)
    from_archive = load(str(_archive(tmp_path / "c.tar", _members(batch_folder), mode)), SHAPE)
    assert from_folder.name == "CIFAR-10 subset of 100/20 images"
    assert from_folder.sha256 == from_parent.sha256 == from_archive.sha256
    assert (from_folder.train.images[20:40] == pixels(20, 2)).all()


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
def test_a_missing_batch(batch_folder: Path, tmp_path: Path, name: str) -> None:
    (batch_folder / name).unlink()
    for path in (batch_folder, _archive(tmp_path / "c.tar.gz", _members(batch_folder))):
        with pytest.raises(
            DataError, match=rf"{path.name}: {name} is missing, and CIFAR-10 needs all six batches; get"
        ):
            load(str(path), SHAPE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [*cycle(19), 10]}, "has label 10 at row 19, and labels are 0 to 9"),
        ({"labels": [-1, *cycle(19)]}, "has label -1 at row 0"),
        ({"labels": cycle(19).tolist()}, "has 19 labels for 20 images"),
        ({"labels": ["cat"] * 20}, "has no 'labels' of integers"),
        ({"labels": [2**80] * 20}, "cannot be read"),
        ({"labels": [True] * 20}, "has no 'labels' of integers"),
        ({"labels": None}, "has no 'labels' of integers"),
        ({"data": None}, "has no 'data' of integers"),
        ({"data": np.zeros((19, 3072), np.uint8)}, r"has data uint8\(19, 3072\), not uint8\(20, 3072\)"),
        ({"data": np.zeros((20, 3072), np.int16)}, r"has data int16\(20, 3072\)"),
        ({"data": np.zeros((20, 3072), np.float32)}, "dtype 'f4'"),
    ],
)
def test_a_wrong_batch(batch_folder: Path, changes: dict[str, object], said: str) -> None:
    labels = changes.get("labels")
    if isinstance(labels, list):
        changes = {"labels": [int(x) if isinstance(x, np.integer) else x for x in labels]}
    (batch_folder / "data_batch_2").write_bytes(batch(20, **changes))
    with pytest.raises(DataError, match=f"data_batch_2 .*{said}"):
        load(str(batch_folder), SHAPE)


def test_labels_as_an_array(batch_folder: Path) -> None:
    before = load(str(batch_folder), SHAPE)
    (batch_folder / "test_batch").write_bytes(batch(20, 6, labels=cycle(20).astype(np.uint8)))
    assert load(str(batch_folder), SHAPE).sha256 == before.sha256


def test_a_missing_class(batch_folder: Path) -> None:
    for number in range(1, 6):
        labels = [label if label != 3 else 4 for label in cycle(20).tolist()]
        (batch_folder / f"data_batch_{number}").write_bytes(batch(20, number, labels=labels))
    with pytest.raises(DataError, match=r"the training split has no image of class 3 \(cat\)"):
        load(str(batch_folder), SHAPE)


def test_more_of_a_class_than_cifar10_has(batch_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archscope.data.cifar10.TRAIN_IMAGES", 100)
    monkeypatch.setattr("archscope.data.cifar10.TEST_IMAGES", 20)
    assert load(str(batch_folder), SHAPE).name == "altered CIFAR-10"
    labels = [4, *cycle(20).tolist()[1:]]
    (batch_folder / "data_batch_1").write_bytes(batch(20, 1, labels=labels))
    with pytest.raises(
        DataError, match=r"has 11 images of class 4 \(deer\), and CIFAR-10 has 10: images are mislabelled"
    ):
        load(str(batch_folder), SHAPE)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([b"airplane", b"bird", *[b"x"] * 8], "calls label 1 'bird', and in CIFAR-10 it is 'automobile'"),
        ([name.encode() for name in LABEL_NAMES[:9]], "names 9 classes, and CIFAR-10 has 10"),
        (None, "has no list of label names"),
    ],
)
def test_label_names_of_another_data_set(batch_folder: Path, names: object, said: str) -> None:
    (batch_folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": names}, protocol=2))
    with pytest.raises(DataError, match=f"batches.meta {said}"):
        load(str(batch_folder), SHAPE)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_archive(batch_folder: Path, tmp_path: Path, share: float) -> None:
    content = _archive(tmp_path / "c.tar.gz", _members(batch_folder)).read_bytes()
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"cut\.tar\.gz"):
        load(str(path), SHAPE)


def test_a_batch_that_is_there_twice(batch_folder: Path, tmp_path: Path) -> None:
    members = _members(batch_folder)
    path = _archive(
        tmp_path / "c.tar.gz", members | {"other/data_batch_4": members["cifar-10-batches-py/data_batch_4"]}
    )
    with pytest.raises(DataError, match="holds data_batch_4 twice"):
        load(str(path), SHAPE)


def test_a_decompression_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archscope.data.batches._MOST_ARCHIVE_BYTES", 2**20)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(2**21)))
    with pytest.raises(DataError, match=r"bomb\.tar\.gz is larger than 1 MiB, and CIFAR-10's is not"):
        load(str(path), SHAPE)


def test_a_batch_of_any_size(batch_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archscope.data.batches._MOST_BATCH_BYTES", 1000)
    with pytest.raises(DataError, match="data_batch_1 is larger than"):
        load(str(batch_folder), SHAPE)


def test_nothing_is_extracted(batch_folder: Path, tmp_path: Path) -> None:
    inner = {f"../../{name}": content for name, content in _members(batch_folder).items()}
    path = _archive(tmp_path / "c.tar.gz", inner)
    before = sorted(tmp_path.rglob("*"))
    load(str(path), SHAPE)
    assert sorted(tmp_path.rglob("*")) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.booleans())
def test_random_archives_give_only_data_errors(tmp_path: Path, data: bytes, compressed: bool) -> None:
    path = tmp_path / "random.tar.gz"
    path.write_bytes(gzip.compress(data) if compressed else b"\x1f\x8b" + data)
    with pytest.raises(DataError, match=r"random\.tar\.gz"):
        load(str(path), SHAPE)
