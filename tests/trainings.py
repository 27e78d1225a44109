"""Trainings through the real command line, on the digits and a tiny network, and what they come to."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

# Small enough to train in seconds, with every kind of layer that the real ones have.
SPEC = "mobilenet_v2@16,alpha=0.1+cut:block_2_add+head:16"


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """`archscope WORDS...` as a process of its own, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "archscope.cli.main", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", **environment},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run in the background ignores Ctrl-C, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def saves(partial: Path) -> dict[str, int]:
    """When each generation of the state was written, by the file system's clock."""
    found = {}
    for path in partial.glob("state-?.npz"):
        try:
            found[path.name] = path.stat().st_mtime_ns
        except FileNotFoundError:  # the run ended meanwhile
            continue
    return found


def wait_for_a_save(process: subprocess.Popen[str], partial: Path) -> bool:
    """Wait until `process` has saved a state; False where it ended before."""
    before = saves(partial)
    while saves(partial) == before:
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    return True


def kill(process: subprocess.Popen[str]) -> bool:
    """SIGKILL; False where the process had ended before."""
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def train_through_kills(
    folder: Path, out: str, words: tuple[str, ...], kills: int, chance: random.Random, **environment: str
) -> int:
    """Train with `words` into `out`, killed `kills` times at random moments after a save; the number of real kills."""
    partial, done = folder / f"{out}.partial", 0
    while not (folder / out).exists():
        words = ("train-eval", "--resume", str(partial.name)) if saves(partial) else (*words, "--out", out)
        # What saves after every step is slow: the last part need not.
        process = start(folder, *words, **(environment if done < kills else {}))
        if done < kills and wait_for_a_save(process, partial):
            time.sleep(chance.uniform(0, 0.5))
            done += kill(process)
            continue
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    return done


def outcome(run: Path) -> dict[str, Any]:
    """All of a finished run that must not depend on interruptions: weights bit by bit, history without its clock."""
    import h5py

    found: dict[str, Any] = {}
    with zipfile.ZipFile(run / "model.keras") as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
        )
    assert sum(np.frombuffer(value, np.uint8).size for value in found.values()) > 10_000
    record = json.loads((run / "run.json").read_text())
    for epoch in record["history"]:
        del epoch["seconds"], epoch["images_per_second"]
    return found | {key: record[key] for key in ("history", "best_epoch", "test", "validation", "recipe")}
