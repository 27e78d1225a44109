"""How wide a layer becomes: the field's rule for widths that a multiplier makes."""

from __future__ import annotations


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, at least `divisor`, and never below 90% of `value`.

    Source: the MobileNetV2 reference implementation, as in keras.applications.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
