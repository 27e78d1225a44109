from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_makers import SHAPE, cycle, pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from archscope.data import Dataset, load
from archscope.errors import DataError

REAL_URLOPEN = urllib.request.urlopen  # before `no_network` takes it away


def test_nothing_to_be_had_says_what_was_tried(no_network: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for source in (None, "cifar10"):
        with pytest.raises(DataError) as caught:
            load(source, SHAPE)
        message = str(caught.value)
        assert "$ARCHSCOPE_CIFAR10 is not set" in message
        assert f"Keras' cache {no_network / 'datasets'} has no copy" in message
        assert "cifar-10-python.tar.gz cannot be reached: the network is down" in message
        assert "--data PATH" in caught.value.remedy
        assert "--data digits" in caught.value.remedy
        assert "\n" not in message
    assert capfd.readouterr() == ("", "")
    assert not no_network.exists()


def test_the_environment_names_a_copy(
    npz: Callable[..., Path], no_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHSCOPE_CIFAR10", str(npz()))
    assert load(None, SHAPE).name == load("cifar10", SHAPE).name == "CIFAR-10 subset of 30/10 images"
    monkeypatch.setenv("ARCHSCOPE_CIFAR10", str(npz(y_test=np.arange(10)[::-1] % 3)))
    assert load(None, SHAPE).classes[:2] == ("plane", "car")
    monkeypatch.setenv("ARCHSCOPE_CIFAR10", "/no/such/place")
    with pytest.raises(DataError, match=r"\$ARCHSCOPE_CIFAR10 names /no/such/place, which does not exist"):
        load(None, SHAPE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"x_train": pixels(30)[:, :28], "x_test": pixels(10)[:, :28]},
            "has images of 28x32x3, and CIFAR-10's",
        ),
        ({"y_train": cycle(30) % 3, "y_test": cycle(10) % 3}, "has 3 classes, and CIFAR-10 has 10; name a copy"),
        ({"class_names": list("abcdefghij")}, "calls label 0 'a', and in CIFAR-10 it is 'airplane'"),
        (
            {"x_test": np.broadcast_to(np.uint8(1), (1001, *SHAPE)), "y_test": np.ones(1001, int)},
            r"the test split has 1,001 images of class 1 \(car\), and CIFAR-10 has 1,000: images are mislabelled",
        ),
    ],
)
def test_what_is_asked_for_as_cifar10_must_be_it(
    npz: Callable[..., Path], no_network: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
) -> None:
    path = npz(**changes)
    monkeypatch.setenv("ARCHSCOPE_CIFAR10", str(path))
    with pytest.raises(DataError, match=said):
        load(None, SHAPE)
    # As itself it may be used.
    assert load(str(path), SHAPE).name == "subset"


@pytest.mark.parametrize(
    "name",
    [
        "cifar-10-batches-py",
        "cifar-10-batches-py/cifar-10-batches-py",
        "cifar-10-batches-py-target/cifar-10-batches-py",
    ],
)
def test_folders_in_keras_cache(no_network: Path, batch_folder: Path, name: str) -> None:
    place = no_network / "datasets" / name
    place.parent.mkdir(parents=True)
    batch_folder.rename(place)
    data = load(None, SHAPE)
    assert data.source == f"{place} (python-version folder)"


@pytest.mark.parametrize("name", ["cifar-10-batches-py.tar.gz", "cifar-10-batches-py-target_archive"])
def test_archives_in_keras_cache_must_be_the_original(
    no_network: Path, batch_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = no_network / "datasets" / name
    place.parent.mkdir(parents=True)
    with tarfile.open(place, "w:gz", compresslevel=1) as archive:
        archive.add(batch_folder, "cifar-10-batches-py")
    with pytest.raises(DataError, match=f"{name} is not the original archive: its SHA-256 differs"):
        load(None, SHAPE)
    assert place.exists()
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    monkeypatch.setattr("archscope.data.batches.ARCHIVE_SHA256", digest)
    assert load(None, SHAPE).source == f"{place} (the original archive, by its SHA-256)"


def test_a_broken_cache_is_told(no_network: Path, batch_folder: Path) -> None:
    (batch_folder / "data_batch_5").unlink()
    place = no_network / "datasets" / "cifar-10-batches-py"
    place.parent.mkdir(parents=True)
    batch_folder.rename(place)
    with pytest.raises(DataError, match=r"data_batch_5 is missing.*the download failed"):
        load(None, SHAPE)


def test_the_download_is_checked_kept_where_keras_looks_and_silent_in_a_pipe(
    no_network: Path,
    batch_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "fetched.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(batch_folder, "cifar-10-batches-py")
    monkeypatch.setattr("archscope.data.download.ARCHIVE_URL", path.as_uri())
    monkeypatch.setattr("urllib.request.urlopen", REAL_URLOPEN)
    cached = no_network / "datasets" / "cifar-10-batches-py-target_archive"
    with pytest.raises(DataError, match="gave a file that is not the original"):
        load(None, SHAPE)
    assert list(cached.parent.iterdir()) == []
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for module in ("batches", "download"):
        monkeypatch.setattr(f"archscope.data.{module}.ARCHIVE_SHA256", digest)
    assert load(None, SHAPE).name == "CIFAR-10 subset of 100/20 images"
    assert cached.read_bytes() == path.read_bytes()
    assert list(cached.parent.iterdir()) == [cached]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("cifar", "there is no data set or path 'cifar'; did you mean 'cifar10'"),
        ("", "the data's name is empty; name cifar10"),
        ("/no/such/path", "there is no data set or path '/no/such/path'; name cifar10, digits, a CIFAR-10 archive"),
        ("a\0b", "cannot be read|there is no data set"),
        ("x" * 5000, "cannot be read|there is no data set"),
    ],
)
def test_no_such_source(source: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(source, SHAPE)


def test_paths_that_are_no_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has neither CIFAR-10's batches, nor train and test Parquet files, nor"):
        load(str(tmp_path), SHAPE)
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    with pytest.raises(DataError, match=r"notes\.txt is no data set that can be read; name a CIFAR-10"):
        load(str(file), SHAPE)
    file.write_bytes(b"PAR1....")
    with pytest.raises(DataError, match="is one Parquet file, and both train and test are needed; name its folder"):
        load(str(file), SHAPE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.sampled_from([b"", b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08"]), st.binary(max_size=500))
def test_random_files_give_only_data_errors(tmp_path: Path, start: bytes, rest: bytes) -> None:
    for name in ("random", "data_batch_1", "train.parquet"):
        folder = tmp_path / f"of_{name}"
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_bytes(start + rest)
        with pytest.raises(DataError, match=name):
            load(str(file if name == "random" else folder), SHAPE)


@pytest.mark.parametrize(("source", "found"), [("digits", 1), (None, 3)])
def test_other_channel_counts(source: str | None, found: int) -> None:
    with pytest.raises(DataError, match="an input of 0 channels takes no images"):
        load(source, (32, 32, 0))
    for channels in (2, 5):
        said = rf"has images of {found} channels, and the network takes {channels}: .*input channels \(@32x32x{found}\)"
        with pytest.raises(DataError, match=said):
            load(source, (32, 32, channels))


def test_an_input_without_pixels() -> None:
    with pytest.raises(DataError, match="images cannot be resized to 0x32"):
        load("digits", (0, 32, 3))


def test_images_beyond_memory_are_refused_before_they_are_made() -> None:
    with pytest.raises(DataError, match=r"1,797 images of 99999x99999x3 need .* GiB, and this machine has"):
        load("digits", (99_999, 99_999, 3))


def test_resizing_is_pillows_bilinear_and_leaves_the_checksum(npz: Callable[..., Path]) -> None:
    path = str(npz())
    data = load(path, SHAPE)
    resized = load(path, (48, 40, 1))
    assert resized.sha256 == data.sha256
    assert resized.train.images.shape == (30, 48, 40, 1)
    assert resized.train.images.dtype == np.uint8
    by_hand = Image.fromarray(data.train.images[4]).convert("L").resize((40, 48), Image.Resampling.BILINEAR)
    assert (resized.train.images[4, ..., 0] == np.asarray(by_hand)).all()


def test_luma(npz: Callable[..., Path]) -> None:
    images = np.zeros((30, *SHAPE), dtype=np.uint8)
    images[0], images[1], images[2], images[3] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    grey = load(str(npz(x_train=images)), (32, 32, 1)).train.images
    # 0.299, 0.587 and 0.114 of 255, rounded.
    assert [int(grey[row, 16, 16, 0]) for row in range(4)] == [76, 150, 29, 255]


def test_the_checksum_names_the_data(npz: Callable[..., Path]) -> None:
    data = load(str(npz()), SHAPE)
    digest = hashlib.sha256()
    for split in (data.train, data.test):
        digest.update(f"({len(split.labels)}, 32, 32, 3)".encode() + split.labels.tobytes() + split.images.tobytes())
    assert data.sha256 == digest.hexdigest()
    images = data.train.images.copy()
    images[3, 2, 1, 0] ^= 1
    assert load(str(npz(x_train=images)), SHAPE).sha256 != data.sha256


def test_digits() -> None:
    small, data = load("digits", (8, 8, 1)), load("digits", SHAPE)
    assert (data.name, data.slug, data.classes) == ("scikit-learn digits", "digits", tuple("0123456789"))
    assert data.source.startswith("bundled with scikit-learn ")
    assert data.sha256 == small.sha256 == load("digits", (8, 8, 1)).sha256
    assert len(data.train.labels) + len(data.test.labels) == 1797
    assert data.train.images.shape[1:] == SHAPE
    assert (data.train.images[..., 0] == data.train.images[..., 2]).all()
    # Sixteen, the darkest ink, is 255; all seventeen levels are there.
    assert np.unique(small.train.images).tolist() == [round(level * 255 / 16) for level in range(17)]
    per_class = np.bincount(np.concatenate([small.train.labels, small.test.labels]))
    assert np.bincount(small.test.labels).tolist() == [int(n * 0.2 + 0.5) for n in per_class]


def test_loading_imports_neither_keras_nor_tensorflow() -> None:
    code = (
        "import sys; from archscope.data import load; heavy = {'numpy', 'sklearn', 'PIL', 'pyarrow', 'keras'};"
        "assert not heavy & set(sys.modules); load('digits', (32, 32, 3)); assert 'numpy' in sys.modules;"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.cifar10
def test_the_real_data(real_cifar10: Dataset) -> None:
    assert real_cifar10.name in {"CIFAR-10", "JPEG re-encoded CIFAR-10"}
    assert real_cifar10.train.images.shape == (50_000, 32, 32, 3)
    assert real_cifar10.test.images.shape == (10_000, 32, 32, 3)
    assert np.bincount(real_cifar10.train.labels).tolist() == [5000] * 10
    assert np.bincount(real_cifar10.test.labels).tolist() == [1000] * 10
    # CIFAR-10's known means of the training images, by channel; JPEG moves them by less than this.
    means = real_cifar10.train.images.mean(axis=(0, 1, 2)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.002)
