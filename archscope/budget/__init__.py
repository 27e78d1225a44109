"""Limits and verdicts: what a network may cost, and whether it does."""

from archscope.budget.amounts import parse_count
from archscope.budget.verdict import NEAR, Verdict

__all__ = ["NEAR", "Verdict", "parse_count"]
