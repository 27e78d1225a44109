"""Counts as people write them: 600k, 30M, 572,066."""

from __future__ import annotations

import re
from decimal import Decimal

from archscope.errors import DesignError

_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_COUNT = re.compile(r"(\d{1,3}(?:[,_]\d{3})+|\d{1,18}(?:\.\d{1,18})?)([kmg]?)", re.IGNORECASE | re.ASCII)


def parse_count(text: str, name: str) -> int:
    """`600k` is 600,000, `1.5M` 1,500,000. Raises DesignError for what is no whole number of at least 1."""
    match = _COUNT.fullmatch(text.strip())
    value = Decimal(re.sub("[,_]", "", match[1])) * _SCALES[match[2].lower()] if match else Decimal(0)
    if value < 1 or value != int(value):
        raise DesignError(f"{name} {text!r} is no count of at least 1", "write 600000, 600,000, 600k or 0.6M")
    return int(value)
