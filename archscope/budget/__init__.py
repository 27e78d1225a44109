"""Limits and verdicts: what a network may cost, whether it does, and which blocks are to blame."""

from archscope.budget.amounts import parse_count, parse_size
from archscope.budget.judge import Judgement, Stretch, judge, stretch
from archscope.budget.limits import Limits, parse_budget, read_limits
from archscope.budget.verdict import NEAR, Verdict

__all__ = [
    "NEAR",
    "Judgement",
    "Limits",
    "Stretch",
    "Verdict",
    "judge",
    "parse_budget",
    "parse_count",
    "parse_size",
    "read_limits",
    "stretch",
]
