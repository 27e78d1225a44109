"""Atomic writes: the old content or the new, whatever goes wrong, and nothing left lying about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archscope.errors import OutputError
from archscope.files import atomic_folder, atomic_path, write_atomic


def test_a_write_replaces_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_below_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match=r"cannot write .*: file exists; choose another place"):
        write_atomic(tmp_path / "file" / "below", "new")


def test_a_link_is_followed_and_one_to_nowhere_refused(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    target.unlink()
    with pytest.raises(OutputError, match=r"cannot write .*link: it links to .*target, which does not exist"):
        write_atomic(link, "new")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with atomic_folder(whole) as made:
        (made / "a").write_text("a")
        assert not whole.exists()
    assert (whole / "a").read_text() == "a"

    def half() -> None:
        with atomic_folder(broken) as made:
            (made / "a").write_text("a")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        half()
    assert list(tmp_path.iterdir()) == [whole]
    with pytest.raises(OutputError, match="exists already"), atomic_folder(whole):
        pass


@pytest.mark.parametrize("stop", range(9))
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path, stop: int) -> None:
    """A process kills itself at its `stop`-th call to the system while it writes."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = f"""
import os, signal, sys
from pathlib import Path
from archscope.files import write_atomic
calls = iter(range(100))
def watch(event, args):
    if event in ("open", "os.rename", "os.chmod", "tempfile.mkstemp", "os.remove") and armed and next(calls) == {stop}:
        os.kill(os.getpid(), signal.SIGKILL)
armed = False
sys.addaudithook(watch)
armed = True
write_atomic(Path({str(path)!r}), "new" * 1000)
"""
    done = subprocess.run([sys.executable, "-c", program], env=dict(os.environ), capture_output=True, check=False)
    # The first of them come before the rename on every Python; the last may come after the end.
    killed = done.returncode == -signal.SIGKILL
    assert killed or (stop > 5 and done.returncode == 0), done.stderr
    assert path.read_text() in (["old"] if stop < 3 else ["old", "new" * 1000] if killed else ["new" * 1000])
