from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archscope.errors import TrainingError
from archscope.runs import classification_report
from archscope.train import evaluate, score, wilson_interval
from archscope.train.evaluate import calibration_error


def one_hot(answers: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[answers]


def test_scores_by_hand() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]], np.float32)
    scores = score(probabilities, np.array([0, 0, 1, 2]), ("a", "b", "c"), "validation")
    assert scores.confusion == ((1, 1, 0), (1, 0, 0), (0, 0, 1))
    assert scores.accuracy == 0.5
    assert scores.loss == pytest.approx((np.log(2) + np.log(4) + np.log(2) + np.log(2)) / 4)
    assert [(row.precision, row.recall, row.f1, row.support) for row in scores.per_class] == [
        (0.5, 0.5, 0.5, 2),
        (0.0, 0.0, 0.0, 1),
        (1.0, 1.0, 1.0, 1),
    ]
    assert (scores.split, scores.images) == ("validation", 4)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.integers(1, 400), st.integers(0, 2**31))
def test_per_class_figures_and_report_equal_scikit_learns(classes: int, images: int, seed: int) -> None:
    from sklearn.metrics import classification_report as reference
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    answers = np.where(rng.random(images) < 0.6, labels, rng.integers(0, classes, images))
    assume((labels == answers).any())  # without a single hit scikit-learn prints supports as 1.0
    names = [f"class {'x' * i}" for i in range(classes)]
    scores = score(one_hot(answers, classes), labels, names, "test")
    everything = list(range(classes))
    assert (np.array(scores.confusion) == confusion_matrix(labels, answers, labels=everything)).all()
    expected = precision_recall_fscore_support(labels, answers, labels=everything, zero_division=0)
    found = [[getattr(row, key) for row in scores.per_class] for key in ("precision", "recall", "f1", "support")]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
    text = reference(labels, answers, labels=everything, target_names=names, zero_division=0)
    assert classification_report(scores) == text


def test_the_wilson_interval_of_a_textbook_case() -> None:
    """Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(20, 20)[1] == 1.0


def test_a_model_is_scored_in_equal_batches_as_keras_predicts(
    tiny_model: Callable[..., Any], brightness: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = brightness[0][:257], brightness[1][:257]
    model = tiny_model()
    found = evaluate(model, images, labels, ("a", "b", "c", "d"), "test", flip_tta=True)
    scores = found.scores
    probabilities = model.predict(images.astype("float32"), verbose=0)
    assert scores.accuracy == (probabilities.argmax(axis=1) == labels).mean()
    assert scores.loss == pytest.approx(-np.log(probabilities[np.arange(257), labels]).mean(), rel=1e-5)
    assert scores.images == 257
    assert (found.predictions.labels == labels).all()
    assert (found.predictions.predicted == probabilities.argmax(axis=1)).all()
    assert scores == evaluate(model, images, labels, ("a", "b", "c", "d"), "test").scores
    # Apart from it, the mean over each image and its mirror.
    mirrored = model.predict(images[:, :, ::-1].astype("float32"), verbose=0)
    both = (probabilities + mirrored) / 2
    assert found.flip_tta is not None
    assert found.flip_tta.accuracy == (both.argmax(axis=1) == labels).mean()
    assert found.flip_tta.loss == pytest.approx(-np.log(both[np.arange(257), labels]).mean(), rel=1e-5)
    assert found.flip_tta.loss != scores.loss


def test_the_calibration_error_by_hand() -> None:
    """Bins of a fifteenth: 0.6 is the upper edge of the ninth, 0.75 lies in the twelfth."""
    probabilities = np.array([[0.75, 0.25], [0.25, 0.75], [0.75, 0.25], [0.6, 0.4]], np.float64)
    labels = np.array([0, 0, 0, 1])
    # Twelfth bin: 2 of 3 right at 0.75, so 3/4 |2/3 - 3/4|; ninth: 0 of 1 at 0.6, so 1/4 |0 - 0.6|.
    assert calibration_error(probabilities, labels) == pytest.approx(0.75 * (0.75 - 2 / 3) + 0.25 * 0.6)
    assert calibration_error(np.eye(3), np.arange(3)) == 0
    assert calibration_error(np.eye(3), np.array([1, 2, 0])) == 1


@settings(max_examples=50)
@given(st.integers(2, 12), st.integers(1, 300), st.integers(0, 2**31))
def test_the_calibration_error_is_that_of_guos_code(classes: int, images: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes) / 2, images).astype(np.float32)
    labels = rng.integers(0, classes, images)
    confidence, right = probabilities.max(axis=1).astype(float), probabilities.argmax(axis=1) == labels
    edges, expected = np.linspace(0, 1, 16), 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += abs(confidence[inside].mean() - right[inside].mean()) * inside.mean()
    found = score(probabilities, labels, [f"{i}" for i in range(classes)], "test").calibration_error
    assert found == pytest.approx(expected, abs=1e-12)


def test_names_and_labels_must_fit_the_network(
    tiny_model: Callable[..., Any], brightness: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = brightness
    with pytest.raises(TrainingError, match="tells 4 classes apart and 3 class names were given"):
        evaluate(tiny_model(), images, labels, ("a", "b", "c"), "test")
    with pytest.raises(TrainingError, match="the test labels go from 0 to 3 and the network tells 2 classes apart"):
        evaluate(tiny_model(classes=2), images, labels, ("a", "b"), "test")
