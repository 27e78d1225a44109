"""The per-class table of a run, in the layout of scikit-learn's `classification_report`."""

from __future__ import annotations

from archscope.runs.record import ClassScore, Scores

COLUMNS = ("precision", "recall", "f1-score", "support")
LONGEST_SUMMARY = len("weighted avg")


def classification_report(scores: Scores) -> str:
    """Precision, recall, F1 and support of each class, then accuracy and the macro and weighted means.

    The same text as `sklearn.metrics.classification_report(..., zero_division=0)`, with two digits.
    """
    width = max(LONGEST_SUMMARY, *(len(row.name) for row in scores.per_class))
    head = " " * width + " " + "".join(f" {column:>9}" for column in COLUMNS)
    classes = [_row(width, row.name, (row.precision, row.recall, row.f1), row.support) for row in scores.per_class]
    accuracy = f"{'accuracy':>{width}} " + " " * 20 + f" {scores.accuracy:>9.2f} {scores.images:>9}"
    support = [row.support for row in scores.per_class]
    summary = [
        accuracy,
        _row(width, "macro avg", _means(scores.per_class, None), scores.images),
        _row(width, "weighted avg", _means(scores.per_class, support), scores.images),
    ]
    return "\n".join([head, "", *classes, "", *summary]) + "\n"


def _means(rows: tuple[ClassScore, ...], weights: list[int] | None) -> tuple[float, float, float]:
    # NumPy sums in scikit-learn's order, so a mean halfway between two printed numbers rounds as it does there.
    import numpy as np

    columns = ([row.precision for row in rows], [row.recall for row in rows], [row.f1 for row in rows])
    precision, recall, f1 = (float(np.average(column, weights=weights)) for column in columns)
    return precision, recall, f1


def _row(width: int, name: str, values: tuple[float, float, float], support: int) -> str:
    return f"{name:>{width}} " + "".join(f" {value:>9.2f}" for value in values) + f" {support:>9}"
