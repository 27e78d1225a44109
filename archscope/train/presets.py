"""Named recipes: TOML files that come with archscope, and the same form for a person's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from archscope.errors import TrainingError, did_you_mean
from archscope.toml import read_text, toml_table
from archscope.train.recipe import RULES, check_knob

PRESETS = ("study", "fast", "strong")
TABLE = "recipe"


def load_preset(name: str) -> dict[str, Any]:
    """The knobs that a recipe sets: one of PRESETS, or a path to a TOML file with a table [recipe].

    Raises TrainingError for a name that is neither, a knob that there is not, or a value that it cannot have.
    """
    path = Path(name)
    if name in PRESETS:
        text: str | None = files("archscope.train").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    else:
        text = read_text(path) if path.suffix == ".toml" else None
    if text is None:
        known = f"known: {', '.join(PRESETS)}; or name a .toml file"
        raise TrainingError(f"there is no recipe {name!r}", did_you_mean(name, PRESETS, known))
    table = toml_table(text, path, TABLE)
    if table is None:
        raise TrainingError(f"{name} has no table [{TABLE}]", f"write [{TABLE}] and the knobs below it")
    for knob in table:
        if knob not in RULES:
            known = f"known: {', '.join(RULES)}"
            raise TrainingError(f"{name}: there is no knob {knob!r}", did_you_mean(knob, RULES, known))
    # Each by itself: what two knobs must be to each other, options may still bring about.
    for knob, value in table.items():
        try:
            check_knob(knob, value)
        except TrainingError as error:
            raise TrainingError(f"{name}: {error.message}", "correct it there") from error
    return table
