"""The edits from the command line: what they print, write, and leave alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
FILE = "archscope.toml"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_main_job_says_what_it_did(archscope: Run, tmp_path: Path) -> None:
    result = archscope("cut", "block_12_add", "--head", "1000", columns=200)
    assert result.lines[0].startswith("mobilenet_v2@32 · 10 classes · built-in default (no archscope.toml)")
    assert "1000 units (1x1 conv + BN + ReLU), global pooling, dropout 0.2, 10 classes" in result.out
    for figure in ("2,270,794", "669,666", "1x1x1280", "2x2x96", "✗ block_13_depthwise", "✓ none"):
        assert figure in result.out
    assert result.lines[-1] == "made archscope.toml: mobilenet_v2@32+cut:block_12_add+head:1000"
    assert 'edits = ["cut:block_12_add", "head:1000"]' in (tmp_path / FILE).read_text()


def test_the_same_again_changes_nothing(archscope: Run, tmp_path: Path) -> None:
    archscope("cut", "block_12_add", "--head", "1000")
    before = files(tmp_path)
    for words in (
        ["cut", "block_12_add", "--head", "1000"],
        ["head", "1000"],
        ["stride", "stem", "2"],
        ["set", "alpha=1"],
        ["init", "mobilenet_v2@32+cut:block_12_add+head:1000"],
    ):
        result = archscope(*words, columns=200)
        assert result.code == 0
        assert "already so" in result.out
        assert files(tmp_path) == before


def test_every_write_can_be_undone_and_redone(archscope: Run, tmp_path: Path) -> None:
    texts: list[str | None] = [None]
    for words in (
        ["init", "mobilenet_v1", "alpha=0.5"],
        ["set", "model=mobilenet_v2", "input=48"],
        ["cut", "block_12", "--head", "64"],
        ["stride", "stem", "1"],
        ["head", "plain"],
        ["reset"],
        ["init", "mobilenet_v1", "--yes"],
    ):
        assert archscope(*words).code == 0
        texts.append((tmp_path / FILE).read_text())
    assert len(set(texts)) == len(texts)
    for before in reversed(texts[:-1]):
        assert "undone: " in archscope("undo").out
        now = (tmp_path / FILE).read_text() if (tmp_path / FILE).exists() else None
        assert (now is None) == (before is None)
    assert archscope("undo").code == 2
    for _ in texts[1:]:
        assert "done again: " in archscope("redo").out
    assert (tmp_path / FILE).read_text() == texts[-1]


def test_status_says_what_undo_takes_back(archscope: Run) -> None:
    assert "nothing to undo or redo" in archscope("status").out
    archscope("cut", "block_12_add")
    archscope("head", "100")
    assert archscope("status").lines[-1] == "undo takes back: head 100 (1 more before it)"
    archscope("undo")
    assert archscope("status").lines[-1] == "undo takes back: cut block_12_add; redo does again: head 100"


@pytest.mark.parametrize(
    "words",
    [
        ["cut", "block_12_add", "--dry-run"],
        ["stride", "block_13", "1", "--dry-run"],
        ["set", "alpha=0.5", "--dry-run"],
        ["head", "none", "--dry-run"],
        ["reset", "--dry-run"],
        ["cut", "block_12_add", "-m", "mobilenet_v2"],
        ["set", "alpha=0.5", "-m", "mobilenet_v1@64"],
        ["shapes", "--input", "64"],
        ["status"],
        ["params"],
    ],
)
def test_what_only_shows_writes_nothing(archscope: Run, tmp_path: Path, words: list[str]) -> None:
    archscope("init", "mobilenet_v2", "alpha=0.35")
    before = files(tmp_path)
    assert archscope(*words).code == 0
    assert files(tmp_path) == before


def test_a_model_argument_ignores_the_folders_design(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[design\n")
    assert archscope("shapes", "mobilenet_v2@32").lines[0].startswith("mobilenet_v2@32 · 10 classes · spec")
    assert archscope("shapes", "mobilenet_v2").lines[0].startswith("mobilenet_v2@32 · 10 classes · model")
    result = archscope("cut", "block_12_add", "-m", "mobilenet_v2,alpha=0.9")
    assert result.lines[-1] == "spec: mobilenet_v2@32,alpha=0.9+cut:block_12_add"


def test_the_first_line_says_where_the_network_came_from(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[design]\nalpha = 0.5\n")
    assert "· other.toml" in archscope("shapes", "other.toml").out
    archscope("set", "alpha=0.5")
    assert "· archscope.toml" in archscope("shapes", columns=200).lines[0]
    assert "· archscope.toml, --input 64 for this call" in archscope("shapes", "--input", "64", columns=200).lines[0]


def test_a_folder_with_a_models_name_is_no_trap(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / "mobilenet_v2").mkdir()
    assert archscope("shapes", "mobilenet_v2").code == 0


def test_overwriting_wants_a_yes_in_a_pipe(archscope: Run, tmp_path: Path) -> None:
    archscope("init", "mobilenet_v2", "alpha=0.5")
    before = (tmp_path / FILE).read_bytes()
    for words in (["init", "mobilenet_v1"], ["cut", "block_12", "-m", "mobilenet_v2", "--save"]):
        result = archscope(*words)
        assert result.code == 2
        assert "archscope.toml holds mobilenet_v2@32,alpha=0.5, which this would replace; say --yes" in result.err
        assert (tmp_path / FILE).read_bytes() == before
        assert archscope(*words, "--yes").code == 0
        assert "undone" in archscope("undo").out


@pytest.mark.parametrize(
    ("typed", "code", "replaced"),
    [(b"y\n", 0, True), (b"n\n", 2, False), (b"\n", 2, False), (b"\x04", None, False), (b"\x03", 130, False)],
    ids=["yes", "no", "enter", "ctrl-d", "ctrl-c"],
)
def test_overwriting_asks_on_a_terminal(
    archscope: Run, on_terminal: Run, tmp_path: Path, typed: bytes, code: int | None, replaced: bool
) -> None:
    archscope("init", "mobilenet_v2", "alpha=0.5")
    result = on_terminal("init", "mobilenet_v1", typed=typed)
    assert "Traceback" not in result.out
    assert result.code == code or (code is None and result.code)
    assert ("mobilenet_v1" in (tmp_path / FILE).read_text()) == replaced


def test_refused_edits_leave_everything_as_it_was(archscope: Run, tmp_path: Path) -> None:
    archscope("cut", "block_12_add", "--head", "1000")
    before = files(tmp_path)
    for words in (
        ["cut", "predictions"],
        ["stride", "block_2_depthwise", "2"],
        ["set", "model=mobilenet_v1"],
        ["set", "alpha=0"],
        ["head", "-5"],
    ):
        assert archscope(*words).code == 2
        assert files(tmp_path) == before


def test_a_refused_add_is_named_with_its_shapes(archscope: Run) -> None:
    result = archscope("stride", "block_2_depthwise", "2")
    assert result.err == "archscope: stride: 'block_2_add': Add needs equal shapes, and got 8x8x24 and 4x4x24\n"


def test_the_file_keeps_what_is_not_ours(archscope: Run, tmp_path: Path) -> None:
    text = "# mine\r\n[other]\r\nx = 1  # one\r\n\r\n[design]\r\nalpha = 0.5  # narrow\r\n"
    (tmp_path / FILE).write_bytes(text.encode())
    archscope("set", "classes=7")
    after = (tmp_path / FILE).read_bytes().decode()
    assert after.startswith("# mine\r\n[other]\r\nx = 1  # one\r\n\r\n[design]\r\n")
    assert "alpha = 0.5  # narrow\r\n" in after
    assert "classes = 7\r\n" in after
    assert after.count("\n") == after.count("\r\n")


def test_a_bare_body_stays_bare_and_the_words_say_so(archscope: Run) -> None:
    assert "no head: the bare body" in archscope("cut", "block_3", "-m", "mobilenet_v2+head:none").out
    assert "plain head" in archscope("cut", "block_3", "-m", "mobilenet_v2").out


def test_undo_names_the_dropout_that_was_typed(archscope: Run) -> None:
    archscope("cut", "block_3", "--head", "9", "--dropout", "0.5")
    assert "undone: cut block_3 --head 9 --dropout 0.5" in archscope("undo").out


def test_a_file_with_a_budget_alone_is_not_called_missing(archscope: Run, tmp_path: Path) -> None:
    (tmp_path / "archscope.toml").write_text('[budget]\nmax_params = "3M"\n')
    assert "built-in default (no [design] in archscope.toml)" in archscope("shapes").out


@pytest.mark.parametrize(
    ("words", "meaning", "spec"),
    [
        (["drop", "block:7..9"], "without block:7..9", "drop:block:7..9"),
        (["drop", "block:5"], "without block:5", "drop:block_5"),
        (["dilate", "last-stride"], "stride 1 at last-stride, and the windows", "dilate:block_13_depthwise"),
        (["replace", "relu6", "swish"], "swish in place of relu6", "replace:relu6,by=swish"),
        (
            ["replace", "norms", "group", "--in", "block:6..9", "--groups", "4"],
            "group of 4 in place of norms in block:6..9",
            "replace:norms,by=group,in=block:6..9,groups=4",
        ),
    ],
)
def test_further_edits_say_what_they_did(archscope: Run, words: list[str], meaning: str, spec: str) -> None:
    result = archscope(*words, columns=200)
    assert (result.code, result.err) == (0, "")
    assert meaning in result.out
    assert result.lines[-1] == f"made archscope.toml: mobilenet_v2@32+{spec}"
    # What it stood for by a selector has another name by now.
    again = words if words[0] == "replace" else [words[0], spec.split(":", 1)[1]]
    assert "already so" in archscope(*again).out
    assert f"undone: {' '.join(words)}" in archscope("undo", columns=200).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["drop", "block_2_add"], "drop: 'block_2_add' reads more than one tensor"),
        (["dilate", "block_6"], "dilate: 'block_13_depthwise' behind 'block_6_depthwise' has a stride of its own"),
        (
            ["replace", "relu", "gelu"],
            "replace: there is no relu among the activations in this network; these are relu6",
        ),
        (["replace", "relu6", "gelu", "--groups", "2"], "replace: groups=2: by=gelu has no groups"),
    ],
)
def test_further_edits_that_are_refused_say_why(archscope: Run, tmp_path: Path, words: list[str], said: str) -> None:
    result = archscope(*words)
    assert result.code == 2
    assert result.err.startswith(f"archscope: {said}")
    assert not (tmp_path / FILE).exists()
