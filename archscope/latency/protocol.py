"""How one runtime's single-image latency is measured: the protocol, free of any runtime.

One image at a time, from a NumPy array [1, H, W, C] to a NumPy array of answers, each call timed by itself with
`time.perf_counter_ns`. Warm-up first (at least WARMUP_CALLS calls and WARMUP_SECONDS), so that caches, lazy
initialisation and the clock frequency settle; then timed calls until the wanted number or the time limit is reached.
Each call gets another random image, made beforehand. Garbage is collected before, not during, as `timeit` does.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from archscope.runs.record import LatencyRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WARMUP_CALLS = 10
WARMUP_SECONDS = 0.5
MIN_RUNS = 20
MAX_POOL_BYTES = 64 * 2**20


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value with at least `percent` % of all values at or below it.

    Always one of the measured values; never interpolated. `ordered` is ascending and not empty.
    """
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def image_pool(shape: tuple[int, int, int], count: int, seed: int = 0) -> NDArray[np.float32]:
    """[N, 1, H, W, C] random float32 images in [0, 255): `count`, or as many as MAX_POOL_BYTES holds, at least one."""
    import numpy as np

    fitting = MAX_POOL_BYTES // (4 * math.prod(shape))
    generator = np.random.default_rng(seed)
    return generator.random((max(1, min(count, fitting)), 1, *shape), dtype=np.float32) * np.float32(255)


def time_calls(
    call: Callable[[NDArray[np.float32]], object],
    images: NDArray[np.float32],
    *,
    runtime: str,
    threads: int,
    runs: int,
    seconds: float,
) -> LatencyRecord:
    """Time `call` on single images [1, H, W, C]: `runs` times, or until `seconds` are over but never under MIN_RUNS.

    `threads` is only written down: the caller has set it. Returns milliseconds per image.
    """
    warmup = 0
    start = time.perf_counter()
    while warmup < WARMUP_CALLS or time.perf_counter() - start < WARMUP_SECONDS:
        call(images[warmup % len(images)])
        warmup += 1

    nanoseconds: list[int] = []
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        limit = time.perf_counter() + seconds
        while len(nanoseconds) < runs and (len(nanoseconds) < MIN_RUNS or time.perf_counter() < limit):
            image = images[len(nanoseconds) % len(images)]
            begin = time.perf_counter_ns()
            call(image)
            nanoseconds.append(time.perf_counter_ns() - begin)
    finally:
        if collecting:
            gc.enable()

    ordered = [value / 1e6 for value in sorted(nanoseconds)]
    return LatencyRecord(
        runtime=runtime,
        threads=threads,
        warmup=warmup,
        runs=len(ordered),
        median_ms=percentile(ordered, 50),
        p90_ms=percentile(ordered, 90),
        p99_ms=percentile(ordered, 99),
    )
