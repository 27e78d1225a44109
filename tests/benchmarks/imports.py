"""Reading a saved network: `archscope shapes model.keras` against Keras, and what tracing the largest imports takes.

    python tests/benchmarks/imports.py [ROUNDS] [REPORT]

The two commands run alternately, each in a process of its own, after one warm-up each; medians are compared. Traces are
timed in this process, on networks that are in memory; the first ones are built by Keras, once, into archscope's cache.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from archscope.design import build, parse_spec
from archscope.graph import verify

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "reports" / "benchmarks" / "imports.md"
LARGE = ("keras:NASNetLarge", "keras:EfficientNetB7")
PARAMS = "3,538,984"


def seconds(command: list[str], folder: str) -> float:
    """Wall time of one run. Raises RuntimeError where it fails or does not print the parameters."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    elapsed = time.perf_counter() - start
    if done.returncode or PARAMS not in done.stdout:
        raise RuntimeError(f"{command} ended with {done.returncode} and does not print {PARAMS}")
    return elapsed


def commands(rounds: int) -> tuple[float, float]:
    """Median seconds of archscope and of Keras on the same saved MobileNetV2."""
    found: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        save = "import keras, sys; keras.applications.MobileNetV2(weights=None).save(sys.argv[1])"
        subprocess.run([sys.executable, "-c", save, str(path)], check=True, capture_output=True)
        sides = (
            [sys.executable, "-m", "archscope.cli.main", "shapes", str(path)],
            [sys.executable, str(HERE / "keras_file.py"), str(path)],
        )
        for number in range(rounds + 1):
            for times, command in zip(found, sides, strict=True):
                elapsed = seconds(command, folder)
                if number:
                    times.append(elapsed)
    return statistics.median(found[0]), statistics.median(found[1])


def trace_milliseconds(spec: str, rounds: int) -> tuple[int, float]:
    """Layers, and the median milliseconds of tracing and verifying them."""
    graph = build(parse_spec(spec))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        verify(graph)
        times.append(1000 * (time.perf_counter() - start))
    return len(graph.nodes), statistics.median(times)


def report(rounds: int) -> str:
    traces = [(spec, *trace_milliseconds(spec, 5 * rounds)) for spec in LARGE]
    ours, theirs = commands(rounds)
    rows = "\n".join(f"| {spec} | {layers:,} | {elapsed:.1f} |" for spec, layers, elapsed in traces)
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow", "typer", "rich"))
    return f"""# Imported networks

`archscope shapes model.keras` on a saved MobileNetV2 (224x224, {PARAMS} parameters), which reads the file as data,
against Keras loading it and printing its summary ([keras_file.py](../../tests/benchmarks/keras_file.py)). Medians of
{rounds} runs each, taken alternately, each in a process of its own, after a warm-up.

| | wall time, s |
|---|--:|
| `archscope shapes model.keras` | {ours:.2f} |
| Keras script | {theirs:.2f} |
| ratio | **{theirs / ours:.1f}x faster** |

Tracing and verifying an imported network at its native size, in memory, medians of {5 * rounds}:

| network | layers | ms |
|---|--:|--:|
{rows}

Trust the ratios; seconds and milliseconds are this machine's.

Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores; {versions}.

Reproduce: `python tests/benchmarks/imports.py {rounds}`
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else REPORT
    text = report(rounds)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
