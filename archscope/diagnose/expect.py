"""What a change of the map lets one expect of the accuracy, said before training; and whether training bore it out.

The one figure that the forecast rests on: the MACs that are spent on maps above 1x1. Where an edit multiplies them,
more of the image reaches the layers, and the accuracy should rise; where it takes away only what works on a 1x1 map,
or little else, nothing should be lost; where it divides them, accuracy should fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from archscope.analysis import final_map, share_on_1x1
from archscope.graph import Shape, Trace

FACTOR = 1.5
"""From this factor up, or this one down, the MACs above 1x1 count as changed."""

MARGIN = 0.01
"""One point of accuracy: less than that lost is called nothing lost."""


class Forecast(StrEnum):
    """What is expected of the accuracy."""

    better = "better"
    same = "same"
    worse = "worse"


class Outcome(StrEnum):
    """What became of a forecast."""

    held = "held"
    failed = "did not hold"
    open = "cannot tell"


@dataclass(frozen=True, slots=True)
class Expectation:
    """A forecast for a design against its reference, and the facts that it rests on (before: the reference's)."""

    forecast: Forecast
    map_macs_before: int
    map_macs_after: int
    final_map_before: Shape
    final_map_after: Shape


def expect(reference: Trace, trace: Trace) -> Expectation:
    """The forecast for `trace` against `reference`."""
    before, after = map_macs(reference), map_macs(trace)
    if after > before and after >= FACTOR * before:
        forecast = Forecast.better
    elif after < before and FACTOR * after <= before:
        forecast = Forecast.worse
    else:
        forecast = Forecast.same
    return Expectation(forecast, before, after, final_map(reference), final_map(trace))


def map_macs(trace: Trace) -> int:
    """The body's MACs in layers that read a map above 1x1."""
    share = share_on_1x1(trace)
    return share.body_macs - share.macs


def outcome(forecast: Forecast, low: float, high: float) -> Outcome:
    """Whether a measured difference (95% interval `low` to `high`, fractions) bears the forecast out.

    It holds where the whole interval does (better: above zero; same: less than MARGIN lost; worse: below zero), has
    failed where no part of it does, and is open where the interval allows both.
    """
    if forecast is Forecast.better:
        held, failed = low > 0, high <= 0
    elif forecast is Forecast.same:
        held, failed = low > -MARGIN, high <= -MARGIN
    else:
        held, failed = high < 0, low >= 0
    return Outcome.held if held else Outcome.failed if failed else Outcome.open
