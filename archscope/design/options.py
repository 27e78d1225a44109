"""What the readers of edits share: which options there are, and whole numbers."""

from __future__ import annotations

from collections.abc import Mapping

from archscope.errors import DesignError, did_you_mean


def only(edit: str, options: Mapping[str, str], *known: str) -> None:
    """Raises DesignError for an option that the edit does not have."""
    for key in options:
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise DesignError(f"{edit} has no option {key!r}", did_you_mean(key, known, takes))


def whole(edit: str, rule: str, text: str) -> int:
    """The number, at least 1, that the text spells. Raises DesignError, with the rule."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise DesignError(f"{text!r} is not {rule}", "for example 1000" if edit == "head" else "for example 1")
    return int(text)
