"""`shapes --columns`: signals on demand, by layer and block, and in JSON for every layer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]


def rows(text: str) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in csv.DictReader(io.StringIO(text))}


def test_signals_by_layer(archscope: Run) -> None:
    found = rows(archscope("shapes", "mobilenet_v1@32", "--columns", "all", "--format", "csv").out)
    assert found["conv_dw_12"]["dead_taps"] == "5"
    assert found["conv_dw_13"]["dead_taps"] == "8"
    assert found["conv_dw_13"]["cramped_layers"] == "1"
    assert found["conv_dw_13"]["params_on_1x1_map"] == found["conv_dw_13"]["params"] == "9216"
    assert found["conv_dw_11"]["params_on_1x1_map"] == "0"
    assert found["conv_pw_13"]["receptive_field"] == "315"
    assert found["conv_pw_13"]["output_stride"] == "32"


def test_signals_by_block_are_those_of_its_layers(archscope: Run) -> None:
    words = ("shapes", "mobilenet_v2@32", "--columns", "dead_weights,params_on_1x1,macs_on_1x1", "--format", "csv")
    layers, blocks = rows(archscope(*words).out), rows(archscope(*words, "--by", "block").out)
    for key, total in (("dead_weights", 25_920), ("params_on_1x1_map", 1_636_544), ("macs_on_1x1_map", 1_602_880)):
        assert sum(int(row[key]) for row in layers.values()) == total
        assert sum(int(row[key]) for row in blocks.values()) == total


def test_json_has_every_signal_of_every_layer(archscope: Run) -> None:
    record = json.loads(archscope("shapes", "mobilenet_v2@32", "--format", "json").out)
    assert sum(layer["dead_weights"] for layer in record["layers"]) == 25_920
    assert max(layer["alive_bytes"] for layer in record["layers"]) == 122_880
    assert all({"receptive_field", "output_stride", "padding_macs"} <= set(layer) for layer in record["layers"])


def test_the_table_keeps_what_was_asked_for_and_an_unknown_column_is_refused(archscope: Run) -> None:
    assert "dead taps" in archscope("shapes", "--columns", "dead_taps", columns=80).out
    refused = archscope("shapes", "--columns", "dead_tabs")
    assert refused.code == 2
    assert "no column 'dead_tabs'; did you mean 'dead_taps'" in refused.err
