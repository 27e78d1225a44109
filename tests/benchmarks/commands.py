"""How long the commands that need no training take, as multiples of the interpreter with Typer and Rich alone.

    python tests/benchmarks/commands.py [ROUNDS] [REPORT]

All run alternately, each in a process of its own, after one warm-up each; medians are compared.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "commands.md"
BASE = "python -c 'import typer, rich.table'"
COMMANDS = {
    BASE: [sys.executable, "-c", "import typer, rich.table"],
    "archscope shapes": ["shapes", "mobilenet_v2@32"],
    "archscope diagnose": ["diagnose", "mobilenet_v2@32"],
    "archscope scan (26 sizes)": ["scan", "mobilenet_v2@32"],
    "archscope check": ["check", "mobilenet_v2@32", "--max-params", "3M", "--max-peak-ram", "1MiB", "--no-dead-taps"],
    "archscope diff": ["diff", "mobilenet_v2@32", "mobilenet_v2@32+cut:block_12_add+head:1000"],
}


def seconds(words: list[str]) -> float:
    command = words if words[0] == sys.executable else [sys.executable, "-m", "archscope.cli.main", *words]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        taken = time.perf_counter() - started
    # A finding is an answer too.
    assert done.returncode in (0, 1), done.stderr
    return taken


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    report = Path(sys.argv[2]) if len(sys.argv) > 2 else REPORT
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, words in COMMANDS.items():
            measured = seconds(words)
            if number:
                taken[name].append(measured)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    rows = [f"| `{name}` | {median:.2f} | {median / medians[BASE]:.1f}x |" for name, median in medians.items()]
    text = "\n".join(
        [
            "# Commands that need no training\n",
            f"MobileNetV2 at 32x32; medians of {rounds} runs each, taken alternately, each in a process of its own.",
            "Trust the ratios; the seconds are this machine's.\n",
            "| | wall time, s | ratio |",
            "|---|--:|--:|",
            *rows,
            f"\nPython {platform.python_version()} on {platform.system()} {platform.machine()}.\n",
            f"Reproduce: `python tests/benchmarks/commands.py {rounds}`\n",
        ]
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
