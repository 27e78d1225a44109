"""McNemar's test and Tango's interval, against published figures, closed forms and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archscope.runs.mean import mean_of, mean_share, t_95
from archscope.runs.paired import Z_95, mcnemar, paired, paired_counts, tango_interval

counts = st.integers(0, 300)


def test_a_published_example() -> None:
    """Fagerland, Lydersen and Laake (2014, Statistics in Medicine 33), airway hyper-responsiveness before and after
    stem cell transplantation: 1 and 7 discordant of 21 pairs; exact McNemar 0.0703, Tango's interval -0.517 to -0.026.
    """
    found = paired_counts(1, 7, 21)
    assert found.p == 2 * (1 + 8) / 2**8
    assert (round(found.low, 3), round(found.high, 3)) == (-0.517, -0.026)
    assert found.difference == -6 / 21
    assert not found.told_apart


@pytest.mark.parametrize("images", [1, 10, 10_000])
def test_without_a_discordant_image_the_interval_has_a_closed_form(images: int) -> None:
    """By hand: with no discordant image the score at d > 0 is -n d / sqrt(n d (1 - d)), so d = z^2 / (n + z^2)."""
    edge = Z_95**2 / (images + Z_95**2)
    assert tango_interval(0, 0, images) == pytest.approx((-edge, edge), abs=1e-12)
    assert mcnemar(0, 0) == 1


def test_where_every_image_is_discordant_one_way_the_interval_ends_at_one() -> None:
    low, high = tango_interval(12, 0, 12)
    assert high == 1
    assert 0 < low < 1


@settings(max_examples=200)
@given(counts, counts)
def test_the_p_value_is_the_binomial_tests(only_a: int, only_b: int) -> None:
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=200)
@given(counts, counts, counts)
def test_the_interval_holds_the_difference_and_turns_with_its_sign(only_a: int, only_b: int, rest: int) -> None:
    images = only_a + only_b + rest + 1
    low, high = tango_interval(only_a, only_b, images)
    assert -1 <= low <= (only_a - only_b) / images <= high <= 1
    assert tango_interval(only_b, only_a, images) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize(("only_a", "only_b", "images"), [(512, 322, 10_000), (30, 40, 250), (2, 9, 60)])
def test_at_its_edges_the_likelihood_under_the_constraint_gives_the_score_z(
    only_a: int, only_b: int, images: int
) -> None:
    """The nuisance parameter by brute force instead of Tango's root: the edges must still be at z."""
    concordant = images - only_a - only_b
    for edge in tango_interval(only_a, only_b, images):
        share_b = np.linspace(max(0.0, -edge), (1 - edge) / 2, 2_000_001)[1:-1]
        likelihood = only_a * np.log(share_b + edge) + only_b * np.log(share_b)
        likelihood += concordant * np.log(1 - 2 * share_b - edge)
        best = share_b[likelihood.argmax()]
        score = (only_a - only_b - images * edge) / math.sqrt(images * (2 * best + edge * (1 - edge)))
        assert abs(score) == pytest.approx(Z_95, rel=1e-4)


def test_many_discordant_images_underflow_to_a_small_p_and_not_to_an_error() -> None:
    assert mcnemar(10_000, 0) == 0.0
    assert 0 < mcnemar(5_000, 4_000) < 1e-20


def test_hits_are_counted_image_by_image() -> None:
    a = np.array([1, 1, 1, 0, 0, 1], bool)
    b = np.array([1, 0, 0, 1, 0, 1], bool)
    found = paired(a, b)
    assert (found.only_a, found.only_b, found.images) == (2, 1, 6)
    assert found.difference == pytest.approx(1 / 6)


def test_students_t_is_scipys() -> None:
    for freedom in [*range(1, 40), 99, 1000]:
        assert t_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-10)


def test_a_mean_by_hand() -> None:
    found = mean_of([1.0, 2.0, 3.0])
    assert (found.mean, found.low, found.high) == pytest.approx(
        (2, 2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), rel=1e-5
    )
    assert mean_of([0.7]).low is None
    wide = mean_share([0.8, 0.83])
    assert (wide.low, wide.high) == (pytest.approx(0.815 - 12.7062 * 0.015, rel=1e-5), 1.0)
    assert mean_share([0.0, 0.01]).low == 0.0
    assert mean_share([0.7]) == mean_of([0.7])
