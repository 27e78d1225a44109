from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.report.sparkline import ASCII_BARS, BARS, sparkline

numbers = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 9, ""),
        ([0.5], 9, "▁"),
        ([0.5, 0.5], 9, "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, BARS),
        ([7, 0], 8, "█▁"),
        ([0, 2, 4, 6, 13, 15], 3, "▁▃█"),  # means 1, 5, 14
    ],
)
def test_known_lines(values: list[float], width: int, line: str) -> None:
    assert sparkline(values, width) == line


@given(st.lists(numbers, max_size=60), st.integers(1, 30))
def test_it_fits_and_keeps_the_order(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(len(values), width)
    if len(values) <= width:
        heights = [BARS.index(bar) for bar in line]
        for a, x in zip(values, heights, strict=True):
            for b, y in zip(values, heights, strict=True):
                assert x <= y or a > b
    assert sparkline(values, width, ascii_only=True).translate(str.maketrans(ASCII_BARS, BARS)) == line
