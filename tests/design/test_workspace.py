"""The working directory: every write can be undone and redone, and nothing is ever lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.design import DEFAULT, Cut, Design, Workspace, edited, format_spec, parse_spec
from archscope.design.workspace import HISTORY_LIMIT
from archscope.errors import ArchscopeError, DesignError, OutputError

CUT = parse_spec("mobilenet_v2@32+cut:block_12_add")
NARROW = parse_spec("mobilenet_v2@32,alpha=0.5+cut:block_12_add")


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def history_file(space: Workspace) -> Path:
    return space.folder / ".archscope" / "history.json"


def commands(space: Workspace) -> tuple[list[str], list[str]]:
    done, undone = space.history()
    return [step.command for step in done], [step.command for step in undone]


def test_an_empty_folder_has_no_design_and_no_history(space: Workspace) -> None:
    assert space.design() is None
    assert space.history() == ((), ())
    with pytest.raises(DesignError, match="nothing to undo in this folder; `archscope status` shows"):
        space.undo()
    with pytest.raises(DesignError, match="nothing to redo in this folder; a write after an undo ends"):
        space.redo()
    assert list(space.folder.iterdir()) == []


def test_readers_write_nothing(space: Workspace) -> None:
    space.write(CUT, "cut")
    before = {path: path.read_bytes() for path in space.folder.rglob("*") if path.is_file()}
    space.design()
    space.history()
    assert {path: path.read_bytes() for path in space.folder.rglob("*") if path.is_file()} == before


def test_undo_and_redo_walk_through_every_write(space: Workspace) -> None:
    walk: list[Design | None] = [None, DEFAULT, CUT, NARROW]
    for design, command in ((DEFAULT, "init"), (CUT, "cut"), (NARROW, "set")):
        space.write(design, command)
    texts = [space.path.read_text()]
    for number in (2, 1, 0):
        step = space.undo()
        assert space.design() == walk[number]
        assert step.command == ["init", "cut", "set"][number]
        assert commands(space) == (["init", "cut", "set"][:number], ["init", "cut", "set"][number:])
    assert not space.path.exists()
    for number in (1, 2, 3):
        space.redo()
        assert space.design() == walk[number]
    assert space.path.read_text() == texts[0]
    with pytest.raises(DesignError):
        space.redo()


def test_a_write_after_an_undo_ends_the_redo(space: Workspace) -> None:
    space.write(CUT, "cut")
    space.undo()
    space.write(NARROW, "set")
    assert commands(space) == (["set"], [])


def test_undoing_the_first_write_and_redoing_it_keeps_comments(space: Workspace) -> None:
    space.write(DEFAULT, "init")
    text = "# Mine.\n" + space.path.read_text() + "# and this\n\n[other]  # foreign\nx = 1\n"
    space.path.write_text(text)
    space.undo()
    left = space.path.read_text()
    assert "[design]" not in left
    assert "[other]  # foreign\nx = 1\n" in left
    assert space.design() is None
    space.redo()
    assert space.path.read_text() == text


def test_a_file_that_was_ours_alone_goes_and_comes_back_with_its_comments(space: Workspace) -> None:
    space.write(DEFAULT, "init")
    text = space.path.read_text().replace('"mobilenet_v2"', '"mobilenet_v2"  # why not')
    space.path.write_text(text)
    space.undo()
    assert not space.path.exists()
    space.redo()
    assert space.path.read_text() == text


def test_redo_does_not_undo_what_was_added_meanwhile(space: Workspace) -> None:
    space.write(CUT, "cut")
    space.undo()
    space.path.write_text("[other]\nx = 1\n")
    space.redo()
    assert space.design() == CUT
    assert "[other]\nx = 1\n" in space.path.read_text()


def test_hand_edits_are_steps_of_their_own(space: Workspace) -> None:
    space.write(CUT, "cut")
    space.path.write_text(space.path.read_text().replace("[design]", "[design]\nalpha = 0.5"))
    assert commands(space) == (["cut", "a change of archscope.toml by hand"], [])
    space.undo()
    assert space.design() == CUT
    assert space.redo().command == "a change of archscope.toml by hand"
    assert space.design() == NARROW
    space.undo()
    space.undo()
    assert space.design() is None


def test_a_hand_edit_after_an_undo_ends_the_redo(space: Workspace) -> None:
    space.write(DEFAULT, "init")
    space.write(CUT, "cut")
    space.undo()
    space.path.write_text("[design]\nalpha = 0.5\n")
    assert commands(space) == (["init", "a change of archscope.toml by hand"], [])
    space.undo()
    assert space.design() == DEFAULT


def test_a_file_removed_by_hand_comes_back(space: Workspace) -> None:
    space.write(CUT, "cut")
    space.path.unlink()
    assert commands(space)[0] == ["cut", "a change of archscope.toml by hand"]
    space.undo()
    assert space.design() == CUT


def test_a_design_that_was_there_first_is_where_the_history_starts(space: Workspace) -> None:
    """A fresh clone: undo must not take the committed design away."""
    space.path.write_text("[design]\nalpha = 0.5\n")
    assert space.history() == ((), ())
    with pytest.raises(DesignError, match="nothing to undo"):
        space.undo()
    space.write(NARROW, "cut")
    space.undo()
    assert space.design() == NARROW.having(edits=[])


def test_killed_between_the_two_writes(space: Workspace) -> None:
    """The design is written first: without its history entry it counts as a change by hand."""
    space.write(DEFAULT, "init")
    before = history_file(space).read_bytes()
    space.write(CUT, "cut")
    history_file(space).write_bytes(before)
    assert commands(space)[0] == ["init", "a change of archscope.toml by hand"]
    space.undo()
    assert space.design() == DEFAULT
    history_file(space).unlink()
    assert space.design() == DEFAULT
    space.write(CUT, "cut")
    space.undo()
    assert space.design() == DEFAULT


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"schema_version": 2, "position": 0, "steps": []}',
        '{"schema_version": 1, "position": 1, "steps": []}',
        '{"schema_version": 1, "position": -1, "steps": []}',
        '{"schema_version": 1, "position": "0", "steps": []}',
        '{"schema_version": 1, "position": 0, "steps": [1]}',
        '{"schema_version": 1, "position": 1, "steps": [{"command": "x", "before": 1, "after": null}]}',
        '{"schema_version": 1, "position": 1, "steps": [{"command": "x", "before": null, "after": "vgg"}]}',
        '{"schema_version": 1, "position": 1, "steps": [{"command": 1, "before": null, "after": null}]}',
        '{"schema_version": 1, "position": 1, "steps": [{"command": "x"}]}',
        '{"schema_version": 1, "position": 1, "steps": [{"command": "x", "before": null, "after": null, "y": 1}]}',
    ],
)
@pytest.mark.parametrize("act", [Workspace.undo, Workspace.redo, Workspace.history, lambda s: s.write(NARROW, "x")])
def test_a_damaged_history_is_named_and_nothing_is_touched(
    space: Workspace, content: str, act: Callable[[Workspace], object]
) -> None:
    space.write(CUT, "cut")
    before = space.path.read_bytes()
    history_file(space).write_text(content)
    with pytest.raises(DesignError, match=r"history\.json is damaged; remove it to go on without undo"):
        act(space)
    assert space.path.read_bytes() == before
    assert history_file(space).read_text() == content
    assert space.design() == CUT


@pytest.mark.parametrize("content", [b"[design\n", b"[design]\nalfa = 1\n", b"\xff", b"design = 1"])
@pytest.mark.parametrize("act", [Workspace.undo, Workspace.redo, Workspace.history, lambda s: s.write(NARROW, "x")])
def test_a_damaged_design_is_named_and_nothing_is_touched(
    space: Workspace, content: bytes, act: Callable[[Workspace], object]
) -> None:
    space.write(CUT, "cut")
    before = history_file(space).read_bytes()
    space.path.write_bytes(content)
    with pytest.raises(DesignError, match=r"archscope\.toml"):
        act(space)
    assert space.path.read_bytes() == content
    assert history_file(space).read_bytes() == before


def test_a_folder_in_the_files_place(space: Workspace) -> None:
    space.path.mkdir()
    with pytest.raises(DesignError, match=r"cannot read .*archscope\.toml: is a directory"):
        space.write(CUT, "cut")
    assert space.path.is_dir()


def test_a_file_in_the_historys_place_changes_nothing(space: Workspace) -> None:
    (space.folder / ".archscope").write_text("in the way")
    with pytest.raises(ArchscopeError):
        space.write(CUT, "cut")
    assert not space.path.exists()
    assert (space.folder / ".archscope").read_text() == "in the way"


def test_what_the_disk_refuses_is_taken_back(space: Workspace) -> None:
    """Design and history are written both or neither: here the history cannot be written for a folder in its way."""
    space.path.write_text("# mine\n[design]\n")
    (space.folder / ".archscope").mkdir()
    (space.folder / ".archscope" / ".gitignore").symlink_to("/proc/none/at/all")
    with pytest.raises(OutputError, match="cannot write"):
        space.write(CUT, "cut")
    assert space.path.read_text() == "# mine\n[design]\n"
    assert not history_file(space).exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_refuses_and_stays_as_it_was(space: Workspace) -> None:
    space.folder.chmod(0o500)
    try:
        with pytest.raises(OutputError, match=r"cannot write .*: permission denied; choose another place"):
            space.write(CUT, "cut")
        assert list(space.folder.iterdir()) == []
    finally:
        space.folder.chmod(0o700)


def test_a_link_stays_a_link(space: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "net.toml"
    elsewhere.write_text("# mine\n[design]\n")
    space.path.symlink_to(elsewhere)
    space.write(CUT, "cut")
    assert space.path.is_symlink()
    assert elsewhere.read_text().startswith("# mine\n[design]\n")
    assert space.design() == CUT


def test_the_history_is_ignored_by_git_and_has_an_end(space: Workspace) -> None:
    space.write(DEFAULT, "init")
    assert (space.folder / ".archscope" / ".gitignore").read_text() == "*\n"
    data = json.loads(history_file(space).read_text())
    data["steps"] = [{"command": "x", "before": None, "after": format_spec(DEFAULT), "removed": None}] * HISTORY_LIMIT
    data["position"] = HISTORY_LIMIT
    history_file(space).write_text(json.dumps(data))
    space.write(CUT, "cut")
    assert len(space.history()[0]) == HISTORY_LIMIT
    space.undo()
    assert space.design() == DEFAULT


@given(st.lists(st.one_of(st.sampled_from(["undo", "redo"]), st.integers(0, 5)), max_size=12))
@settings(max_examples=30)
def test_random_walks_agree_with_a_list(tmp_path_factory: pytest.TempPathFactory, walk: list[str | int]) -> None:
    """The workspace against the simplest model of it: a list of designs and a place in it."""
    space = Workspace(tmp_path_factory.mktemp("walk"))
    states: list[Design | None] = [None]
    at = 0
    for move in walk:
        if isinstance(move, int):
            wanted = edited(DEFAULT, Cut(f"block_{move + 7}"))
            space.write(wanted, str(move))
            states, at = [*states[: at + 1], wanted], at + 1
        elif move == "undo" and at:
            space.undo()
            at -= 1
        elif move == "redo" and at + 1 < len(states):
            space.redo()
            at += 1
        else:
            with pytest.raises(DesignError, match=f"nothing to {move}"):
                getattr(space, move)()
        assert space.design() == states[at]
        assert [len(part) for part in space.history()] == [at, len(states) - 1 - at]
