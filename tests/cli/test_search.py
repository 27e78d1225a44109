"""`archscope search` as a person types it."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from cli_process import COMMAND, Result, environment

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
    assert done.out.startswith("mobilenet_v2@32 · 10 classes · model ")
    assert "\n6,006 distinct designs to price\n" in done.out
    assert f"   1 {STUDY}\n" in done.out
    assert "Cost alone does not predict accuracy" in done.out


def test_the_front_of_two_aims(archscope: Callable[..., Result]) -> None:
    aims = ("--max", "params", "--min", "macs")
    done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, *aims, "--format", "csv")
    assert done.code == 0
    rows = sorted((int(row["params"]), int(row["macs"])) for row in csv.DictReader(io.StringIO(done.out)))
    assert len(rows) > 5
    assert all(a < b and c < d for (a, c), (b, d) in pairwise(rows))


def test_where_nothing_fits_the_nearest_is_named(archscope: Callable[..., Result]) -> None:
    done = archscope("search", STUDY, "--vary", "alpha=0.5..1:0.05", "--max-params", "50k", "--min-map", "2")
    assert done.code == 1
    assert "11 designs were priced; 0 keep the limits" in done.out
    told = re.search(
        r"✗ max-params 50,000: of the designs that keep the other limits, the smallest has ([0-9,]+) parameters; "
        r"--max-params ([0-9]+) lets it in\n  (\S+)\n",
        done.out,
    )
    assert told is not None
    assert told[1].replace(",", "") == told[2]
    assert told[3] == "mobilenet_v2@32,alpha=0.5+cut:block_12_add+head:1000"
    again = archscope("search", STUDY, "--vary", "alpha=0.5..1:0.05", "--max-params", told[2], "--min-map", "2")
    assert again.code == 0


def test_a_relaxation_can_be_typed(archscope: Callable[..., Result]) -> None:
    words = ("search", STUDY, "--vary", "alpha=0.5..1:0.25", "--dtype", "int8")
    for flag in ("--max-weights", "--max-peak-ram", "--max-macs"):
        done = archscope(*words, flag, "1KiB" if flag != "--max-macs" else "1k")
        assert done.code == 1
        told = re.search(rf"; ({flag} [0-9]+B?) lets it in\n", done.out)
        assert told is not None, done.out
        assert archscope(*words, *told[1].split()).code == 0


def test_where_every_limit_is_broken_they_are_loosened_together(archscope: Callable[..., Result]) -> None:
    limits = ("--max-params", "1k", "--min-map", "8")
    done = archscope("search", "mobilenet_v2", "--vary", "alpha=0.35..1:0.05", *limits, "--format", "json")
    assert done.code == 1
    (near,) = json.loads(done.out)["nearest"]
    assert near["limits"] == ["max_params", "min_map"]
    assert near["spec"] == "mobilenet_v2@32,alpha=0.35"


def test_the_limits_of_the_folder_hold(archscope: Callable[..., Result], tmp_path: Path) -> None:
    text = '[budget]\nmax_params = "600k"\n\n[space]\nalpha = "0.5..1:0.1"\ncut = ["all"]\n'
    (tmp_path / "archscope.toml").write_text(text)
    done = archscope("search", "--most", "1", "--max-macs", "4M")
    assert done.code == 0
    assert "limits: max-params 600,000, max-macs 4,000,000 ([budget] of archscope.toml and options)" in done.out
    assert (tmp_path / "archscope.toml").read_text() == text


def test_a_row_is_chosen_and_files_are_written(archscope: Callable[..., Result], tmp_path: Path) -> None:
    import pandas

    files = ("--out", "found.parquet", "--picture", "space.svg")
    done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, "--most", "1", *files, "--choose", "2")
    assert done.code == 0
    assert "wrote found.parquet" in done.err
    frame = pandas.read_parquet(tmp_path / "found.parquet")
    assert frame["spec"].tolist()[0] == STUDY
    assert frame["alpha_least"].tolist()[0] == 0.9
    assert frame["params"].dtype == "int64"
    assert f"made archscope.toml: {frame['spec'][1]}\n" in done.out
    assert archscope("shapes").out.startswith(f"{frame['spec'][1]} ")
    picture = (tmp_path / "space.svg").read_text()
    assert picture.startswith("<?xml")
    # What exists is not overwritten unasked, and is looked at before the search.
    again = archscope("search", "mobilenet_v2", *SMALL, *files)
    assert (again.code, again.out) == (2, "")
    assert "found.parquet exists already" in again.err
    other = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, "--most", "1", "--choose", "1")
    assert other.code == 2
    assert "say --yes to replace it" in other.err
    assert archscope("search", "mobilenet_v2", *SMALL, *LIMITS, "--most", "1", "--choose", "1", "--yes").code == 0
    assert archscope("undo").code == 0


def test_a_row_that_is_not_there(archscope: Callable[..., Result], tmp_path: Path) -> None:
    done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, "--most", "1", "--choose", "9")
    assert done.code == 2
    assert "--choose 9: 5 designs are listed; choose a row from 1 to 5" in done.err
    assert not (tmp_path / "archscope.toml").exists()


def test_a_table_of_no_known_kind_is_refused_before_the_search(archscope: Callable[..., Result]) -> None:
    done = archscope("search", "mobilenet_v2", "--out", "found.xlsx")
    assert (done.code, done.out) == (2, "")
    assert "found.xlsx is no .csv, .json, .md, .parquet file; name it, for example, front.csv" in done.err


HUGE = ("--vary", "alpha=0.35..1.4:0.001", "--vary", "Conv1.stride=2,1", "--vary", "block_1.stride=2,1",
        "--vary", "block_3.stride=2,1", "--vary", "block_6.stride=2,1", "--vary", "block_13.stride=2,1",
        "--vary", "upsample=none,2", "--vary", "cut=none,all", "--vary", "head=plain,8..4096:1")  # fmt: skip


def interrupted_after(seconds: float, folder: Path) -> Result:
    """A search through a hundred million designs, with Ctrl-C some time after it has counted them."""
    process = subprocess.Popen(
        [*COMMAND, "search", "mobilenet_v2", "--max-params", "600k", *HUGE],
        cwd=folder,
        env=environment(100, PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "distinct designs" in line:
            break
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return Result(process.returncode, out, err)


def test_ctrl_c_shows_what_is_known(tmp_path: Path) -> None:
    # How soon the first part is priced is the machine's affair.
    for seconds in (2, 4, 8, 16, 32):
        done = interrupted_after(seconds, tmp_path)
        if " designs were priced" in done.out:
            break
        assert (done.code, done.err) == (130, "archscope: interrupted\n")
    assert (done.code, done.err) == (130, "archscope: interrupted\n")
    said = r"\n[0-9,]+ designs were priced(, a sample of [0-9,]+)? \(stopped: [0-9,]+ were not\)"
    assert re.search(said, done.out), done.out


def test_columns_of_60_and_200(archscope: Callable[..., Result]) -> None:
    for columns in (60, 200):
        done = archscope("search", "mobilenet_v2", *SMALL, *LIMITS, columns=columns)
        assert done.code == 0
        for line in done.lines:
            assert len(line) <= columns or "mobilenet_v2@32" in line, line


def test_nonsense_is_one_sentence(archscope: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "archscope.txt").touch()
    for words, said in (
        (("--vary", "alpha=-1..2"), "--vary alpha=-1..2"),
        (("--max", "beauty"), "no column 'beauty' to maximise"),
        (("--max-params", "many"), "--max-params 'many' is no count"),
        (("--most", "0"), "'--most': 0 is not in the range x>=1; `archscope search --help` shows how"),
        (("--most", "x"), "'--most': 'x' is not a valid integer; `archscope search --help` shows how"),
        (("--most", "2", "--max", "params"), "--most 2 does not go with --max and --min"),
        (("--score", "--data", "nowhere"), "there is no data set or path 'nowhere'"),
        (("--picture", "archscope.txt/space.png"), "archscope.txt is no folder to write in"),
    ):
        done = archscope("search", "mobilenet_v2", *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert done.err.count("\n") == 1


def test_what_is_not_written_and_not_chosen_is_said(archscope: Callable[..., Result]) -> None:
    words = ("search", "mobilenet_v2", "--vary", "alpha=0.9", "--max-params", "10")
    done = archscope(*words, "--out", "x.csv", "--choose", "1", "--format", "csv")
    assert done.code == 1
    assert done.out.count("\n") == 1  # the header
    assert "✗ max-params 10: the smallest has 1,904,954 parameters; --max-params 1904954 lets it in" in done.err
    assert "x.csv is not written: there is no design to write" in done.err
    assert "--choose 1 is not done: no design keeps the limits" in done.err


def test_json_says_what_was_asked(archscope: Callable[..., Result], tmp_path: Path) -> None:
    words = ("search", "mobilenet_v2", "--vary", "alpha=0.5,0.9", "--max-params", "2M", "--min", "macs")
    done = archscope(*words, "--dtype", "int8", "--no-collapse", "--format", "json")
    assert done.code == 1  # all of them collapse
    record = json.loads(done.out)
    assert record["space"] == {"alpha": "0.5,0.9"}
    assert (record["limits"], record["dtype"]) == ({"max_params": 2_000_000, "no_collapse": True}, "int8")
    assert (record["objectives"], record["most"]) == ({"macs": "min"}, None)
    assert record["nearest"][0]["limits"] == ["no_collapse"]
    assert archscope(*words, "--out", "x.json").code == 0
    assert json.loads((tmp_path / "x.json").read_text())["limits"] == {"max_params": 2_000_000}
