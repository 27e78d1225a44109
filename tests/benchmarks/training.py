"""Images per second of archscope's trainer, Keras' `model.fit` and PyTorch on the same network, side by side.

    python tests/benchmarks/training.py [ROUNDS] [STEPS] [REPORT]

Every side is a process of its own that stays alive; a round is an epoch of STEPS batches in each of them, one after
the other, so that all feel the same machine. In each round a side trains one epoch that is not counted before the one
that is: a process that sat idle has cold caches, and memory that the system took away. Ratios are taken round by
round. The images are noise: speed does not depend on them. PyTorch's sides run where it is installed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from baselines.rounds import BATCH, THREADS, network

from archscope.cli.machine import machine, versions
from archscope.graph import trace

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "reports" / "benchmarks" / "training.md"
CUT = "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"
NETWORKS = {"the study's cut network": CUT, "the same with stem stride 1": f"{CUT}+stride:Conv1,to=1"}
TORCH = "pip install torch==2.13.0"

OURS = "archscope's trainer"
# Side -> module and what it is given after the spec and the steps. {epochs}: all of its epochs, counted or not.
SIDES = {
    OURS: ("trainer_side", "{epochs}", "none"),
    "`model.fit` on NumPy arrays": ("baselines.keras_fit",),
    "`model.fit` on tf.data": ("baselines.keras_tf_data",),
    "PyTorch eager, NCHW": ("baselines.pytorch", "nchw"),
    "PyTorch eager, channels_last": ("baselines.pytorch", "nhwc"),
}
VARIANTS = {
    "two groups of a batch (`--bn-groups 2`)": ("trainer_side", "{epochs}", "groups"),
    "crop and alternating flip": ("trainer_side", "{epochs}", "crop+flip"),
    "all of it": ("trainer_side", "{epochs}", "all"),
}
ENVIRONMENT = {
    # Two threads for every side, whatever the machine has; otherwise what each framework does by default.
    "TF_NUM_INTRAOP_THREADS": str(THREADS),
    "TF_NUM_INTEROP_THREADS": str(THREADS),
    "OMP_NUM_THREADS": str(THREADS),
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
}


@dataclass(frozen=True)
class Measured:
    """Images per second of each counted round, and the largest resident set, in bytes."""

    rates: tuple[float, ...]
    peak_bytes: int

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def over(self, other: Measured) -> str:
        """How many times the other's rate: the median of the rounds' ratios, and the least and the greatest."""
        ratios = [mine / theirs for mine, theirs in zip(self.rates, other.rates, strict=True)]
        return f"**{statistics.median(ratios):.2f}x** ({min(ratios):.2f}..{max(ratios):.2f})"


class Side:
    """A running process that trains a round when told to."""

    def __init__(self, name: str, words: Sequence[str], errors: IO[str]) -> None:
        self.name, self._errors = name, errors
        self._process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=HERE,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            bufsize=1,
        )

    def round(self) -> dict[str, float]:
        """Seconds of the round and peak memory so far. Raises RuntimeError, with what it printed, where it died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("round\n")
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}:\n{self._errors.read()[-2000:]}")
        return json.loads(answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def running(name: str, words: Sequence[str]) -> Iterator[Side]:
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        side = Side(name, words, errors)
        try:
            yield side
        finally:
            side.stop()


def measure(spec: str, sides: Mapping[str, Sequence[str]], rounds: int, steps: int) -> dict[str, Measured]:
    """All sides, round after round."""
    with ExitStack() as stack:
        alive = []
        for name, (module, *words) in sides.items():
            more = [word.format(epochs=2 * rounds) for word in words]
            alive.append(stack.enter_context(running(name, [module, spec, str(steps), *more])))
        answers: dict[str, list[dict[str, float]]] = {side.name: [] for side in alive}
        for number in range(1, rounds + 1):
            for side in alive:
                side.round()
                answers[side.name].append(side.round())
                rate = steps * BATCH / answers[side.name][-1]["seconds"]
                print(f"round {number} of {rounds}  {rate:7,.0f} images/s  {side.name}", file=sys.stderr)
    return {
        name: Measured(
            rates=tuple(steps * BATCH / answer["seconds"] for answer in some),
            peak_bytes=int(some[-1]["peak_bytes"]),
        )
        for name, some in answers.items()
    }


def table(found: Mapping[str, Measured]) -> list[str]:
    """The sides as rows, and what of them could not be had; then the augmented rates over the bare one."""
    bare = found[OURS]
    rows = ["| | images/s | archscope's rate over it | peak memory, MB |", "|---|--:|--:|--:|"]
    for name in SIDES:
        if name not in found:
            rows.append(f"| {name} | PyTorch is not installed (`{TORCH}`) | | |")
            continue
        ratio = "" if name == OURS else bare.over(found[name])
        rows.append(f"| {name} | {found[name].rate:,.0f} | {ratio} | {found[name].peak_bytes / 2**20:,.0f} |")
    rows += ["", "| archscope's trainer with | images/s | over its bare rate | peak memory, MB |", "|---|--:|--:|--:|"]
    for name in VARIANTS:
        one = found[name]
        rows.append(f"| {name} | {one.rate:,.0f} | {one.over(bare)} | {one.peak_bytes / 2**20:,.0f} |")
    return rows


def report(results: Mapping[str, Mapping[str, Measured]], rounds: int, steps: int) -> str:
    parts = [
        f"""# Training: images per second

The same network, batches of {BATCH}, SGD with Nesterov's momentum and decay of the kernels, {THREADS} threads, raw
uint8 pixels, no augmentation: archscope's trainer ([trainer_side.py](../../tests/benchmarks/trainer_side.py)) and what
it is measured against ([baselines](../../tests/benchmarks/baselines)). Medians of {rounds} rounds of {steps} batches
each, all sides in turn, each in a process of its own that stays alive, and each after as many batches that are not
counted. The ratios are taken round by round: median (least..greatest). Trust the
ratios; the rates are this machine's. Peak memory is the resident set of the process."""
    ]
    for name, spec in NETWORKS.items():
        traced = trace(network(spec))
        heading = f"## {name[0].upper()}{name[1:]}: {traced.params:,} parameters, {traced.macs / 1e6:.1f}M MACs"
        parts += [heading, f"`{spec}`", "\n".join(table(results[name]))]
    made = {name: found for name, found in versions().items() if name in ("python", "keras", "tensorflow", "numpy")}
    try:
        made["torch"] = version("torch")
    except PackageNotFoundError:
        made["torch"] = "not installed"
    parts += [
        "Two groups are normalised each by itself, which is another training: they stand beside, not against. Their "
        "operators run side by side on one thread each.",
        '"All of it": crop, alternating flip, rotation, sharpness, colour jitter, mixup and cutout.',
        f"{machine()}; {', '.join(f'{name} {found}' for name, found in made.items())}.",
        f"Reproduce: `python tests/benchmarks/training.py {rounds} {steps}`",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    path = Path(sys.argv[3]) if len(sys.argv) > 3 else REPORT
    torch = find_spec("torch") is not None
    sides = {name: words for name, words in (SIDES | VARIANTS).items() if torch or words[0] != "baselines.pytorch"}
    text = report({name: measure(spec, sides, rounds, steps) for name, spec in NETWORKS.items()}, rounds, steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
