"""Wrong input: exit code 2, one line on stderr that starts with our name, no traceback, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import COMMAND, environment

Run = Callable[..., Any]

WRONG: list[tuple[list[str], str]] = [
    (["nope"], "No such command 'nope'"),
    (["--nope"], "No such option: --nope"),
    (["shapes", "nope"], "no model 'nope'; the models are mobilenet_v1, mobilenet_v2"),
    (["shapes", ""], "a name is missing"),
    (["shapes", "nope.toml"], "nope.toml does not exist; `archscope init` makes an archscope.toml"),
    (["shapes", "."], "there is no run at ."),
    (["shapes", "a/b"], "'a/b'"),
    (["shapes", "mobilenet_v2@0"], "height, width and channels are 1 to 1,000,000"),
    (["shapes", "mobilenet_v1@1"], "the smallest square input that works is 31"),
    (["shapes", "mobilenet_v2,alpha=0"], "alpha=0.0: alpha is a number above 0"),
    (["shapes", "mobilenet_v2,alpha=nan"], "alpha=nan"),
    (["shapes", "mobilenet_v2,alpha=1e299"], "alpha=1e+299: alpha is a number above 0, up to 1,000,000"),
    (["shapes", "mobilenet_v2,classes=" + "9" * 5000], "classes is a whole number from 1 to 1,000,000,000"),
    (["shapes", "mobilenet_v2+"], "from character 14 on: no edit ''"),
    (["shapes", "mobilenet_v2+cut:nope"], "edit 1 of 1, cut:nope: no layer 'nope'"),
    (["shapes", "mobilenet_v2+cut:predictions"], "'predictions' is in the head"),
    (["shapes", "%FF"], "'%FF' is not UTF-8 once decoded"),
    (["shapes", "--input", "x"], "input=x: an input is HEIGHT"),
    (["shapes", "--input", "1\n2\x1b[31m"], r"input=1\n2\x1b[31m: an input is"),
    (["shapes", "--input"], "Option '--input' requires an argument"),
    (["shapes", "--by", "foo"], "'foo' is not one of 'layer', 'block', 'stage'"),
    (["shapes", "--format", "xml"], "'xml' is not one of 'table', 'json', 'csv', 'md'"),
    (["shapes", "mobilenet_v2", "too", "many"], "unexpected extra argument"),
    (["params", "--max-params", "x"], "--max-params 'x' is no count from 1 to 10^18"),
    (["params", "--max-params", "0"], "'0' is no count from 1 to 10^18"),
    (["status", "--format", "csv"], "'csv' is not one of 'table', 'json'"),
    (["cut"], "Missing argument"),
    (["cut", "block_12_ad"], "no layer 'block_12_ad'; did you mean 'block_12_add'"),
    (["cut", "predictions"], "is in the head; cut names a layer of the body; the last one is 'out_relu'"),
    (["cut", "input"], "nothing with weights stands at or before 'input'"),
    (["cut", "block_12_add", "--head", "0"], "'0' is not a number of units, plain or none"),
    (["cut", "block_12_add", "--head", "x"], "'x' is not a number of units"),
    (["cut", "block_12_add", "--dropout", "0.2"], "a plain head has no dropout"),
    (["cut", "block_12_add", "--head", "9", "--dropout", "1"], "dropout=1: dropout is from 0 up to"),
    (["head"], "Missing argument"),
    (["head", "1.5"], "'1.5' is not a number of units"),
    (["head", "9" * 30], "is not a number of units"),
    (["head", "9", "--dropout", "nan"], "dropout=nan"),
    (["stride", "block_1", "0"], "a stride of 0 is below 1"),
    (["stride", "block_1", "x"], "'S'"),
    (["stride", "block_7", "1"], "block 'block_7' has no strided layers"),
    (["stride", "predictions", "1"], "'predictions' (Dense) has no stride; the strided layers are"),
    (["stride", "block_2_depthwise", "2"], "'block_2_add': Add needs equal shapes, and got 8x8x24 and 4x4x24"),
    (["stride", "blok_1", "1"], "no layer 'blok_1'; did you mean 'block_1'"),
    (["set"], "Missing argument"),
    (["set", "alpha"], "'alpha' is not KEY=VALUE"),
    (["set", "alpha=0.5", "alpha=0.9"], "alpha is given twice"),
    (["set", "alfa=1"], "mobilenet_v2 has no argument 'alfa'; did you mean 'alpha'?"),
    (["set", "model=vgg"], "no model 'vgg'"),
    (["set", "model=mobilenet_v1", "input=7"], "the smallest square input that works is 31"),
    (["init", "nope"], "no model 'nope'"),
    (["init", "mobilenet_v2", "alpha=-1"], "alpha=-1.0: alpha is a number above 0"),
    (["shapes", "x" * 300 + ".keras"], ".keras: file name too long; choose a shorter name"),
    (["draw", "--out", "x" * 300 + ".svg"], ".svg: file name too long; choose a shorter name"),
    (["export", "x" * 300], "file name too long; choose a shorter name"),
    (["train-eval", "--resume", "x" * 300], "file name too long; choose a shorter name"),
    (["train-eval", "--resume", "."], "holds no interrupted run; there is no interrupted run in reports/"),
    (["train-eval", "--train-images", "0"], "'--train-images': 0 is not in the range x>=1"),
    (["undo"], "there is nothing to undo in this folder"),
    (["redo"], "there is nothing to redo in this folder"),
]


def assert_one_line(result: Any, message: str) -> None:
    assert result.code == 2, result
    assert result.err.startswith("archscope: ")
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1, result.err
    assert result.err.rstrip("\n").isprintable()
    assert message in result.err


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[" ".join(words)[:40] for words, _ in WRONG])
def test_wrong_words(archscope: Run, tmp_path: Path, words: list[str], message: str) -> None:
    assert_one_line(archscope(*words), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[design\n", "archscope.toml is not TOML: "),
        (b"[design]\nalpha = \n", "(at line 2, column 9)"),
        (b'[design]\nmodel = "vgg"\n', "archscope.toml, [design]: no model 'vgg'"),
        (b'[design]\nedits = ["cut:block_12_ad"]\n', "edit 1 of 1, cut:block_12_ad: no layer"),
        (b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        (b'[design]\nmodel = "\\u001b[31m"\n', r"no model '\x1b[31m'"),
    ],
)
@pytest.mark.parametrize("words", [["shapes"], ["cut", "block_12_add"], ["undo"], ["reset"]], ids=lambda w: w[0])
def test_a_wrong_file_is_named_and_stays_as_it_is(
    archscope: Run, tmp_path: Path, words: list[str], content: bytes, message: str
) -> None:
    (tmp_path / "archscope.toml").write_bytes(content)
    result = archscope(*words)
    if words != ["undo"] or b"cut:" not in content:
        # An undo does not build the network: there is nothing to undo is right, too.
        assert result.code == 2
    if result.code == 2 and "nothing to undo" not in result.err:
        assert_one_line(result, message)
        assert (tmp_path / "archscope.toml").read_bytes() == content


def test_a_folder_in_the_files_place(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / "archscope.toml").mkdir()
    assert_one_line(archscope("shapes"), "cannot read archscope.toml: is a directory")
    assert_one_line(archscope("cut", "block_12_add"), "cannot read archscope.toml: is a directory")


def test_a_damaged_history(archscope: Run, tmp_path: Path) -> None:
    archscope("cut", "block_12_add")
    before = (tmp_path / "archscope.toml").read_bytes()
    (tmp_path / ".archscope" / "history.json").write_text("{")
    status = archscope("status")
    assert (status.code, status.err) == (0, "")
    assert "undo is not available: " in status.out
    for words in (["undo"], ["redo"], ["head", "9"]):
        assert_one_line(archscope(*words), "history.json is damaged; remove it to go on without undo")
    assert (tmp_path / "archscope.toml").read_bytes() == before
    assert archscope("shapes").code == 0


def test_a_link_to_nowhere_is_no_design(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / "archscope.toml").symlink_to(tmp_path / "none" / "x.toml")
    assert "built-in default" in archscope("shapes").out
    assert_one_line(archscope("cut", "block_12_add"), "cannot write archscope.toml: it links to ")
    assert not (tmp_path / "none").exists()


def test_bytes_that_are_no_text(archscope: Run) -> None:
    for words in (["shapes", os.fsdecode(b"\xff")], ["cut", os.fsdecode(b"\xff")], ["set", os.fsdecode(b"alpha=\xff")]):
        result = archscope(*words)
        assert result.code == 2
        assert result.err.startswith("archscope: ")
        assert "Traceback" not in result.err


def test_no_words_print_the_help(archscope: Run) -> None:
    result = archscope()
    assert "Usage: archscope" in result.out
    assert result.err == ""


def test_every_command_has_help(archscope: Run) -> None:
    from archscope.cli.main import COMMANDS

    for name in COMMANDS:
        result = archscope(str(name), "--help")
        assert (result.code, result.err) == (0, ""), name
        assert f"Usage: archscope {name}" in result.out


def test_the_version_names_our_distribution(archscope: Run) -> None:
    assert archscope("--version").out.startswith("archscope-cnn ")


def test_the_console_script_is_installed(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "archscope"
    if not script.exists():
        pytest.skip("archscope is not installed beside this Python")
    done = subprocess.run([script, "params"], cwd=tmp_path, env=environment(100), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Total params: 2,270,794 (8.66 MB)" in done.stdout


@pytest.mark.parametrize("words", ["shapes --by layer", "shapes -f json", "params", "--help"])
def test_a_pipe_closed_early_is_no_error(tmp_path: Path, words: str) -> None:
    first, _, rest = words.partition(" ")
    process = subprocess.Popen(
        [*COMMAND, first, *rest.split()],
        cwd=tmp_path,
        env=environment(100),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) != 2


def test_a_terminal_without_our_glyphs_gets_the_numbers(archscope: Run) -> None:
    result = archscope("shapes", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (result.code, result.err) == (0, "")
    assert "2,270,794" in result.out
