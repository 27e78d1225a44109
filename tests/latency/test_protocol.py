"""The protocol, with calls that cost nothing and a clock that can be told the time."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.latency import protocol
from archscope.latency.protocol import MIN_RUNS, WARMUP_CALLS, image_pool, percentile, time_calls


def test_percentile_is_nearest_rank() -> None:
    # The textbook example: ranks ceil(0.05*5)=1, ceil(0.3*5)=2, ceil(0.4*5)=2, ceil(0.5*5)=3, 5.
    ordered = [15, 20, 35, 40, 50]
    assert [percentile(ordered, percent) for percent in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7], 99) == 7


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.sampled_from([50, 90, 99]))
def test_percentile_agrees_with_numpy(values: list[float], percent: int) -> None:
    ordered = sorted(values)
    assert percentile(ordered, percent) == np.percentile(ordered, percent, method="inverted_cdf")


def test_images_are_random_distinct_and_bounded_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    images = image_pool((4, 6, 3), 50)
    assert images.shape == (50, 1, 4, 6, 3)
    assert images.dtype == np.float32
    assert 0 <= images.min() < 10 < 245 < images.max() < 255
    assert len(np.unique(images.reshape(50, -1), axis=0)) == 50
    monkeypatch.setattr(protocol, "MAX_POOL_BYTES", 4 * 72 * 7)
    assert len(image_pool((4, 6, 3), 50)) == 7
    assert len(image_pool((400, 600, 3), 50)) == 1


class Clock:
    """Time passes only in `call`: 10 ms a warm-up call and 1, 2, 3 ... ms from then on."""

    def __init__(self, warmup: int) -> None:
        self.now, self.seen, self.collected = 0, [], []
        self.costs = self._costs(warmup)

    @staticmethod
    def _costs(warmup: int) -> Iterator[int]:
        yield from [10_000_000] * warmup
        step = 0
        while True:
            step += 1
            yield step * 1_000_000

    def call(self, image: np.ndarray) -> None:
        self.seen.append(image)
        self.collected.append(gc.isenabled())
        self.now += next(self.costs)


def install(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now / 1e9)
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock.now)


def test_the_figures_are_those_of_the_timed_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(warmup=50)  # 0.5 s at 10 ms
    install(clock, monkeypatch)
    images = image_pool((2, 2, 1), 100)
    record = time_calls(clock.call, images, runtime="fake", threads=3, runs=100, seconds=1000)
    assert (record.runtime, record.threads, record.warmup, record.runs) == ("fake", 3, 50, 100)
    assert (record.median_ms, record.p90_ms, record.p99_ms) == (50, 90, 99)
    # Warm-up with collection as it was, timing without; each timed call had an image of its own.
    assert clock.collected == [True] * 50 + [False] * 100
    assert gc.isenabled()
    assert len({image.tobytes() for image in clock.seen[50:]}) == 100


def test_slow_calls_stop_at_the_time_limit_but_never_below_the_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, runs in ((0.001, MIN_RUNS), (1.0, 45)):  # 1 + 2 + ... + 45 = 1035 ms, the first sum past 1 s
        clock = Clock(warmup=50)
        install(clock, monkeypatch)
        record = time_calls(clock.call, image_pool((2, 2, 1), 5), runtime="x", threads=1, runs=1000, seconds=seconds)
        assert record.runs == runs


def test_at_least_ten_warm_up_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(warmup=0)
    clock.costs = iter([10**9] * 100)
    install(clock, monkeypatch)
    record = time_calls(clock.call, image_pool((2, 2, 1), 5), runtime="x", threads=1, runs=1, seconds=1)
    assert (record.warmup, record.runs) == (WARMUP_CALLS, 1)


def test_collection_is_restored_after_an_error_and_left_off_where_it_was_off() -> None:
    def fail(image: np.ndarray) -> None:
        if not gc.isenabled():
            raise MemoryError

    images = image_pool((2, 2, 1), 5)
    with pytest.raises(MemoryError):
        time_calls(fail, images, runtime="x", threads=1, runs=5, seconds=1)
    assert gc.isenabled()
    gc.disable()
    try:
        time_calls(lambda image: None, images, runtime="x", threads=1, runs=5, seconds=1)
        assert not gc.isenabled()
    finally:
        gc.enable()
