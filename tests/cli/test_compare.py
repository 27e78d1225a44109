"""`compare` without training: the table, the formats, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Result

REPORTS = Path(__file__).parents[2] / "reports"
SET = (
    "mobilenet_v2",
    "+cut:block_12_add+head:1000",
    "+stride:block_13,to=1",
    "+stride:Conv1,to=1",
    "+stride:Conv1,to=1+stride:block_1,to=1",
    "+upsample:2,by=transpose",
    "mobilenet_v1",
    "+cut:conv_pw_11_relu+head:1000",
)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_comparison_set_fits_every_terminal(archscope: Callable[..., Result], columns: int) -> None:
    done = archscope("compare", *SET, columns=columns)
    assert done.code == 0
    assert max(map(len, done.lines)) <= columns
    assert done.lines[0] == "A mobilenet_v2@32 · model"
    rows = [line.split() for line in done.lines if line[:2] in {f"{letter} " for letter in "ABCDEFGH"}][-8:]
    assert [row[0] for row in rows] == list("ABCDEFGH")
    assert [row[1] for row in rows if columns > 60] == [
        *("1x1x1280", "2x2x96", "2x2x1280", "2x2x1280", "4x4x1280", "2x2x1280", "1x1x1024", "2x2x512"),
    ][: len(rows) if columns > 60 else 0]
    assert all(figure in done.out for figure in ("669,666", "24,608,768", "2,154,850"))


def test_without_colour_nothing_is_lost(archscope: Callable[..., Result]) -> None:
    plain = archscope("compare", *SET[:3], NO_COLOR="1")
    assert "\x1b" not in plain.out
    assert plain.out == archscope("compare", *SET[:3]).out


def test_edits_build_on_the_last_design_named_in_full(archscope: Callable[..., Result]) -> None:
    record = json.loads(archscope("compare", *SET, "--format", "json").out)
    assert [design["spec"] for design in record["designs"]] == [
        "mobilenet_v2@32",
        *(f"mobilenet_v2@32{edits}" for edits in SET[1:6]),
        "mobilenet_v1@32",
        f"mobilenet_v1@32{SET[7]}",
    ]
    assert record["schema_version"] == 1
    assert record["paired"] == []
    assert record["designs"][0]["peak_activation_bytes"] == 122_880


def test_a_glob_is_a_table_of_models_in_the_order_asked_for(archscope: Callable[..., Result]) -> None:
    done = archscope("compare", "mobilenet_v[12]", "--input", "32", "--sort", "macs", "--reverse", columns=120)
    assert done.code == 0
    figures = {line.split()[0]: line for line in done.lines if line.startswith("mobilenet_v")}
    assert list(figures)[-1] == "mobilenet_v2@32"
    cells = figures["mobilenet_v2@32"].split()
    assert cells[:4] == ["mobilenet_v2@32", "1x1x1280", "72.5", "2,270,794"]
    assert cells[-2:] == ["25,920", "block_13_depthwise"]
    machine = archscope("compare", "mobilenet_v[12]", "--input", "32", "--sort", "macs", "-r", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(machine.out)))
    assert [row["spec"] for row in rows] == list(figures)
    assert [int(row["macs"]) for row in rows] == sorted((int(row["macs"]) for row in rows), reverse=True)
    assert (rows[-1]["collapse"], rows[-1]["dead_weights"]) == ("block_13_depthwise", "25920")


def test_a_model_of_a_glob_that_cannot_be_built_is_left_out(archscope: Callable[..., Result]) -> None:
    wide, words = "mobilenet_v[12],alpha=0.03", ("mobilenet_v2", "mobilenet_v2@48")
    done = archscope("compare", *words, wide, "--format", "json")
    record = json.loads(done.out)
    assert [design["spec"] for design in record["designs"]] == [
        *("mobilenet_v2@32", "mobilenet_v2@48", "mobilenet_v2@32,alpha=0.03")
    ]
    (left_out,) = record["left_out"]
    assert left_out.startswith("mobilenet_v1,alpha=0.03: mobilenet_v1 at 32x32x3, alpha 0.03: 'conv1'")
    assert f"! left out: {left_out}" in archscope("compare", *words, wide, "--format", "csv").err
    assert "left out: mobilenet_v1,alpha=0.03" in archscope("compare", *words, wide, columns=400).out


def test_two_runs_with_their_accuracies(archscope: Callable[..., Result]) -> None:
    runs = [str(REPORTS / name) for name in ("study-base", "study-cut")]
    rows = list(csv.DictReader(io.StringIO(archscope("compare", *runs, "--format", "csv").out)))
    assert [row["accuracy"] for row in rows] == ["0.7757", "0.8395"]
    assert rows[0]["accuracy_of"] == "test set of JPEG re-encoded CIFAR-10, 10,000 images"
    text = archscope("compare", *runs).out
    assert "B: 83.95% (95% interval 83.2–84.7%) on the test set of JPEG re-encoded CIFAR-10" in text
    markdown = archscope("compare", *runs, "--format", "md").out
    assert markdown.startswith("|  | design |")
    assert "| B | mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000 |" in markdown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "a comparison needs two designs, and none was named"),
        (("mobilenet_v2",), "a comparison needs two designs, and one was named"),
        (("+cut:block_12_add", "mobilenet_v2"), "'+cut:block_12_add' edits the design before it, and there is none"),
        (("mobilenet_v2", "+cut:nowhere"), "nowhere"),
        (("mobilenet_v2", "mobilenet_v9"), "no model 'mobilenet_v9'"),
        (("vit_*",), "no model matches 'vit_*'"),
        (("keras:Mobl*",), "did you mean 'keras:MobileNet'"),
        (("mobilenet_v2", "mobilenet_v1", "--sort", "maccs"), "no column 'maccs' to sort by; did you mean 'macs'"),
        (("mobilenet_v2", "mobilenet_v1", "--train", "--sort", "macs"), "--sort orders a table of costs"),
        (("mobilenet_v2", str(REPORTS / "study-cut"), "-i", "48"), "--input 48 does not go with the run"),
        (("mobilenet_v2", "mobilenet_v1", "--epochs", "5"), "--epochs says how to train; say --train as well"),
        (("mobilenet_v2", "mobilenet_v1", "--seeds", "3"), "--seeds says how to train"),
        (("mobilenet_v2", "mobilenet_v1", "--train", "--recipe", "slow"), "slow"),
        (("mobilenet_v2", "mobilenet_v1", "--train", "--seeds", "0"), "0 is not in the range 1<=x<=1000"),
        (("mobilenet_v2", "mobilenet_v2", "--train"), "A and B are the same network"),
        (("mobilenet_v2", "+head:none", "--train"), "B (mobilenet_v2@32+head:none) has no head"),
        (("mobilenet_v2", "mobilenet_v2,classes=7", "--train"), "A tells 10 classes apart and B 7"),
        (("--resume", "nowhere"), "nowhere is no series of runs"),
        (("mobilenet_v2", "--resume", "nowhere"), "--resume takes nothing beside it, and got mobilenet_v2"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    archscope: Callable[..., Result], tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = archscope("compare", *words)
    assert done.code == 2, done
    assert sentence in done.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
