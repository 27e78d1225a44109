"""Each image's answer on disk: small, whole, and never trusted."""

from __future__ import annotations

import contextlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archscope.errors import RunError
from archscope.runs import Predictions, Scores, confusion, read_predictions, write_predictions

FILE = "predictions.npz"


def answers(images: int, classes: int, seed: int = 0) -> tuple[Predictions, Scores]:
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, classes, (2, images))
    counts = confusion(labels, predicted, classes)
    right = float((labels == predicted).mean())
    return Predictions(labels, predicted), Scores("test", images, right, 0, 1, 1, (), counts)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 200), st.integers(1, 400), st.integers(0, 99))
def test_answers_survive_their_file(tmp_path: Path, images: int, classes: int, seed: int) -> None:
    kept, scores = answers(images, classes, seed)
    write_predictions(tmp_path, kept)
    found = read_predictions(tmp_path, scores)
    assert found is not None
    assert (found.labels == kept.labels).all()
    assert (found.predicted == kept.predicted).all()
    assert (found.hits == (kept.labels == kept.predicted)).all()


def test_ten_thousand_images_take_ten_kilobytes_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    kept, _ = answers(10_000, 10)
    write_predictions(tmp_path, kept)
    first = (tmp_path / FILE).read_bytes()
    assert len(first) < 12_000
    write_predictions(tmp_path, kept)
    assert (tmp_path / FILE).read_bytes() == first


def test_a_run_without_the_file_has_none(tmp_path: Path) -> None:
    assert read_predictions(tmp_path, answers(5, 2)[1]) is None


def test_answers_that_the_run_did_not_count_are_refused(tmp_path: Path) -> None:
    kept, scores = answers(50, 3)
    write_predictions(tmp_path, kept)
    with pytest.raises(RunError, match=r"other answers than those that the run counted; .*evaluate .* --predictions"):
        read_predictions(tmp_path, replace(scores, confusion=((50, 0, 0), (0, 0, 0), (0, 0, 0))))
    with pytest.raises(RunError, match="the run scored 51 images"):
        read_predictions(tmp_path, replace(scores, images=51))
    with pytest.raises(RunError, match="other answers"):
        read_predictions(tmp_path, replace(scores, confusion=((25,),)))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    kept, scores = answers(40, 3)
    write_predictions(tmp_path, kept)
    content = bytearray((tmp_path / FILE).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    (tmp_path / FILE).write_bytes(content)
    with contextlib.suppress(RunError):
        found = read_predictions(tmp_path, scores)
        assert found is not None
        assert confusion(found.labels, found.predicted, 3) == scores.confusion


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_other_bytes_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match="holds no predictions"):
        read_predictions(tmp_path, answers(40, 3)[1])


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=True)
    return out.getvalue()


def header_of(images: int) -> bytes:
    """What claims to hold an array that no machine has room for."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": (images,)})
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        npy(np.zeros(10**7, np.uint8)),  # a small file that would unpack to ten megabytes
        header_of(10**15),
        npy(np.array([{}, {}, {}], object)),
        npy(np.zeros(3, np.float64)),
        npy(np.zeros((3, 1), np.uint8)),
    ],
)
def test_an_array_of_another_size_or_kind_is_refused_before_it_is_read(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(tmp_path / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.npy", content)
        archive.writestr("predicted.npy", content)
    with pytest.raises(RunError, match="holds no predictions"):
        read_predictions(tmp_path, answers(3, 2)[1])
