"""The rank correlation against hand-derived answers."""

from __future__ import annotations

import math

import pytest

from archscope.errors import RunError
from archscope.score.audit import spearman


def test_one_swap_among_five() -> None:
    """1 - 6 sum d^2 / (n (n^2 - 1)), with two places one apart: 1 - 6 * 2 / 120."""
    found = spearman([1, 2, 3, 5, 4], [0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.networks == 5
    assert found.value == pytest.approx(0.9)
    reach = 1.959964 * math.sqrt((1 + 0.81 / 2) / 2)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.9) - reach), rel=1e-5)
    assert found.high == pytest.approx(math.tanh(math.atanh(0.9) + reach), rel=1e-5)


def test_perfect_order_has_no_interval_and_minus_infinity_has_a_rank() -> None:
    found = spearman([-math.inf, 1, 2, 3], [0.1, 0.2, 0.3, 0.4])
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_what_is_constant_has_no_order() -> None:
    assert spearman([1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4]).value is None


def test_three_runs_are_too_few() -> None:
    with pytest.raises(RunError, match="3 trained networks cannot show an order; name finished runs of at least 4"):
        spearman([1, 2, 3], [1, 2, 3])
