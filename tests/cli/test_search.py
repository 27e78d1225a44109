"""`archscope search` as a person types it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import pairwise

from cli_process import Result

SMALL = ("--vary", "alpha=0.35..1.4:0.05", "--vary", "cut=all,none", "--vary", "head=plain,100..1000:100",
         "--vary", "Conv1.stride=2,1")  # fmt: skip
LIMITS = ("--max-params", "572066", "--no-collapse")
STUDY = "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"


def test_the_study_is_found(archscope: Callable[..., Result]) -> None:
    done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, "--format", "json")
    assert done.code == 0
    record = json.loads(done.out)
    assert record["designs"] == record["priced"] == 6006
    assert 0 < record["fitting"] < 6006
    best = {}
    for row in record["found"]:
        assert row["params"] <= 572_066
        best.setdefault(row["final_map"], row)
    assert best["2x2"]["spec"] == STUDY
    assert best["4x4"]["spec"] == f"{STUDY}+stride:Conv1,to=1"
    assert (best["2x2"]["params"], best["2x2"]["macs"]) == (572_066, 4_296_592)


def test_the_table_names_specs_and_promises_nothing(archscope: Callable[..., Result]) -> None:
    done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, "--most", "1")
    assert done.code == 0
    assert done.out.startswith("mobilenet_v2@32: 6,006 distinct designs, all of them priced\n")
    assert f"  1 {STUDY}\n" in done.out
    assert "Cost alone does not predict accuracy" in done.out


def test_the_front_of_two_aims(archscope: Callable[..., Result]) -> None:
    aims = ("--max", "params", "--min", "macs")
    done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, *aims, "--format", "csv")
    assert done.code == 0
    rows = sorted((int(row["params"]), int(row["macs"])) for row in csv.DictReader(io.StringIO(done.out)))
    assert len(rows) > 5
    assert all(a < b and c < d for (a, c), (b, d) in pairwise(rows))


def test_where_nothing_fits_the_nearest_is_named(archscope: Callable[..., Result]) -> None:
    done = archscope("search", "mobilenet_v2", "--vary", "alpha=0.35..1:0.05", "--max-params", "50k", "--min-map", "2")
    assert done.code == 1
    assert "14 designs were priced" in done.out
    assert "0 keep the limits" in done.out
    done = archscope("search", STUDY, "--vary", "alpha=0.5..1:0.05", "--max-params", "50k", "--min-map", "2")
    assert done.code == 1
    assert "Within all other limits, the nearest to --max-params has" in done.out
    assert "mobilenet_v2@32,alpha=0.5+cut:block_12_add+head:1000" in done.out


def test_nonsense_is_one_sentence(archscope: Callable[..., Result]) -> None:
    for words, said in (
        (("--vary", "alpha=-1..2"), "--vary alpha=-1..2"),
        (("--max", "beauty"), "no column 'beauty' to maximise"),
        (("--max-params", "many"), "--max-params 'many' is no count"),
    ):
        done = archscope("search", "mobilenet_v2", *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert done.err.count("\n") == 1
