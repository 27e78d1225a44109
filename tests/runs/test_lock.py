from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archscope.errors import OutputError, RunError
from archscope.runs.lock import LOCK_FILE, is_locked, locked

HOLDER = """
import sys, time
from pathlib import Path
from archscope.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_process_holds_it_and_a_kill_lets_go(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_locked(tmp_path)
        with pytest.raises(RunError, match="is being trained by another process; wait for it"), locked(tmp_path):
            pass
        holder.kill()
        holder.wait()
    assert (tmp_path / LOCK_FILE).exists()
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_a_lock_on_a_folder_that_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def open_and_lose(path: Path, *arguments: int) -> int:
        handle = opened(path, *arguments)
        path.unlink()
        return handle

    monkeypatch.setattr(os, "open", open_and_lose)
    with pytest.raises(RunError, match="another process"), locked(tmp_path):
        pass


def test_a_folder_that_is_none_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"), locked(tmp_path / "none"):
        pass
    assert not is_locked(tmp_path / "none")
