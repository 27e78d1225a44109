"""The commands that answer at once import no framework: read from sys.modules in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import environment

HEAVY = [
    "tensorflow",
    "keras",
    "pandas",
    "numpy",
    "matplotlib",
    "sklearn",
    "pyarrow",
    "PIL",
    "ai_edge_litert",
    "pydantic",
]

PROBE = """
import json, sys
{prelude}
from archscope.cli.main import main
try:
    main(sys.argv[2:])
except SystemExit as end:
    code = end.code
loaded = [name for name in {heavy} if name in sys.modules]
open(sys.argv[1], "w").write(json.dumps([code, loaded]))
"""


def probe(folder: Path, words: list[str], prelude: str = "") -> tuple[int, list[str]]:
    """Exit code, and which of the heavy packages were loaded when the command was done."""
    report = folder / "probe.json"
    script = PROBE.format(prelude=prelude, heavy=HEAVY)
    command = [sys.executable, "-c", script, str(report), *words]
    subprocess.run(command, cwd=folder, env=environment(100), check=True, capture_output=True, timeout=120)
    code, loaded = json.loads(report.read_text())
    return code, loaded


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["shapes", "--input", "32"],
        ["shapes", "--format", "json"],
        ["params", "--max-params", "3M"],
        ["status"],
        ["init", "mobilenet_v1"],
        ["set", "alpha=0.9"],
        ["cut", "block_12_add", "--head", "1000"],
        ["head", "100"],
        ["stride", "block_13", "1"],
        ["drop", "block_5"],
        ["dilate", "block_13"],
        ["replace", "norms", "group"],
        ["reset"],
        ["train-eval", "--help"],
        ["compare", "mobilenet_v2", "+cut:block_12_add"],
    ],
    ids=lambda words: words[0],
)
def test_no_framework_is_loaded(tmp_path: Path, words: list[str]) -> None:
    assert probe(tmp_path, words) == (0, [])


def test_no_framework_is_loaded_by_undo_and_redo(tmp_path: Path) -> None:
    assert probe(tmp_path, ["cut", "block_12_add"]) == (0, [])
    assert probe(tmp_path, ["undo"]) == (0, [])
    assert probe(tmp_path, ["redo"]) == (0, [])


def test_the_probe_sees_keras_where_it_is_loaded(tmp_path: Path) -> None:
    """A positive control."""
    code, loaded = probe(tmp_path, ["shapes"], prelude="import keras")
    assert code == 0
    assert {"keras", "numpy"} <= set(loaded)
