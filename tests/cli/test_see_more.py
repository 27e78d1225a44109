"""check, scan, diff and draw as a person, or a pipeline, runs them."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_light import probe

Run = Callable[..., Any]
BASE = "mobilenet_v2@32"
CUT = "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"
BUDGET = '[budget]\nmax_params = "600k"\nmax_macs = "30M"\nno_collapse = true\n'


def test_check_golden(archscope: Run, golden: Callable[[str, str], None]) -> None:
    words = "--max-params 600k --max-macs 6.2M --max-weights 2.5MiB --max-peak-ram 32KiB --dtype int8 --min-map 2"
    result = archscope("check", BASE, *words.split(), "--no-collapse", "--no-dead-taps", columns=120)
    assert (result.code, result.err) == (1, "")
    golden("check.txt", result.out)


def test_scan_golden(archscope: Run, golden: Callable[[str, str], None]) -> None:
    result = archscope("scan", BASE)
    assert (result.code, result.err) == (0, "")
    golden("scan.txt", result.out)


def test_diff_golden(archscope: Run, golden: Callable[[str, str], None]) -> None:
    for name, words in {
        "diff.txt": (BASE, f"{BASE}+stride:block_1_depthwise,to=1"),
        "diff.md": (BASE, CUT, "--format", "md"),
    }.items():
        result = archscope("diff", *words)
        assert (result.code, result.err) == (0, "")
        golden(name, result.out)


@pytest.mark.parametrize("form", ["table", "json", "junit", "github"])
def test_the_exit_code_is_the_verdict_in_every_format(archscope: Run, tmp_path: Path, form: str) -> None:
    (tmp_path / "limits.toml").write_text(BUDGET)
    assert archscope("check", CUT, "--budget", "limits.toml", "-f", form).code == 0
    assert archscope("check", BASE, "--budget", "limits.toml", "-f", form).code == 1


def test_limits_come_from_options_over_a_file(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / "archscope.toml").write_text(BUDGET)
    (tmp_path / "other.toml").write_text("[budget]\nmin_map = 3\n")
    # A network by name ignores this folder's file, its limits too.
    assert "there is no limit" in archscope("check", CUT).err

    def checks(*words: str) -> dict[str, int]:
        record = json.loads(archscope("check", *words, "-f", "json").out)
        return {check["limit"]: check["allowed"] for check in record["checks"]}

    assert checks() == {"max_params": 600_000, "max_macs": 30_000_000, "no_collapse": 0}
    assert checks("--max-params", "1k")["max_params"] == 1000
    assert checks("--max-params", "1k")["max_macs"] == 30_000_000
    assert checks("--budget", "other.toml") == {"min_map": 3}
    assert checks("--budget", "other.toml", "--max-weights", "1KB") == {"max_weights": 1000, "min_map": 3}
    lines = archscope("check", "--max-params", "1k").lines
    assert "limits: [budget] of archscope.toml and options" in lines


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "check: there is no limit to hold the network against; give one, such as --max-params 600k"),
        (["--dtype", "int8"], "check: there is no limit"),
        (["--max-params", "5MiB"], "check: --max-params '5MiB' is no count"),
        (["--max-weights", "600k"], "check: --max-weights '600k' is no size in bytes"),
        (["--max-peak-ram", "7"], "check: --max-peak-ram '7' is no size in bytes"),
        (["--dtype", "double"], "check: no --dtype 'double'; it is float32, float16, int8"),
        (["--budget", "none.toml"], "check: none.toml does not exist"),
        (["--budget", "."], "check: cannot read .: is a directory"),
        (["--budget", "empty.toml"], "check: empty.toml has no [budget] table"),
        (["--budget", "wrong.toml"], "check: wrong.toml, [budget]: no limit 'max_flops'; did you mean 'max_params'"),
    ],
)
def test_wrong_limits_are_one_sentence(archscope: Run, tmp_path: Path, words: list[str], sentence: str) -> None:
    (tmp_path / "empty.toml").write_text("[design]\n")
    (tmp_path / "wrong.toml").write_text("[budget]\nmax_flops = 3\n")
    result = archscope("check", BASE, *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"archscope: {sentence}")
    assert result.err.count("\n") == 1


def test_junit_is_what_ci_reads(archscope: Run) -> None:
    out = archscope("check", BASE, "--max-params", "600k", "--max-macs", "30M", "-f", "junit").out
    root = ElementTree.fromstring(out)
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    for element in (root, suite):
        assert {key: element.get(key) for key in ("tests", "failures", "errors")} == {
            "tests": "2", "failures": "1", "errors": "0"
        }  # fmt: skip
    broken, held = suite
    assert (broken.get("classname"), broken.get("name")) == (BASE, "max_params")
    (failure,) = broken
    assert failure.tag == "failure"
    assert "over by 1,670,794 parameters; 53.6% of all parameters are in block_15..last_conv" in str(
        failure.get("message")
    )
    assert held.find("failure") is None


def test_github_commands_are_escaped(archscope: Run) -> None:
    lines = archscope(
        "check", CUT, "--max-params", "572,065", "--max-macs", "4.5M", "--min-map", "2", "-f", "github"
    ).lines
    assert lines[0].startswith(CUT)
    error, warning, plain = lines[1:]
    assert error.startswith("::error title=archscope check max_params::✗ parameters: 572,066 of 572,065 (100.0%25)")
    assert "%25 of all parameters" in error
    assert warning.startswith("::warning title=archscope check max_macs::! MACs: ")
    assert plain == "✓ final map, least side: 2, and 2 is the least"


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize(
    "words",
    [
        ("check", BASE, "--max-params", "600k", "--max-peak-ram", "8KB", "--min-map", "2", "--no-dead-taps"),
        ("scan", BASE),
        ("scan", BASE, "--by", "layer"),
        ("diff", BASE, CUT),
        ("diff", BASE, "mobilenet_v1@32"),
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal(archscope: Run, columns: int, words: tuple[str, ...]) -> None:
    lines = archscope(*words, columns=columns).lines
    assert max(map(len, lines)) <= columns


def test_colour_repeats_what_is_written(archscope: Run, on_terminal: Run) -> None:
    strip = re.compile(r"\x1b\[[0-9;]*m")
    for words in (("scan", BASE), ("check", BASE, "--max-params", "3M"), ("diff", BASE, CUT)):
        assert "\x1b" not in archscope(*words).out
        coloured, plain = on_terminal(*words), on_terminal(*words, NO_COLOR="1")
        assert strip.sub("", coloured.out) == strip.sub("", plain.out)
        assert not re.search(r"\x1b\[[0-9;]*[34][0-7]m", plain.out)
        assert "next: archscope " in strip.sub("", plain.lines[-1])


def test_scan_machine_forms_and_pictures(archscope: Run, tmp_path: Path) -> None:
    words = ("scan", CUT, "--sizes", "16..64:16")
    rows = list(csv.DictReader(io.StringIO(archscope(*words, "-f", "csv").out)))
    record = json.loads(archscope(*words, "-f", "json").out)
    assert record["scan"]["sizes"] == [16, 32, 48, 64]
    assert len(rows) == 4 * len(record["scan"]["rows"])
    assert record["scan"]["smallest_healthy"] == 32
    markdown = archscope(*words, "-f", "md").lines
    assert markdown[0] == "| block | 16 | 32 | 48 | 64 | smallest healthy |"
    assert "Smallest healthy input: 32x32" in markdown[-1]
    assert "wrote a/heat.svg" in archscope(*words, "--out", "a/heat.svg").out
    assert (tmp_path / "a" / "heat.svg").read_text().count("<svg") == 1


def test_scan_leaves_sizes_out_and_says_so(archscope: Run) -> None:
    narrow, wide = archscope("scan", BASE, columns=60), archscope("scan", BASE, columns=200)
    assert "of 26 sizes shown in 60 columns" in narrow.out.replace("\n", " ").replace("  ", " ")
    assert "sizes shown" not in wide.out
    assert len(wide.lines[1].split()) == 28
    assert "40" in narrow.lines[2].split()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["scan", "--sizes", "9..3"], "scan: --sizes '9..3' holds no size"),
        (["scan", "--sizes", "x"], "scan: --sizes 'x' is neither a range nor a list"),
        (["scan", "--out", "x.pdf"], "scan: x.pdf is neither a .png nor a .svg file"),
        (["draw", "--out", "x.pdf"], "draw: x.pdf is neither a .png nor a .svg file"),
        (["draw", "--out", "file/x.svg"], "draw: cannot write "),
        (["draw", "--color", "red"], "draw: Invalid value for '--color'"),
        (["diff"], "diff: Missing argument 'A'"),
        (["diff", "mobilenet_v9"], "diff: spec 'mobilenet_v9', from character 1 on: no model 'mobilenet_v9'"),
    ],
)
def test_what_is_wrong_is_one_sentence(archscope: Run, tmp_path: Path, words: list[str], sentence: str) -> None:
    (tmp_path / "file").write_text("")
    result = archscope(*words)
    assert result.code == 2
    assert result.err.startswith(f"archscope: {sentence}")
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_diff_against_this_folder(archscope: Run) -> None:
    assert archscope("cut", "block_12_add", "--head", "1000").code == 0
    lines = archscope("diff", BASE).lines
    assert lines[0].startswith(f"- {BASE} · 10 classes · spec")
    assert lines[1].startswith("+ mobilenet_v2@32+cut:block_12_add+head:1000 · 10 classes · archscope.toml")
    assert "Edited layers: 38 removed, 4 added;" in " ".join(lines)
    assert archscope("diff", "mobilenet_v2@32+cut:block_12_add+head:1000").lines[-1].startswith("The same network")


def test_diff_record_adds_up(archscope: Run) -> None:
    record = json.loads(archscope("diff", BASE, CUT, "-f", "json").out)
    assert record["schema_version"] == 1
    assert not record["same"]
    entries = [*record["edits"], *record["knock_on"]]
    for figure in ("params", "macs"):
        growth = record["after"][figure] - record["before"][figure]
        assert sum(entry[f"{figure}_growth"] for entry in entries) == record[f"{figure}_growth"] == growth
    assert {entry["kind"] for entry in record["knock_on"]} == {"follows"}


def test_a_long_list_of_edits_is_cut_short_and_says_so(archscope: Run) -> None:
    out = archscope("diff", BASE, f"{BASE},alpha=0.9", columns=120).out
    assert "and 5 more edits; `--format md` or `json` lists them all" in out
    assert archscope("diff", BASE, f"{BASE},alpha=0.9", "-f", "md").out.count("| ~ ") == 21


def test_draw_writes_where_it_says(archscope: Run, tmp_path: Path) -> None:
    result = archscope("draw", CUT, "--out", "b/net.png", "--color", "macs")
    assert (result.code, result.err) == (0, "")
    assert result.lines[0].startswith(CUT)
    assert result.lines[-1] == "wrote b/net.png"
    assert archscope("draw").lines[-1] == "wrote network.svg"
    first = (tmp_path / "network.svg").read_bytes()
    assert "network.svg exists already; say --yes" in archscope("draw").err
    assert archscope("draw", "--yes").code == 0
    assert (tmp_path / "network.svg").read_bytes() == first


@pytest.mark.parametrize("words", [["check", BASE, "--max-params", "3M"], ["scan", BASE], ["diff", BASE, CUT]])
def test_the_answer_needs_no_framework(tmp_path: Path, words: list[str]) -> None:
    assert probe(tmp_path, words) == (0, [])
