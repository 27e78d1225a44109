"""Scoring a network's answers: accuracy with its interval, cross-entropy, calibration, per class, confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archscope.errors import TrainingError
from archscope.runs import ClassScore, Predictions, Scores, confusion
from archscope.runs.paired import Z_95
from archscope.train.checks import check_split
from archscope.train.forward import SMALLEST_PROBABILITY
from archscope.train.step import Predictor

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """`scores` and the answers that they count; `flip_tta` is the same split under flip test-time averaging, or None.

    Flip averaging: the mean of the probabilities of each image and its mirror. It costs two forward passes, so it
    stands beside the plain figure and never for it.
    """

    scores: Scores
    predictions: Predictions
    flip_tta: Scores | None = None


def evaluate(
    model: keras.Model,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    class_names: Sequence[str],
    split: str,
    flip_tta: bool = False,
) -> Evaluation:
    """Score `model` (raw pixels in, softmax out) on uint8 images (n, height, width, channels) and labels (n,).

    Raises TrainingError where the split does not fit the network, or the names its classes.
    """
    check_split(model, images, labels, split)
    classes = model.output_shape[-1]
    if len(class_names) != classes:
        raise TrainingError(
            f"the network tells {classes} classes apart and {len(class_names)} class names were given",
            "give one name per class",
        )
    predict = Predictor(model)
    probabilities = predict(images)
    mirrored = _flip_mean(predict, images, probabilities) if flip_tta else None
    return Evaluation(
        score(probabilities, labels, class_names, split),
        Predictions(labels, probabilities.argmax(axis=-1)),
        None if mirrored is None else score(mirrored, labels, class_names, split),
    )


def score(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer], class_names: Sequence[str], split: str
) -> Scores:
    """Scores of class probabilities (n, classes) against labels (n,). A ratio with denominator zero is 0."""
    counts = confusion(labels, probabilities.argmax(axis=-1), len(class_names))
    hits, support = [row[i] for i, row in enumerate(counts)], [sum(row) for row in counts]
    called = [sum(column) for column in zip(*counts, strict=True)]
    low, high = wilson_interval(sum(hits), len(labels))
    per_class = tuple(
        ClassScore(
            name=name,
            precision=_ratio(hits[i], called[i]),
            recall=_ratio(hits[i], support[i]),
            f1=_ratio(2 * hits[i], called[i] + support[i]),
            support=support[i],
        )
        for i, name in enumerate(class_names)
    )
    return Scores(
        split=split,
        images=len(labels),
        accuracy=accuracy(probabilities, labels),
        interval_low=low,
        interval_high=high,
        loss=cross_entropy(probabilities, labels),
        per_class=per_class,
        confusion=counts,
        calibration_error=calibration_error(probabilities, labels),
    )


def accuracy(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> float:
    """The fraction of rows of `probabilities` whose largest entry is the label's."""
    return int((probabilities.argmax(axis=-1) == labels).sum()) / len(labels)


def cross_entropy(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> float:
    """Mean of -log p(label), in nats; p is kept above 1e-7, as Keras does, so that no single image decides the mean."""
    import numpy as np

    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).mean())


def calibration_error(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> float:
    """Expected calibration error: the mean of |accuracy - confidence| over 15 bins of equal width, each bin weighted
    by its images; the confidence is the largest probability (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"). Bin m holds the confidences in (m / 15, (m + 1) / 15].
    """
    import numpy as np

    confidence = probabilities.max(axis=-1).astype(np.float64)
    right = probabilities.argmax(axis=-1) == labels
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.searchsorted(edges[1:-1], confidence, side="left")
    gaps = np.bincount(bins, right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """The 95% score interval of a proportion (Wilson 1927): within [0, 1] and sound near both ends."""
    p, z2 = hits / trials, Z_95 * Z_95
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0


def _flip_mean(
    predict: Predictor, images: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The mean of the probabilities of `images` and of their mirror images, left and right exchanged."""
    import numpy as np

    mirrored = predict(images[:, :, ::-1])
    return ((probabilities + mirrored) / 2).astype(np.float32)
