"""Counts as people write them, and verdicts at their edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.budget import Verdict, parse_count
from archscope.errors import DesignError
from archscope.report.budget import budget_line, budget_record, budget_style


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("600000", 600_000),
        ("600,000", 600_000),
        ("600_000", 600_000),
        ("600k", 600_000),
        ("600K", 600_000),
        (" 0.6M ", 600_000),
        ("1.5M", 1_500_000),
        ("2g", 2_000_000_000),
        ("1", 1),
        ("572,066", 572_066),
        ("1.000", 1),
    ],
)
def test_counts(text: str, count: int) -> None:
    assert parse_count(text, "--max-params") == count


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "k", "1.5", "0.0001k", "6,00,000", "1e6", "600 k", "600kb", "٦", "1,000.5k", "NaN", "9" * 99],
)
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(DesignError, match=r"is no count from 1 to 10\^18; write 600000, 600,000, 600k or 0.6M"):
        parse_count(text, "--max-params")


@given(st.integers(1, 10**15))
def test_a_count_reads_back_plain_and_with_separators(count: int) -> None:
    assert parse_count(str(count), "x") == parse_count(f"{count:,}", "x") == parse_count(f"{count:_}", "x") == count


@pytest.mark.parametrize(
    ("figure", "holds", "near", "style"),
    [
        (100, True, True, "yellow"),
        (95, True, True, "yellow"),
        (94, True, False, "green"),
        (101, False, False, "red"),
        (0, True, False, "green"),
    ],
)
def test_the_edges_of_a_limit_of_100(figure: int, holds: bool, near: bool, style: str) -> None:
    verdict = Verdict(figure, 100)
    assert (verdict.holds, verdict.near, budget_style(verdict)) == (holds, near, style)
    assert verdict.margin == 100 - figure


def test_the_line_says_by_how_much() -> None:
    near = budget_line(Verdict(572_066, 600_000))
    assert near == "! near the budget: 572,066 of 600,000 params (95.3%), 27,934 to spare"
    over = budget_line(Verdict(672_066, 600_000))
    assert over == "✗ over budget: 672,066 of 600,000 params (112.0%), over by 72,066"
    assert budget_line(Verdict(6, 600)).startswith("✓ within budget: 6 of 600 params (1.0%)")
    assert budget_record(Verdict(7, 6)) == {"params": 7, "max_params": 6, "holds": False, "margin": -1}
