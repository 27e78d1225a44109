"""Forecasts from the map alone, and what becomes of them."""

from __future__ import annotations

import pytest

from archscope.design import build, parse_spec
from archscope.diagnose.expect import Forecast, Outcome, expect, map_macs, outcome
from archscope.graph import Trace, verify


def trace(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


@pytest.mark.parametrize(
    ("base", "edits", "forecast"),
    [
        ("mobilenet_v2@32", "", Forecast.same),
        ("mobilenet_v2@32", "+cut:block_12_add+head:1000", Forecast.same),
        ("mobilenet_v2@32", "+cut:block_5_add", Forecast.worse),
        ("mobilenet_v2@32", "+stride:block_13,to=1", Forecast.better),
        ("mobilenet_v2@32", "+stride:Conv1,to=1", Forecast.better),
        ("mobilenet_v2@32", "+stride:Conv1,to=1+stride:block_1,to=1", Forecast.better),
        ("mobilenet_v2@32", "+upsample:2,by=transpose", Forecast.better),
        ("mobilenet_v1@32", "+cut:conv_pw_11_relu+head:1000", Forecast.same),
        ("mobilenet_v1@32", "+stride:conv1,to=1", Forecast.better),
        ("mobilenet_v2@1", "", Forecast.same),
    ],
)
def test_the_forecasts_of_the_studys_designs(base: str, edits: str, forecast: Forecast) -> None:
    assert expect(trace(base), trace(base + edits)).forecast is forecast


def test_half_the_width_is_a_loss() -> None:
    assert expect(trace("mobilenet_v2@32"), trace("mobilenet_v2@32,alpha=0.5")).forecast is Forecast.worse


def test_the_macs_above_1x1_by_hand() -> None:
    # README's table: 6,112,128 in the body, of which 1,602,880 read a 1x1 map.
    found = expect(trace("mobilenet_v2@32"), trace("mobilenet_v2@32+cut:block_12_add"))
    assert found.map_macs_before == map_macs(trace("mobilenet_v2@32")) == 6_112_128 - 1_602_880
    # The cut loses block_13's expansion and depthwise conv, which read the last 2x2 map.
    assert found.map_macs_before - found.map_macs_after == 4 * 96 * 576 + 9 * 576
    assert (found.final_map_before, found.final_map_after) == ((1, 1, 1280), (2, 2, 96))


@pytest.mark.parametrize(
    ("forecast", "low", "high", "expected"),
    [
        (Forecast.better, 0.001, 0.02, Outcome.held),
        (Forecast.better, -0.01, 0.005, Outcome.open),
        (Forecast.better, -0.01, 0.0, Outcome.failed),
        (Forecast.better, -0.01, 0.02, Outcome.open),
        (Forecast.same, -0.005, 0.02, Outcome.held),
        (Forecast.same, -0.005, -0.001, Outcome.held),  # surely less than a point
        (Forecast.same, -0.03, -0.002, Outcome.open),
        (Forecast.same, -0.03, -0.01, Outcome.failed),
        (Forecast.same, -0.02, 0.01, Outcome.open),
        (Forecast.worse, -0.2, -0.1, Outcome.held),
        (Forecast.worse, -0.005, 0.1, Outcome.open),
        (Forecast.worse, 0.0, 0.1, Outcome.failed),
        (Forecast.worse, -0.02, 0.1, Outcome.open),
    ],
)
def test_what_an_interval_says_of_a_forecast(forecast: Forecast, low: float, high: float, expected: Outcome) -> None:
    assert outcome(forecast, low, high) is expected
