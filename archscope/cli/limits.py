"""The options that limit what a network may cost, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from archscope.budget import parse_budget, read_limits
from archscope.design import FILE_NAME
from archscope.toml import read_text


def _limit(flag: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, show_default=False, rich_help_panel="Limits")


MaxParams = Annotated[str | None, _limit("--max-params", "Most parameters, such as 600k.", "N")]
MaxTrainable = Annotated[str | None, _limit("--max-trainable-params", "Most trainable parameters.", "N")]
MaxMacs = Annotated[str | None, _limit("--max-macs", "Most multiply-accumulates an image, such as 30M.", "N")]
MaxWeights = Annotated[str | None, _limit("--max-weights", "Most weight memory, such as 2.5MiB.", "SIZE")]
MaxPeakRam = Annotated[str | None, _limit("--max-peak-ram", "Most peak activation memory, such as 256KiB.", "SIZE")]
LimitDtype = Annotated[str | None, _limit("--dtype", "What the two are held in: float32, float16, int8.", "TYPE")]
MinMap = Annotated[str | None, _limit("--min-map", "Least side of the final map.", "N")]
NoCollapse = Annotated[bool, _limit("--no-collapse", "The map must not collapse to 1x1.")]
NoDeadTaps = Annotated[bool, _limit("--no-dead-taps", "No kernel tap may be dead.")]


def given_limits(**values: str | bool | None) -> dict[str, Any]:
    """What the options say, by names in `Limits`; those not given are left out. Raises DesignError."""
    return read_limits({key: value or None for key, value in values.items()}, lambda key: "--" + key.replace("_", "-"))


def own_limits(model: str | None) -> tuple[Mapping[str, Any], Path]:
    """The [budget] of the design's own file, and its path: this folder's archscope.toml, or the TOML file that `model`
    is. Empty where there is none; a network by name or spec has none."""
    path = Path(model or FILE_NAME)
    text = read_text(path) if path.suffix == ".toml" else None
    return (parse_budget(text, path) if text is not None else None) or {}, path


def limits_source(read: Mapping[str, Any], path: Path, given: Mapping[str, Any]) -> str:
    """Where the limits came from, in words."""
    return " and ".join([*([f"[budget] of {path}"] if read else []), *(["options"] if given else [])])
