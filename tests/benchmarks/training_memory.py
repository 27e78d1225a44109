"""Peak resident memory of `archscope train-eval` on the full CIFAR-10, from the first import to the written report.

    python tests/benchmarks/training_memory.py DATA [EPOCHS] [REPORT]

DATA is what `archscope train-eval --data` takes. The network is the study's cut one with stem stride 1, whose
activations are the larger, trained with `--recipe strong`. The run folder is thrown away.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from archscope.cli.machine import machine
from archscope.runs import read_run

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "training_memory.md"
SPEC = "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000+stride:Conv1,to=1"
LIMIT_BYTES = 3 * 10**9


def main() -> None:
    data, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    path = Path(sys.argv[3]) if len(sys.argv) > 3 else REPORT
    words = ["train-eval", SPEC, "--recipe", "strong", "--epochs", str(epochs), "--no-test", "--no-latency"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "archscope.cli.main", *words, "--data", data, "--out", str(out)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(process.returncode)
        images = read_run(out).data
    # Linux counts in KiB, macOS in bytes.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 2**10)
    text = f"""# Memory of a training on the full CIFAR-10

`archscope {" ".join(words)}`
on {images.name}: {images.train_images:,} images to train on, {images.validation_images:,} to validate with.

| peak resident memory, GB (10^9 bytes) | limit | |
|--:|--:|---|
| {peak / 1e9:.2f} | {LIMIT_BYTES / 1e9:.2f} | {"✓ under it" if peak < LIMIT_BYTES else "✗ over it"} |

From the first import to the written report, by the operating system's account (wait4). {machine()};
keras {version("keras")}, tensorflow {version("tensorflow")}.

Reproduce: `python tests/benchmarks/training_memory.py DATA {epochs}`
"""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
