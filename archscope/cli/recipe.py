"""From options to a recipe."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from archscope.train import OPTIMIZER_DEFAULTS, PRESETS, Recipe, load_preset

DEFAULT = Recipe()
DISTILL = 0.9  # with a teacher, where nothing else is said; Hinton et al. weigh the labels "considerably lower"
# 1,437 images are few steps an epoch: smaller batches, statistics that follow; and a mirrored digit is none.
_DIGITS: dict[str, object] = {"flip": "none", "batch_size": 32, "bn_momentum": 0.9, "learning_rate": 0.05}

Preset = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar=f"{'|'.join(PRESETS)}|FILE",
        help="A recipe by name, or a TOML file with a table `recipe`; the options below change it.",
        show_default=False,
        rich_help_panel="Recipe",
    ),
]


def knob(name: str, metavar: str, help: str = "", short: str = "") -> Any:
    """The option of a recipe's knob; its default is the recipe's."""
    by_optimizer = [f"{defaults[name]:g} ({key})" for key, defaults in OPTIMIZER_DEFAULTS.items() if name in defaults]
    default = ", ".join(by_optimizer) or str(getattr(DEFAULT, name))
    if name in _DIGITS:
        default += f"; digits: {_DIGITS[name]}"
    flags = [f"--{name.replace('_', '-')}", *([short] if short else [])]
    return typer.Option(*flags, metavar=metavar, help=help, show_default=default, rich_help_panel="Recipe")


def recipe_for(data: str | None, preset: str | None = None, taught: bool = False, **given: object) -> Recipe:
    """What was given, then what the preset says, then what suits the data, then the common defaults.

    `taught`: there is a teacher, and it is listened to.
    """
    named = load_preset(preset) if preset is not None else {}
    if given.get("optimizer") not in (None, named.get("optimizer", DEFAULT.optimizer)):
        # A rate is its optimizer's: another one has its own.
        named = {name: value for name, value in named.items() if name not in OPTIMIZER_DEFAULTS[DEFAULT.optimizer]}
    asked = {**named, **{name: value for name, value in given.items() if value is not None}}
    suited = dict(_DIGITS) if data == "digits" else {}
    if taught:
        suited["distill"] = DISTILL
    if asked.get("optimizer") not in (None, DEFAULT.optimizer):
        # The rate suits the default optimizer; another one has its own.
        suited.pop("learning_rate", None)
    if data == "digits" and preset in PRESETS and given.get("flip") is None:
        asked["flip"] = _DIGITS["flip"]  # archscope's own presets are for photographs
    return Recipe.choose(**{**suited, **asked})
