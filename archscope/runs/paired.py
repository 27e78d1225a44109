"""Two networks on the same images: are they told apart? McNemar's test, and an interval for the difference.

The images on which both are right, or both wrong, say nothing; what counts are the discordant ones. The test and the
interval speak of these two trained networks on images like these, not of other seeds (Dietterich 1998, "Approximate
Statistical Tests for Comparing Supervised Classification Learning Algorithms").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Z_95 = 1.959963984540054  # the normal distribution's 97.5% point
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Paired:
    """`only_a`, `only_b`: images that A alone, B alone, gets right. `difference`: accuracy of A less that of B, with
    its 95% interval `low` to `high`. `p`: two-sided, exact."""

    images: int
    only_a: int
    only_b: int
    difference: float
    low: float
    high: float
    p: float

    @property
    def told_apart(self) -> bool:
        """Whether the test calls the two different at the 5% level."""
        return self.p < 0.05


def paired(hits_a: npt.NDArray[np.bool_], hits_b: npt.NDArray[np.bool_]) -> Paired:
    """Compare where A and where B is right, both (images,), of the same images in the same order."""
    return paired_counts(int((hits_a & ~hits_b).sum()), int((hits_b & ~hits_a).sum()), len(hits_a))


def paired_counts(only_a: int, only_b: int, images: int) -> Paired:
    """The comparison from its three counts; `images` is at least 1 and at least `only_a` + `only_b`."""
    low, high = tango_interval(only_a, only_b, images)
    return Paired(images, only_a, only_b, (only_a - only_b) / images, low, high, mcnemar(only_a, only_b))


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value: how likely so uneven a split of the discordant images is when each falls to either
    side with probability one half (a binomial sign test). 1 where there is none."""
    discordant = only_a + only_b
    ways, tail = 1, 0
    for k in range(min(only_a, only_b) + 1):
        tail += ways
        ways = ways * (discordant - k) // (k + 1)
    p: float = 2 * tail / (1 << discordant)
    return min(1.0, p)


def tango_interval(only_a: int, only_b: int, images: int) -> tuple[float, float]:
    """The 95% score interval of the difference of two paired proportions (Tango 1998, Statistics in Medicine 17).

    It holds the differences that the score test does not reject: sound for few discordant images, and within [-1, 1].
    """
    observed = (only_a - only_b) / images
    return (
        _edge(only_a, only_b, images, observed, -1.0),
        _edge(only_a, only_b, images, observed, 1.0),
    )


def _edge(only_a: int, only_b: int, images: int, inner: float, outer: float) -> float:
    """The difference between `inner`, which the test accepts, and `outer` at which it begins to reject."""
    if abs(_score(only_a, only_b, images, outer)) < Z_95:
        return outer
    for _ in range(_HALVINGS):
        middle = (inner + outer) / 2
        if abs(_score(only_a, only_b, images, middle)) < Z_95:
            inner = middle
        else:
            outer = middle
    return inner


def _score(only_a: int, only_b: int, images: int, difference: float) -> float:
    """Tango's statistic for a true difference: its numerator over the standard error under that hypothesis, where the
    probability of the images that B alone gets has its maximum-likelihood value."""
    a, b, n = only_a, only_b, images
    linear = (2 * n - a + b) * difference - a - b
    root = linear * linear + 8 * n * b * difference * (1 - difference)
    only_b_share = (math.sqrt(max(root, 0.0)) - linear) / (4 * n)
    variance = n * (2 * only_b_share + difference * (1 - difference))
    above = a - b - n * difference
    if variance <= 0:
        return 0.0 if above == 0 else math.copysign(math.inf, above)
    return above / math.sqrt(variance)
