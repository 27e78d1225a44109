"""Markdown in which no text can become markup by mistake."""

from __future__ import annotations

import re


def md_table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table of cells that are Markdown already: the first column left, the others right-aligned."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def md_text(value: str) -> str:
    """`value` as one line of text with no Markdown or HTML meaning."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(value.split()))


def md_code(value: str) -> str:
    """`value` as a code span that nothing inside can end, inside a table too, where GitHub wants a pipe escaped."""
    line = " ".join(value.split()).replace("|", "\\|")
    ticks = "`" * (1 + _longest_ticks(line))
    return f"{ticks} {line} {ticks}" if len(ticks) > 1 else f"`{line}`"


def md_fence(value: str) -> str:
    """`value` as a block of shell commands; a fence longer than any run of backticks inside cannot be closed there."""
    fence = "`" * max(3, 1 + _longest_ticks(value))
    return f"{fence}sh\n{value}\n{fence}"


def _longest_ticks(value: str) -> int:
    return max((len(found) for found in re.findall("`+", value)), default=0)
