"""A curve in one line of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-=+*%#"


def sparkline(values: Sequence[float], width: int, ascii_only: bool = False) -> str:
    """`values` from left to right, the smallest the lowest bar, the largest the highest; equal ones all the lowest.

    More values than `width` share bars: each bar is the mean of its equal part of them.
    """
    bars = ASCII_BARS if ascii_only else BARS
    shown = _means(values, width) if len(values) > width else list(values)
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((value - low) * scale)] for value in shown)


def _means(values: Sequence[float], parts: int) -> list[float]:
    edges = [round(part * len(values) / parts) for part in range(parts + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
