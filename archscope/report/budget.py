"""A budget verdict as a line, a colour and a record."""

from __future__ import annotations

from archscope.budget import Verdict
from archscope.report.network import CHECK, CROSS


def budget_line(verdict: Verdict) -> str:
    """`✓ 572,066 of 600,000 params (95.3%), 27,934 to spare`, `✗ ... over by 72,066`."""
    glyph = "!" if verdict.near else CHECK if verdict.holds else CROSS
    rest = f"{verdict.margin:,} to spare" if verdict.holds else f"over by {-verdict.margin:,}"
    word = "near the budget" if verdict.near else "within budget" if verdict.holds else "over budget"
    return f"{glyph} {word}: {verdict.figure:,} of {verdict.limit:,} params ({100 * verdict.share:.1f}%), {rest}"


def budget_style(verdict: Verdict) -> str:
    """Red over the limit, yellow near it; the glyph says the same."""
    return "yellow" if verdict.near else "green" if verdict.holds else "red"


def budget_record(verdict: Verdict) -> dict[str, object]:
    return {"params": verdict.figure, "max_params": verdict.limit, "holds": verdict.holds, "margin": verdict.margin}
