"""Bringing up Keras and its backend."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from archscope.cpus import usable_cpus
from archscope.interop.memory import keep_memory
from archscope.interop.quiet import quiet

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
THREADS = "TF_NUM_INTRAOP_THREADS"


def load_framework(beside: int = 1) -> None:
    """Import Keras and its backend (KERAS_BACKEND), and let that find its devices, all without the noise it makes.

    TensorFlow's C++ prints to the terminal when it is imported and once more at the first use of a device. Later
    imports find everything in place. On another backend TensorFlow is not imported. What goes wrong is raised, with
    what was printed as a note.

    `beside`: into how many parts that do not wait for each other a training step falls. On a CPU TensorFlow runs them
    side by side, and gives each operator that share of the cores; all operators, as it asks once, when it comes up:
    the first call decides. JAX and PyTorch set their threads for themselves.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    keep_memory()
    with settings(beside), quiet() as noise:
        try:
            import keras

            keras.ops.zeros(1)
            if keras.backend.backend() == "tensorflow":
                import tensorflow

                keras.utils.set_random_seed(0)
                tensorflow.config.list_logical_devices()
        except BaseException as error:
            error.add_note(noise())
            raise
    _calm_tensorflow()


def forget_models() -> None:
    """Give back what Keras holds of the networks that were built: the next one needs the memory."""
    import keras

    keras.backend.clear_session()
    gc.collect()


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed: it makes the LiteRT files and is measured beside them, whatever trains."""
    return find_spec("tensorflow") is not None


def _calm_tensorflow() -> None:
    """TensorFlow's Python log, of errors alone, to where stderr is now: it took hold of the one that was hushed."""
    logger = logging.getLogger("tensorflow")
    logger.setLevel(logging.ERROR)
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.stream = sys.stderr  # setStream would flush the closed one


@contextmanager
def settings(beside: int) -> Iterator[None]:
    """What TensorFlow reads from the environment while it comes up, unless the user set it. Processes that this one
    starts see what the user set, or nothing.

    oneDNN's kernels are TensorFlow's default on processors with AVX-512 alone; on others they train faster too.
    Operators that run `beside` each other on all cores each would wait for each other and for the cache.
    """
    chosen = {ONEDNN: "1"}
    if beside > 1:
        chosen[THREADS] = str(max(1, usable_cpus() // beside))
    unset = [name for name in chosen if name not in os.environ]
    os.environ.update({name: chosen[name] for name in unset})
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]
