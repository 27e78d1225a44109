"""README's pictures of the terminal are what the commands print, and its test command is the one CI runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- archscope: (?P<command>.+?) -->\n```console\n(?P<shown>.*?)```\n", re.DOTALL)


def run(command: str, folder: Path) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    arguments = [sys.executable, "-m", "archscope.cli.main", *command.split()]
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return f"$ archscope {command}\n{done.stdout}"


def test_the_terminal_pictures_are_what_is_printed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    blocks = list(BLOCK.finditer(README))
    assert len(blocks) >= 2
    printed = [run(block["command"], tmp_path) for block in blocks]
    if request.config.getoption("--overwrite"):
        fresh = iter(printed)
        text = BLOCK.sub(lambda old: f"<!-- archscope: {old['command']} -->\n```console\n{next(fresh)}```\n", README)
        (ROOT / "README.md").write_text(text, encoding="utf-8")
    else:
        assert [block["shown"] for block in blocks] == printed


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "pip install -e '.[test]' && pytest\n" in README
    assert "grep -m1 -E '^pip install .*pytest' README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
