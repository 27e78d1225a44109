"""Single-image CPU latency of a network: LiteRT, a compiled tf.function and Keras' `predict`, in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import archscope
from archscope.cpus import usable_cpus
from archscope.errors import RunError
from archscope.latency.worker import RUNTIMES
from archscope.runs.record import LatencyRecord

if TYPE_CHECKING:
    import keras


def measure(
    model: keras.Model,
    litert: bytes,
    *,
    runtimes: Sequence[str] = tuple(RUNTIMES),
    threads: int = 1,
    tensorflow_threads: int | None = None,
    runs: int = 1000,
    seconds: float = 5.0,
) -> Iterator[LatencyRecord]:
    """Measure `model` (functional, input [N, H, W, C]) and its LiteRT flatbuffer; yield each record when it is there.

    All runtimes are measured one after the other in one fresh process that sees no GPU and does nothing else. LiteRT
    computes with `threads` threads, TensorFlow with `tensorflow_threads` (intra-op and inter-op), by default as many
    as there are CPUs, which is what TensorFlow itself would take; every record states its own. Each takes `runs`
    timed single images, or as many as `seconds` allow (see `archscope.latency.protocol`). A yielded order: LiteRT,
    tf.function, predict. Raises RunError for a wrong argument, or where the process fails, with its last words.
    """
    tensorflow_threads = usable_cpus() if tensorflow_threads is None else tensorflow_threads
    _check(runtimes, min(threads, tensorflow_threads), runs, seconds)
    height, width, channels = model.inputs[0].shape[1:]
    with tempfile.TemporaryDirectory(prefix="archscope-latency-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(litert)
        if set(runtimes) != {"litert"}:
            model.save(folder / "model.keras")
        numbers = [str(value) for value in (height, width, channels, threads, tensorflow_threads, runs, seconds)]
        yield from _run_worker([name, *numbers, *runtimes])


def _check(runtimes: Sequence[str], threads: int, runs: int, seconds: float) -> None:
    for runtime in runtimes:
        if runtime not in RUNTIMES:
            raise RunError(f"no runtime {runtime!r}", f"choose from {', '.join(RUNTIMES)}")
    if not runtimes or threads < 1 or runs < 1 or not 0 < seconds < float("inf"):
        raise RunError(
            f"{len(runtimes)} runtimes, {threads} threads, {runs} runs, {seconds} seconds: each must be positive",
            "leave them at their defaults",
        )


def _run_worker(arguments: list[str]) -> Iterator[LatencyRecord]:
    # -P: a keras.py in the user's working directory is not the Keras that is meant.
    command = [sys.executable, "-P", "-m", "archscope.latency.worker", *arguments]
    with (
        tempfile.TemporaryFile() as noise,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, env=_environment()) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield LatencyRecord(**json.loads(line))
        except BaseException:  # also when the caller stops listening: leave no process behind
            process.kill()
            raise
        if process.wait() != 0:
            noise.seek(0)
            words = noise.read().decode("utf-8", errors="replace")
            said = [line for line in words.splitlines() if line.strip()]
            error = RunError(
                f"the measuring process ended with code {process.returncode}: {(said or ['no output'])[-1][:200]}",
                "check the free memory, or measure fewer runtimes",
            )
            error.add_note("\n".join(said))
            raise error


def _environment() -> dict[str, str]:
    """The parent's environment, so that the same packages are found; CPU only; quiet."""
    package = str(Path(archscope.__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
