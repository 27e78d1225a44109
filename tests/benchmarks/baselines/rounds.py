"""What all sides of training.py share: the setting, the images, and how a side is told to train one more round."""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import numpy as np

from archscope.design import build, parse_spec
from archscope.graph import Graph

BATCH, THREADS, CLASSES, SIDE = 128, 2, 10, 32
# SGD with Nesterov's momentum and decoupled decay of the kernels alone. PyTorch's decay is an L2 term, which shrinks
# the weights as much at (1 - momentum) times the value. A small rate, as there is nothing to learn from noise.
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 5e-3


def network(spec: str) -> Graph:
    return build(parse_spec(spec))


def images_and_labels(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """`steps` full batches of noise: uint8 (n, 32, 32, 3), and labels (n,) of which each class has its share."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (steps * BATCH, SIDE, SIDE, 3), dtype=np.uint8)
    return images, rng.permutation(np.arange(len(images)) % CLASSES)


class Rounds:
    """One epoch for each line on stdin, its seconds and this process' peak memory as a line on stdout."""

    def __init__(self) -> None:
        # What a framework prints must not come between.
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def begin(self) -> None:
        """Wait until told to train an epoch, and start the clock; leave the process where no more are wanted."""
        if not sys.stdin.readline():
            sys.exit()
        self._started = time.perf_counter()

    def end(self) -> None:
        """The epoch is trained and its loss is known: stop the clock."""
        seconds = time.perf_counter() - self._started
        # Linux counts in KiB, macOS in bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 2**10)
        self._answers.write(json.dumps({"seconds": seconds, "peak_bytes": peak}) + "\n")
        self._answers.flush()
