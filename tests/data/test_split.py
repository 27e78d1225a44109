from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.data import stratified_split, stratified_subset
from archscope.errors import DataError

_LABELS = st.lists(st.integers(0, 9), min_size=20, max_size=200).map(np.array)
_SEEDS = st.integers(0, 2**32)


@settings(deadline=None)
@given(_LABELS, st.integers(20, 80), _SEEDS)
def test_split_is_a_sorted_partition_with_the_documented_counts(labels: np.ndarray, percent: int, seed: int) -> None:
    counts = np.bincount(labels, minlength=10)
    expected = [max(0, min((percent * n * 2 + 100) // 200, n - 1)) for n in counts.tolist()]
    if not sum(expected):
        return
    train, validation = stratified_split(labels, percent / 100, seed)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert np.bincount(labels[validation], minlength=10).tolist() == expected
    again = stratified_split(labels, percent / 100, seed)
    assert all((a == b).all() for a, b in zip((train, validation), again, strict=True))


def test_the_fraction_is_the_decimal_that_is_written() -> None:
    # 0.35 * 10 is 3.5 and rounds up to 4, although the nearest double to 0.35 lies below it.
    assert Fraction(0.35) < Fraction(35, 100)
    assert len(stratified_split(np.zeros(10, dtype=int), 0.35, 0)[1]) == 4


def test_a_seed_means_this_split_for_good() -> None:
    labels = np.arange(20) % 2
    # By hand: the two smallest of PCG64(7)'s keys in each class.
    keys = np.random.PCG64(7).random_raw(20).tolist()
    by_hand = sorted(
        sorted(range(0, 20, 2), key=keys.__getitem__)[:2] + sorted(range(1, 20, 2), key=keys.__getitem__)[:2]
    )
    assert stratified_split(labels, 0.2, 7)[1].tolist() == by_hand == [3, 6, 11, 12]


def test_another_seed_is_another_split() -> None:
    labels = np.arange(1000) % 10
    first, second = (stratified_split(labels, 0.2, seed)[1].tolist() for seed in (0, 1))
    assert len(first) == len(second) == 200
    assert first != second


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 1.5, float("nan"), float("inf")])
def test_fraction_outside_0_to_1(fraction: float) -> None:
    with pytest.raises(DataError, match=r"is not between 0 and 1; 0.2 is usual"):
        stratified_split(np.arange(10), fraction, 0)


def test_no_validation_image_left() -> None:
    with pytest.raises(DataError, match=r"validation fraction 0.2 of 10 images leaves no validation image"):
        stratified_split(np.arange(10), 0.2, 0)


def test_negative_seed() -> None:
    with pytest.raises(DataError, match="seed -1 is negative"):
        stratified_split(np.zeros(10, dtype=int), 0.2, -1)


@given(_LABELS, st.data(), _SEEDS)
def test_a_subset_has_the_count_asked_for_and_each_class_its_share(
    labels: np.ndarray, data: st.DataObject, seed: int
) -> None:
    count = data.draw(st.integers(1, len(labels)))
    chosen = stratified_subset(labels, count, seed)
    assert len(chosen) == count
    assert (np.diff(chosen) > 0).all()
    assert chosen.min() >= 0
    assert chosen.max() < len(labels)
    shares = np.bincount(labels, minlength=10) * count / len(labels)
    assert (np.abs(np.bincount(labels[chosen], minlength=10) - shares) < 1).all()
    assert (chosen == stratified_subset(labels, count, seed)).all()


def test_another_seed_takes_other_images() -> None:
    labels = np.arange(1000) % 10
    assert (stratified_subset(labels, 100, 0) != stratified_subset(labels, 100, 1)).any()


@pytest.mark.parametrize("count", [0, -1, 21])
def test_more_images_than_there_are_cannot_be_taken(count: int) -> None:
    with pytest.raises(DataError, match=f"{count} of 20 training images cannot be taken"):
        stratified_subset(np.arange(20) % 2, count, 0)
