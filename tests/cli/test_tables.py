"""What shapes, params and status print: golden outputs, and what must hold for any output."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from archscope.design import build, parse_spec
from archscope.graph import verify

Run = Callable[..., Any]
CUT = "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"


def cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def number(text: str) -> int:
    return int(text.replace(",", ""))


def table(lines: list[str]) -> list[dict[str, str]]:
    """The rows of a printed table by its titles, the total last."""
    start = next(i for i, line in enumerate(lines) if re.match(r"(layer|block|stage)\s", line))
    titles = cells(lines[start])
    rows = []
    for line in lines[start + 1 :]:
        if line.startswith(("━", "─")):
            continue
        found = cells(line)
        if found[0] == "total":
            rows.append(dict(zip([titles[0], *titles[-len(found) + 1 :]], found, strict=True)))
            return rows
        rows.append(dict(zip(titles, found, strict=True)))
    raise AssertionError("the table has no total")


def test_shapes_golden(archscope: Run, golden: Callable[[str, str], None]) -> None:
    result = archscope("shapes", "--input", "32")
    assert (result.code, result.err) == (0, "")
    golden("shapes.txt", result.out)


def test_cut_params_and_status_golden(archscope: Run, golden: Callable[[str, str], None]) -> None:
    for name, words in {
        "cut.txt": ["cut", "block_12_add", "--head", "1000"],
        "params.txt": ["params", "--max-params", "700k"],
        "status.txt": ["status"],
    }.items():
        result = archscope(*words)
        assert (result.code, result.err) == (0, "")
        golden(name, result.out)


@pytest.mark.parametrize("by", ["layer", "block", "stage"])
@pytest.mark.parametrize("spec", ["mobilenet_v2@32", "mobilenet_v1@32", CUT, "mobilenet_v2@9x70x1,alpha=0.1,top=false"])
def test_rows_add_up_to_the_printed_total(archscope: Run, spec: str, by: str) -> None:
    *rows, total = table(archscope("shapes", spec, "--by", by, columns=200).lines)
    trace = verify(build(parse_spec(spec)))
    assert number(total["params"]) == sum(number(row["params"]) for row in rows) == trace.params
    assert number(total["MACs"]) == sum(number(row["MACs"]) for row in rows) == trace.macs
    for share in ("params %", "MACs %"):
        # Each share is rounded to a tenth: n of them are off by n times half a tenth at most.
        assert abs(sum(float(row[share]) for row in rows) - 100) <= 0.05 * len(rows)
        assert total[share] == "100.0"
    if by == "layer":
        assert [row["layer"] for row in rows] == [row.name for row in trace]
    *rows, total = table(archscope("params", spec, "--by", by, columns=200).lines)
    for column in ("params", "trainable", "non-trainable"):
        assert number(total[column]) == sum(number(row[column]) for row in rows)
    assert all(number(row["params"]) == number(row["trainable"]) + number(row["non-trainable"]) for row in rows)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("mobilenet_v2@32", "✗ COLLAPSE block_13_depthwise 2x2 -> 1x1"),
        ("mobilenet_v1@32", "✗ COLLAPSE conv_dw_12 2x2 -> 1x1"),
        ("mobilenet_v2@224", None),
        (CUT, None),
    ],
)
def test_the_collapse_is_ruled_where_it_happens(archscope: Run, spec: str, rule: str | None) -> None:
    lines = archscope("shapes", spec, "--by", "layer", columns=120).lines
    rules = [(i, line) for i, line in enumerate(lines) if line.startswith("━")]
    if rule is None:
        assert rules == []
        assert lines[-1].startswith("✓ The map never collapses: the body ends at")
        return
    ((at, line),) = rules
    assert rule in line
    assert cells(lines[at + 1])[0] == rule.split()[2]
    assert "✗ The map collapses at" in " ".join(lines[at:])


def test_the_sentence_has_the_studys_shares(archscope: Run) -> None:
    out = archscope("shapes", "mobilenet_v2@32", columns=300).out
    assert "hold 1,636,544 of 2,257,984 body parameters (72.5%) and 1,602,880 of 6,112,128 body MACs (26.2%)." in out


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["set", "alpha=0.9"],
            [
                "Total params: 1,904,954 (7.27 MB)",
                "Trainable params: 1,873,610 (7.15 MB)",
                "Non-trainable params: 31,344 (122.44 KB)",
            ],
        ),
        (["cut", "block_12_add", "--head", "none"], ["Total params: 558,656 (2.13 MB)"]),
        (["cut", "block_12_add"], ["Total params: 559,626 (2.13 MB)"]),
        (
            ["cut", "block_12_add", "--head", "1280", "--dropout", "0"],
            [
                "Total params: 700,746 (2.67 MB)",
                "Trainable params: 682,058 (2.60 MB)",
                "Non-trainable params: 18,688 (73.00 KB)",
            ],
        ),
        (
            ["cut", "block_12_add", "--head", "1000", "-m", "mobilenet_v2,alpha=0.9", "--save"],
            [
                "Total params: 572,066 (2.18 MB)",
                "Trainable params: 555,202 (2.12 MB)",
                "Non-trainable params: 16,864 (65.88 KB)",
            ],
        ),
        (
            ["cut", "block_12_add", "--head", "none", "-m", "mobilenet_v2,alpha=0.9", "--save"],
            ["Total params: 469,056 (1.79 MB)"],
        ),
        (["cut", "block_12_add", "--head", "1000"], ["Total params: 669,666 (2.55 MB)"]),
    ],
)
def test_the_studys_table_from_the_command_line(archscope: Run, words: list[str], lines: list[str]) -> None:
    assert archscope(*words).code == 0
    assert archscope("params").lines[-3:][: len(lines)] == lines


def test_machine_forms_of_shapes_agree_with_the_table(archscope: Run) -> None:
    words = ("shapes", CUT, "--by", "block")
    *printed, _ = table(archscope(*words, columns=200).lines)
    record = json.loads(archscope(*words, "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(archscope(*words, "--format", "csv").out)))
    markdown = archscope(*words, "--format", "md").out
    assert record["schema_version"] == 1
    assert record["spec"] == CUT
    assert record["params"] == 572_066
    assert record["weight_bytes"] == 4 * 572_066
    assert record["collapse"] is None
    assert len(record["rows"]) == len(rows) == len(printed)
    for person, machine, line in zip(printed, record["rows"], rows, strict=True):
        assert person["block"] == machine["name"] == line["name"]
        assert person["output"] == machine["output_shape"] == line["output_shape"]
        assert number(person["params"]) == machine["params"] == int(line["params"])
        assert number(person["MACs"]) == machine["macs"] == int(line["macs"])
        assert float(line["params_share"]) == machine["params_share"] == machine["params"] / 572_066
        assert f"| {person['block']} | {person['ends at']} | {person['output']} |" in markdown
    # Whatever the rows, machines get every layer.
    assert sum(layer["params"] for layer in record["layers"]) == 572_066
    assert "\x1b" not in markdown


def test_machine_forms_carry_every_layer_by_default(archscope: Run) -> None:
    layers = [row.name for row in verify(build(parse_spec(CUT)))]
    for form in ("json", "csv", "md"):
        out = archscope("shapes", CUT, "-f", form).out
        assert all(f"{layer}" in out for layer in layers)
    weighted = [row.name for row in verify(build(parse_spec(CUT))) if row.params]
    rows = list(csv.DictReader(io.StringIO(archscope("params", CUT, "-f", "csv").out)))
    assert [row["name"] for row in rows] == weighted
    record = json.loads(archscope("params", CUT, "-f", "json", "--max-params", "600k").out)
    assert record["budget"] == {"params": 572_066, "max_params": 600_000, "holds": True, "margin": 27_934}
    assert json.loads(archscope("status", CUT, "-f", "json").out)["params"] == 572_066


def test_markdown_is_a_table(archscope: Run) -> None:
    lines = archscope("shapes", "mobilenet_v2@32", "-f", "md").lines
    rows = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in rows} == {9}
    assert rows[1] == "| --- | --- | --: | --: | --: | --: | --: | --: |"
    assert rows[-1].startswith("| **total** |")


@pytest.mark.parametrize(
    ("limit", "code", "line"),
    [
        ("600k", 0, "! near the budget: 572,066 of 600,000 params (95.3%), 27,934 to spare"),
        ("1M", 0, "✓ within budget: 572,066 of 1,000,000 params (57.2%), 427,934 to spare"),
        ("572,066", 0, "! near the budget: 572,066 of 572,066 params (100.0%), 0 to spare"),
        ("572065", 1, "✗ over budget: 572,066 of 572,065 params (100.0%), over by 1"),
    ],
)
@pytest.mark.parametrize("form", ["table", "md"])
def test_a_budget_ends_in_a_verdict_and_an_exit_code(
    archscope: Run, limit: str, code: int, line: str, form: str
) -> None:
    result = archscope("params", CUT, "--max-params", limit, "-f", form)
    assert result.code == code
    assert result.lines[-1] == line
    assert result.err == ""
    assert archscope("params", CUT, "--max-params", limit, "-f", "json").code == code


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("words", [["shapes"], ["shapes", "--by", "layer"], ["params"]])
def test_no_line_is_wider_than_the_terminal(archscope: Run, columns: int, words: list[str]) -> None:
    lines = archscope(*words, columns=columns).lines
    assert max(map(len, lines)) <= columns
    # However narrow, the total is there.
    assert "2,270,794" in next(line for line in lines if line.startswith("total"))


def test_wide_terminals_lose_nothing(archscope: Run) -> None:
    titles = cells(next(line for line in archscope("shapes", columns=200).lines if line.startswith("block ")))
    assert titles == ["block", "ends at", "output", "stride", "params", "params %", "MACs", "MACs %"]


def test_colour_is_for_terminals_and_can_be_refused(archscope: Run, on_terminal: Run) -> None:
    assert "\x1b" not in archscope("shapes").out
    coloured = on_terminal("shapes")
    plain = on_terminal("shapes", NO_COLOR="1")
    assert "\x1b[1;31m" in coloured.out
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain.out)
    strip = re.compile(r"\x1b\[[0-9;]*m")
    assert strip.sub("", coloured.out) == strip.sub("", plain.out)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["shapes"], "archscope cut block_12_add --head 1000"),
        (["shapes", "--input", "32"], "archscope cut block_12_add --head 1000"),
        (["shapes", "mobilenet_v1"], "archscope cut conv_pw_11_relu --head 1000 -m mobilenet_v1@32"),
        (["shapes", "--input", "33"], "archscope train-eval mobilenet_v2@33"),
        (["shapes", "--input", "2"], "archscope train-eval mobilenet_v2@2"),
    ],
)
def test_a_terminal_gets_a_next_command_that_works(on_terminal: Run, words: list[str], command: str) -> None:
    assert on_terminal(*words, NO_COLOR="1").lines[-1].replace("\x1b[1m", "").endswith(f"next: {command}") or (
        f"next: {command}" in re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(*words).out)
    )


def test_sizes_at_both_ends(archscope: Run) -> None:
    for spec in ("mobilenet_v2@1", "mobilenet_v2@1x1x1,alpha=1e-9,classes=1", "mobilenet_v2@1000000"):
        assert archscope("shapes", spec).code == 0
    huge = archscope("shapes", "mobilenet_v2@1000000x1000000x1000000,alpha=1e6,classes=1000000000", columns=80)
    assert (huge.code, huge.err) == (0, "")
    assert max(map(len, huge.lines)) <= 80
    one = archscope("shapes", "mobilenet_v2@1x1", columns=200).out
    assert "✗ The map is 1x1 from the input on: layers that read a 1x1 map hold 2,257,984 of 2,257,984" in one
    gate = archscope("shapes", "mobilenet_v3_small+cut:expanded_conv_squeeze_excite_conv", columns=200).out
    assert "✗ No layer makes the map collapse, but layers that read a 1x1 map hold " in gate
