"""Silence for libraries that write to the terminal behind Python's back."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """Take what is written to stdout and stderr, by Python and by C alike; yield a function that returns it so far.

    TensorFlow's C++ writes to file descriptors 1 and 2, which replacing `sys.stdout` does not touch, so the descriptors
    themselves point to a temporary file while the block runs. That holds for all threads: draw no progress meanwhile.
    """
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace", buffering=1) as taken:

        def noise() -> str:
            _flush()
            taken.flush()
            size = os.fstat(taken.fileno()).st_size
            return os.pread(taken.fileno(), size, 0).decode("utf-8", errors="replace")

        _flush()
        kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
        try:
            for descriptor in kept:
                os.dup2(taken.fileno(), descriptor)
            with redirect_stdout(taken), redirect_stderr(taken):
                yield noise
        finally:
            # What Python still buffers was written inside the block: it goes where the block's output went.
            _flush()
            for descriptor, original in kept.items():
                os.dup2(original, descriptor)
                os.close(original)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
