"""Wall time and peak memory of `archscope shapes --input 32` against a Keras script that prints the same table.

    python tests/benchmarks/shapes_vs_keras.py [ROUNDS] [REPORT]

The two run alternately, each in a process of its own, after one warm-up each; medians are compared. What is stated is
the ratio: both sides feel the same machine at the same time. Peak memory is the resident set of the process (wait4).
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "reports" / "benchmarks" / "shapes_vs_keras.md"
SIDES = {
    "archscope": [sys.executable, "-m", "archscope.cli.main", "shapes", "--input", "32"],
    "keras": [sys.executable, str(HERE / "keras_shapes.py")],
}
TOTALS = ("2,270,794", "6,124,928")


@dataclass(frozen=True)
class Cost:
    """Seconds from start to end, and the largest resident set in MB (2^20 bytes)."""

    seconds: float
    megabytes: float


def measure(command: list[str], folder: str) -> Cost:
    """Run it once. Raises RuntimeError where it fails or does not print the totals that both must print."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    if process.returncode or not all(re.search(rf"\b{total}\b", text) for total in TOTALS):
        raise RuntimeError(f"{command} ended with {process.returncode} and does not print {' and '.join(TOTALS)}")
    # Linux counts in KiB, macOS in bytes.
    return Cost(seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


def medians(rounds: int) -> dict[str, Cost]:
    costs: dict[str, list[Cost]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for side, command in SIDES.items():
                cost = measure(command, folder)
                if number:
                    costs[side].append(cost)
    return {
        side: Cost(statistics.median(cost.seconds for cost in some), statistics.median(cost.megabytes for cost in some))
        for side, some in costs.items()
    }


def report(found: dict[str, Cost], rounds: int) -> str:
    ours, theirs = found["archscope"], found["keras"]
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow", "typer", "rich"))
    return f"""# `archscope shapes --input 32` against Keras

The same table of MobileNetV2 at 32x32 ({TOTALS[0]} parameters, {TOTALS[1]} MACs), printed by `archscope shapes` and
by a Keras script ([keras_shapes.py](../../tests/benchmarks/keras_shapes.py)). Medians of {rounds} runs each, taken
alternately, each in a process of its own, after a warm-up. Trust the ratios; the seconds are this machine's.

| | wall time, s | peak memory, MB |
|---|--:|--:|
| `archscope shapes --input 32` | {ours.seconds:.2f} | {ours.megabytes:.0f} |
| Keras script | {theirs.seconds:.2f} | {theirs.megabytes:.0f} |
| ratio | **{theirs.seconds / ours.seconds:.1f}x faster** | **{theirs.megabytes / ours.megabytes:.1f}x smaller** |

Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores; {versions}.

Reproduce: `python tests/benchmarks/shapes_vs_keras.py {rounds}`
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else REPORT
    text = report(medians(rounds), rounds)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
