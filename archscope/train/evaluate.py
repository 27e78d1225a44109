"""Scoring a network's answers: accuracy with its interval, cross-entropy, per-class figures, confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope.errors import TrainingError
from archscope.runs import ClassScore, Scores
from archscope.train.checks import check_split
from archscope.train.step import Predictor

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

Z_95 = 1.959963984540054  # the normal distribution's 97.5% point
SMALLEST_PROBABILITY = 1e-7


def evaluate(
    model: keras.Model,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    class_names: Sequence[str],
    split: str,
) -> Scores:
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
    return score(Predictor(model)(images), labels, class_names, split)


def score(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer], class_names: Sequence[str], split: str
) -> Scores:
    """Scores of class probabilities (n, classes) against labels (n,). A ratio with denominator zero is 0."""
    import numpy as np

    classes = len(class_names)
    pairs = labels.astype(np.int64) * classes + probabilities.argmax(axis=-1)
    confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    hits, called, support = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    low, high = wilson_interval(int(hits.sum()), len(labels))
    per_class = tuple(
        ClassScore(
            name=name,
            precision=_ratio(hits[i], called[i]),
            recall=_ratio(hits[i], support[i]),
            f1=_ratio(2 * hits[i], called[i] + support[i]),
            support=int(support[i]),
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
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def accuracy(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> float:
    """The fraction of rows of `probabilities` whose largest entry is the label's."""
    return int((probabilities.argmax(axis=-1) == labels).sum()) / len(labels)


def cross_entropy(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> float:
    """Mean of -log p(label), in nats; p is kept above 1e-7, as Keras does, so that no single image decides the mean."""
    import numpy as np

    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).mean())


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """The 95% score interval of a proportion (Wilson 1927): within [0, 1] and sound near both ends."""
    p, z2 = hits / trials, Z_95 * Z_95
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def _ratio(numerator: int, denominator: int) -> float:
    return int(numerator) / int(denominator) if denominator else 0.0
