"""Twenty kills of the real command line at any moment. Not part of the default suite: `pytest -n 0 tests/soak`."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from trainings import SPEC, kill, outcome, saves, start, train_through_kills

# Long enough that a quick machine is not done before the last of the kills.
WORDS = ("train-eval", SPEC, "--data", "digits", "--epochs", "60", "--patience", "0", "--no-latency")
OFTEN = {"ARCHSCOPE_SAVE_SECONDS": "0.02"}
KILLS = 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder, *WORDS, "--out", "run")
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return outcome(folder / "run")


def test_twenty_kills_while_it_trains_and_saves(whole: dict[str, Any], tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    assert train_through_kills(tmp_path, "run", WORDS, KILLS, random.Random(seed), **OFTEN) == KILLS, seed
    assert outcome(tmp_path / "run") == whole, seed


def test_twenty_kills_at_any_moment_from_the_first_import_to_the_last_file(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    """Kills that come before anything was saved, while the report is written, or after the end are among them."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance, longest = random.Random(seed), 10.0
    for _ in range(KILLS):
        partial = tmp_path / "run.partial"
        if (tmp_path / "run").exists():
            break
        words = ("train-eval", "--resume", "run") if saves(partial) else (*WORDS, "--out", "run")
        process = start(tmp_path, *words, **OFTEN)
        time.sleep(chance.uniform(0, longest))
        if not kill(process):
            assert process.returncode == 0, seed
        longest += 1.0  # so that some come late, too
    while not (tmp_path / "run").exists():
        words = ("train-eval", "--resume", "run") if saves(tmp_path / "run.partial") else (*WORDS, "--out", "run")
        process = start(tmp_path, *words)
        _, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
    assert outcome(tmp_path / "run") == whole, seed
