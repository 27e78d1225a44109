"""How well scores order networks: rank correlation with what training made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from archscope.errors import RunError
from archscope.runs.paired import Z_95

FEWEST = 4
"""Of fewer networks an interval says nothing."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation of `networks` pairs, with its 95% interval; None where it has none.

    `value` is None where one side is constant, or a score is no number, so that there is no order to compare.
    """

    networks: int
    value: float | None
    low: float | None
    high: float | None


def check_count(networks: int) -> None:
    """Raise RunError for too few networks to speak of an order."""
    if networks < FEWEST:
        raise RunError(
            f"{networks} trained network{'' if networks == 1 else 's'} cannot show an order",
            f"name finished runs of at least {FEWEST} networks (several runs of one network count once)",
        )


def spearman(scores: Sequence[float], accuracies: Sequence[float]) -> Correlation:
    """Spearman's correlation, by SciPy; ties share their mean rank.

    The interval is Fisher's z with the standard error sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright 2000, "Sample
    size requirements for estimating Pearson, Kendall and Spearman correlations"); none at r = 1 or -1, where the
    transformation has no value.

    Raises RunError for fewer than four networks.
    """
    from scipy.stats import rankdata, spearmanr

    count = len(scores)
    check_count(count)
    if len(set(scores)) == 1 or len(set(accuracies)) == 1 or any(map(math.isnan, scores)):
        return Correlation(count, None, None, None)
    # Ranks first: a score may be -inf.
    value = float(spearmanr(rankdata(scores), rankdata(accuracies)).statistic)
    if abs(value) > 1 - 1e-12:
        return Correlation(count, math.copysign(1.0, value), None, None)
    reach = Z_95 * math.sqrt((1 + value**2 / 2) / (count - 3))
    centre = math.atanh(value)
    return Correlation(count, value, math.tanh(centre - reach), math.tanh(centre + reach))
