"""Two edits of one folder at once: none is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from archscope.cli.editing import Target, edit
from archscope.cli.subject import workspace
from archscope.design import DEFAULT, Cut, Design, Stride, edited
from archscope.errors import DesignError


def test_an_edit_does_not_overwrite_what_another_one_wrote_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace().write(DEFAULT, "init")
    other = edited(DEFAULT, Stride("Conv1", 1))

    def change(design: Design) -> Design:
        workspace().write(other, "stride Conv1 1")
        return edited(design, Cut("block_12"))

    with pytest.raises(DesignError, match=r"archscope\.toml was changed while this command ran"):
        edit(change, Target(), "cut block_12", lambda design: "cut")
    assert workspace().design() == other
    assert "wrote" not in capsys.readouterr().out
