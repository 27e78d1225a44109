from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from data_makers import SHAPE, picture, pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from archscope.data import load
from archscope.errors import DataError


def _image(seed: int, height: int = 12, width: int = 10) -> np.ndarray:
    return pixels(1, seed)[0, :height, :width]


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Three classes of four training images and one test image, no two of one size."""
    folder = tmp_path / "pets"
    for label, name in enumerate(("cat", "dog", "eel")):
        for number in range(4):
            image = _image(10 * label + number, 12 + number, 10 + label)
            picture(folder / "train" / name / f"{number}.png", image)
        picture(folder / "test" / name / "0.bmp", _image(100 + label, 30, 20))
    return folder


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Two classes, of ten images and of five, and no split."""
    folder = tmp_path / "flat"
    for name, count in (("yes", 10), ("no", 5)):
        for number in range(count):
            picture(folder / name / f"{number}.png", _image(number + 100 * len(name)))
    return folder


def _by_hand(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def test_classes_are_the_sorted_folders(split: Path) -> None:
    data = load(str(split), (16, 24, 3))
    assert (data.name, data.classes) == ("pets", ("cat", "dog", "eel"))
    assert data.slug == f"pets-{data.sha256[:8]}"
    assert data.source == f"{split} (folder of images)"
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.train.images.shape == (12, 16, 24, 3)
    assert (data.train.images[6] == _by_hand(_image(12, 14, 11), 16, 24)).all()
    assert (data.test.images[2] == _by_hand(_image(102, 30, 20), 16, 24)).all()


def test_the_identity_is_of_the_content(split: Path, tmp_path: Path) -> None:
    sha256 = load(str(split), SHAPE).sha256
    assert load(str(split), (8, 8, 1)).sha256 == sha256
    # Another lossless file of the same pixels is the same data, by whatever name.
    (split / "train" / "dog" / "2.png").unlink()
    picture(split / "train" / "dog" / "2.tiff", _image(12, 14, 11))
    moved = split.rename(tmp_path / "other")
    assert load(str(moved), SHAPE).sha256 == sha256
    picture(moved / "train" / "dog" / "2.tiff", _image(12, 14, 11) // 2)
    assert load(str(moved), SHAPE).sha256 != sha256


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Test"])
def test_other_names_of_the_test_set(split: Path, name: str) -> None:
    sha256 = load(str(split), SHAPE).sha256
    (split / "test").rename(split / name)
    data = load(str(split), SHAPE)
    assert data.sha256 == sha256
    assert data.source == f"{split} (folder of images{'' if name == 'Test' else f'; {name} is the test set'})"


def test_what_is_not_used_is_told(split: Path) -> None:
    picture(split / "val" / "cat" / "0.png", _image(1))
    (split / "labels.csv").write_text("x")
    (split / "train" / "cat" / "Thumbs.db").write_bytes(b"x")
    (split / "train" / "cat" / ".hidden.png").write_bytes(b"x")
    (split / "train" / "__MACOSX").mkdir()
    os.mkfifo(split / "train" / "cat" / "pipe.png")
    (split / "test" / "eel" / "gone.png").symlink_to("nowhere.png")
    data = load(str(split), SHAPE)
    assert len(data.train.labels) == 12
    assert data.source == f"{split} (folder of images; val not used; 6 other files passed over)"


def test_images_in_folders_inside_a_class(split: Path) -> None:
    inner = split / "train" / "cat" / "more" / "deep"
    inner.mkdir(parents=True)
    (split / "train" / "cat" / "3.png").rename(inner / "3.png")
    assert len(load(str(split), SHAPE).train.labels) == 12


def test_without_a_split_a_fifth_is_held_out(flat: Path) -> None:
    data = load(str(flat), (12, 10, 3))
    assert data.source == f"{flat} (folder of images; no test split: a stratified fifth is held out as one)"
    assert data.classes == ("no", "yes")
    assert Counter(data.train.labels.tolist()) == {0: 4, 1: 8}
    assert Counter(data.test.labels.tolist()) == {0: 1, 1: 2}
    held_out = {image.tobytes() for image in data.test.images}
    everything = {_image(number + 100 * len(name)).tobytes() for name in ("yes", "no") for number in range(10)}
    assert held_out < everything
    assert not held_out & {image.tobytes() for image in data.train.images}
    again = load(str(flat), (12, 10, 3))
    assert (again.test.images == data.test.images).all()


def test_a_training_folder_alone_is_split_too(flat: Path, tmp_path: Path) -> None:
    sha256 = load(str(flat), SHAPE).sha256
    outer = tmp_path / "outer"
    outer.mkdir()
    flat.rename(outer / "train")
    data = load(str(outer), SHAPE)
    assert data.sha256 == sha256
    assert "no test split: a stratified fifth is held out as one" in data.source


def test_too_few_to_hold_any_out(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "few" / name / "0.png", _image(1))
        picture(tmp_path / "few" / name / "1.png", _image(2))
    with pytest.raises(DataError, match="has no test split, and its 4 images are too few to hold out a fifth; add"):
        load(str(tmp_path / "few"), SHAPE)


def test_wrong_folders(split: Path) -> None:
    picture(split / "test" / "fox" / "0.png", _image(1))
    with pytest.raises(DataError, match="test has class 'fox', and the training split does not; add training images"):
        load(str(split), SHAPE)
    (split / "train" / "fox").mkdir()
    with pytest.raises(DataError, match="train/fox has no image, and each class needs one; put images into it, or"):
        load(str(split), SHAPE)
    (split / "train" / "fox").rmdir()
    picture(split / "dog" / "inner" / "0.png", _image(1))
    with pytest.raises(DataError, match="dog has one class, 'inner', and there is nothing to tell apart; name "):
        load(str(split / "dog"), SHAPE)


def test_a_class_may_be_called_train(flat: Path) -> None:
    (flat / "no").rename(flat / "train")
    data = load(str(flat), (12, 10, 3))
    assert (data.classes, len(data.train.labels), len(data.test.labels)) == (("train", "yes"), 12, 3)
    assert "a stratified fifth is held out" in data.source
    (flat / "yes").rename(flat / "test")  # a split whose images lie in no classes is none of classes
    with pytest.raises(DataError, match=r"train has no folders, and each class is one"):
        load(str(flat), (12, 10, 3))


def test_test_images_without_classes(split: Path) -> None:
    for path in sorted((split / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    picture(split / "test" / "1.png", _image(1))
    for path in (split, split / "test"):
        with pytest.raises(DataError, match="test has no folders, and each class is one; sort its images into folders"):
            load(str(path), SHAPE)


def test_names_that_cannot_be_printed(split: Path) -> None:
    (split / "train" / "cat").rename(split / "train" / "c\x1b[2Jat")
    (split / "test" / "cat").rename(split / "test" / "c\x1b[2Jat")
    with pytest.raises(DataError, match=r"calls a class 'c.x1b\[2Jat', and names are 1 to 80 printable characters"):
        load(str(split), SHAPE)


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_that_pictures_do_not_have(split: Path, channels: int) -> None:
    with pytest.raises(DataError, match=f"has images of 3 channels, and the network takes {channels}: only grey"):
        load(str(split), (32, 32, channels))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.sampled_from(["png", "jpg", "gif", "bmp", "webp", "tiff", "ppm"]),
    st.integers(0, 400),
    st.binary(max_size=40),
    st.booleans(),
)
def test_damaged_pictures_give_one_sentence_that_names_the_file(
    split: Path, suffix: str, position: int, junk: bytes, cut: bool
) -> None:
    path = picture(split / "train" / "cat" / f"0.{suffix}", _image(1))
    content = path.read_bytes()
    position %= len(content)
    path.write_bytes(content[:position] + junk + (b"" if cut else content[position + len(junk) :]))
    message = f"{path} may still be read"
    try:
        load(str(split), (8, 8, 3))
    except DataError as error:
        message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message
    path.unlink()
