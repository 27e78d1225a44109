"""Amounts as people write them: counts (600k, 30M, 572,066) and sizes in bytes (256KiB, 2.5MiB, 1MB)."""

from __future__ import annotations

import re
from decimal import Decimal

from archscope.errors import DesignError

_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_NUMBER = r"(\d{1,3}(?:[,_]\d{3})+|\d{1,18}(?:\.\d{1,18})?)"
_COUNT = re.compile(_NUMBER + "([kmg]?)", re.IGNORECASE | re.ASCII)
_SIZE = re.compile(_NUMBER + " ?((?:[kmg]i?)?b)", re.IGNORECASE | re.ASCII)


def parse_count(text: str, name: str) -> int:
    """`600k` is 600,000, `1.5M` 1,500,000. Raises DesignError for what is no whole number from 1 to 10^18."""
    match = _COUNT.fullmatch(text.strip())
    value = _number(match) * _SCALES[match[2].lower()] if match else Decimal(0)
    if not 1 <= value <= 10**18 or value != int(value):
        raise DesignError(f"{name} {text!r} is no count from 1 to 10^18", "write 600000, 600,000, 600k or 0.6M")
    return int(value)


def parse_size(text: str, name: str) -> int:
    """Bytes: `256KiB` is 262,144, `256KB` 256,000; what is left of a byte is cut off.

    Raises DesignError for what has no unit of bytes, and for less than one byte.
    """
    match = _SIZE.fullmatch(text.strip())
    value = _number(match) * _BYTES[match[2].lower()] if match else Decimal(0)
    if value < 1:
        raise DesignError(
            f"{name} {text!r} is no size in bytes", "write 256KiB, 2.5MiB, 1GiB (powers of 1024), 256KB, 2.5MB or 800B"
        )
    return int(value)


def _number(match: re.Match[str]) -> Decimal:
    return Decimal(re.sub("[,_]", "", match[1]))
