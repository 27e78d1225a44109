"""The command line as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import COMMAND, Result, environment


def on_this_terminal(descriptor: int) -> None:
    """Take the terminal, and Ctrl-C with it: a test run in the background ignores that, and hands the habit on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.login_tty(descriptor)


@pytest.fixture
def archscope(tmp_path: Path) -> Callable[..., Result]:
    """Run `archscope WORDS...` in this test's own folder, its output in pipes; 100 columns unless told otherwise."""

    def run(*words: str, columns: int = 100, **changes: str) -> Result:
        done = subprocess.run(
            [*COMMAND, *words],
            cwd=tmp_path,
            env=environment(columns, **changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def on_terminal(tmp_path: Path) -> Callable[..., Result]:
    """Run it on a terminal, where `typed` is what the person types; both streams come back as `out`."""

    def run(*words: str, typed: bytes = b"", columns: int = 100, **changes: str) -> Result:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=tmp_path,
            env=environment(columns, **changes),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            # A session of its own, with this terminal: so Ctrl-C reaches it and nothing else.
            preexec_fn=lambda: on_this_terminal(theirs),
        )
        os.close(theirs)
        out, asked, end = b"", 0, time.monotonic() + 120
        try:
            while time.monotonic() < end:
                ready = select.select([ours], [], [], 1)[0]
                try:
                    part = os.read(ours, 65536) if ready else b""
                except OSError:  # Linux: the other side is closed
                    break
                out += part
                if ready and not part:
                    break
                # Again where it was not taken: a Ctrl-C between prompt and input is lost in Python's own input().
                if typed and b"[y/N]" in out and (not ready or not asked):
                    os.write(ours, typed)
                    asked += 1
            return Result(process.wait(60), out.decode().replace("\r\n", "\n"), "")
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    return run
