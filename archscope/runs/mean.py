"""The mean of a few runs, and how far it is to be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

_HALVINGS = 80


@dataclass(frozen=True, slots=True)
class Mean:
    """`low` to `high`: the 95% interval of the mean, by Student's t; None for a single value, which has none."""

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of at least one value. The interval takes the values as draws from a normal distribution."""
    mean, count = fmean(values), len(values)
    if count < 2:
        return Mean(tuple(values), mean, None, None)
    half = t_95(count - 1) * stdev(values) / math.sqrt(count)
    return Mean(tuple(values), mean, mean - half, mean + half)


def mean_share(shares: Sequence[float]) -> Mean:
    """The same of shares, whose interval ends where shares do: at 0 and 1."""
    mean = mean_of(shares)
    if mean.low is None or mean.high is None:
        return mean
    return replace(mean, low=max(mean.low, 0.0), high=min(mean.high, 1.0))


def t_95(freedom: int) -> float:
    """The 97.5% point of Student's t with `freedom` >= 1 degrees of freedom: 12.71, 4.303, 3.182, ..."""
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _within(middle, freedom) < 0.95:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """P(|t| < sqrt(freedom) tan(angle)), a finite sum (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine * cosine * (k - 1) / k
    return (angle + sine * total) * 2 / math.pi if odd else sine * total
