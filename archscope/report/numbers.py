"""Numbers as people read them, one spelling for each kind."""

from __future__ import annotations

from collections.abc import Sequence


def si(value: int) -> str:
    """`6.12M`, `572k`, `940`: three digits and a decimal prefix."""
    scaled, prefix = float(value), ""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if abs(scaled) < 999.5 or prefix == "P":
            break
        scaled /= 1000
    digits = 0 if not prefix or abs(scaled) >= 99.95 else 1 if abs(scaled) >= 9.995 else 2
    return f"{scaled:.{digits}f}{prefix}"


def keras_size(params: int) -> str:
    """Size of float32 parameters as Keras' summary prints it: 4 bytes each, powers of 1024 called KB, MB, GB."""
    size = 4.0 * params
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def share(part: int, whole: int) -> str:
    """`72.5%`; of nothing there is no share."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`: the first `most` names, and how many there are besides."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def map_text(height_width: tuple[int, ...]) -> str:
    """`2x2`; `-` for what is no map."""
    return "x".join(map(str, height_width[:2])) if len(height_width) >= 2 else "-"
