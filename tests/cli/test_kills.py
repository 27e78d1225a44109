"""No lost runs: kill -9, Ctrl-C and a full disk, through the real command line."""

from __future__ import annotations

import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from trainings import SPEC, outcome, saves, start, train_through_kills, wait_for_a_save

WORDS = ("train-eval", SPEC, "--data", "digits", "--epochs", "6", "--no-latency")
OFTEN = {"ARCHSCOPE_SAVE_SECONDS": "0.05"}
LONG = ("train-eval", SPEC, "--data", "digits", "--epochs", "500", "--patience", "0", "--no-latency")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the uninterrupted run comes to."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder, *WORDS, "--out", "run")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return outcome(folder / "run")


def test_three_kills_change_no_bit(whole: dict[str, Any], tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    assert train_through_kills(tmp_path, "run", WORDS, 3, random.Random(seed), **OFTEN) == 3, seed
    assert outcome(tmp_path / "run") == whole, seed
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux' prlimit")
def test_a_disk_that_takes_no_more_changes_no_bit_either(whole: dict[str, Any], tmp_path: Path) -> None:
    """From some save on no file may grow beyond 40,000 bytes: states, then the model. It is said once."""
    process = start(tmp_path, *WORDS, "--out", "run", **OFTEN)
    assert wait_for_a_save(process, tmp_path / "run.partial")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (40_000, 40_000))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "Traceback" not in err
    assert err.count("the training goes on, what was saved before stands") == 1
    assert "6/6" in err
    *_, how, last = err.splitlines()
    assert how == "what was saved is kept; go on with: archscope train-eval --resume run.partial"
    assert last.startswith("archscope: train-eval: cannot write ")
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    process = start(tmp_path, "train-eval", "--resume", "run.partial")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert outcome(tmp_path / "run") == whole


def test_ctrl_c_ends_behind_a_saved_step_and_says_how_to_go_on(tmp_path: Path) -> None:
    partial = tmp_path / "a run.partial"
    process = start(tmp_path, *LONG, "--out", "a run")
    assert wait_for_a_save(process, partial)
    second = start(tmp_path, "train-eval", "--resume", "a run.partial")
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert err.splitlines()[-1].endswith("is being trained by another process; wait for it to end, or stop it")
    for _ in range(2):  # pressed twice, as by someone impatient
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("archscope: train-eval: interrupted after ")
    assert last.endswith(" and saved; go on with: archscope train-eval --resume 'a run.partial'")
    before = saves(partial)
    # The same command again, in a pipe: the interrupted run is neither trained over nor forgotten.
    again = start(tmp_path, *LONG, "--out", "a run")
    _, err = again.communicate(timeout=60)
    assert again.returncode == 2
    assert "archscope train-eval --resume 'a run.partial'" in err
    assert saves(partial) == before


@pytest.mark.parametrize("delay", [0.05, 0.5, 1.2])
def test_ctrl_c_behind_the_last_epoch_loses_nothing(delay: float, tmp_path: Path) -> None:
    """While the test set is scored, files are converted and written: frameworks' own code, that loses exceptions."""
    process = start(tmp_path, *WORDS, "--out", "run")
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("6/6" in line for line in lines)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err
    if (tmp_path / "run").exists():
        assert not (tmp_path / "run.partial").exists()
        assert process.returncode == 0 or "the run is finished: run" in err or process.returncode == -signal.SIGINT
        return
    assert process.returncode == 130, out + err
    assert "go on with: archscope train-eval --resume run.partial" in err.splitlines()[-1]
    process = start(tmp_path, "train-eval", "--resume", "run.partial")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "images/s" not in err or "6/6" not in err  # nothing is trained again


def test_a_signal_before_anything_is_saved_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, *LONG, "--out", "run")
    while not (tmp_path / "run.partial" / "lock").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "archscope: train-eval: terminated; nothing was saved yet\n")
    assert list(tmp_path.iterdir()) == []
