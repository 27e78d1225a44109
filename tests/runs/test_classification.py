from __future__ import annotations

from archscope.runs import ClassScore, Scores, classification_report


def test_the_report_by_hand() -> None:
    scores = Scores(
        split="test",
        images=6,
        accuracy=4 / 6,
        interval_low=0.3,
        interval_high=0.9,
        loss=1.0,
        per_class=(ClassScore("cat", 0.5, 1.0, 2 / 3, 2), ClassScore("dog", 1.0, 0.5, 2 / 3, 4)),
        confusion=((2, 0), (2, 2)),
    )
    assert classification_report(scores) == (
        "              precision    recall  f1-score   support\n"
        "\n"
        "         cat       0.50      1.00      0.67         2\n"
        "         dog       1.00      0.50      0.67         4\n"
        "\n"
        "    accuracy                           0.67         6\n"
        "   macro avg       0.75      0.75      0.67         6\n"
        "weighted avg       0.83      0.67      0.67         6\n"
    )
