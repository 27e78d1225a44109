"""Bringing up Keras and its backend."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from archscope.interop.memory import keep_memory
from archscope.interop.quiet import quiet

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def load_framework() -> None:
    """Import Keras and its backend (KERAS_BACKEND), and let that find its devices, all without the noise it makes.

    TensorFlow's C++ prints to the terminal when it is imported and once more at the first use of a device. Later
    imports find everything in place. On another backend TensorFlow is not imported. What goes wrong is raised, with
    what was printed as a note.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    keep_memory()
    with _kernels(), quiet() as noise:
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
def _kernels() -> Iterator[None]:
    """oneDNN's kernels are TensorFlow's default on processors with AVX-512 alone; on others they train faster too.

    TensorFlow looks once, while it comes up: processes that this one starts see what the user set, or nothing.
    """
    unset = ONEDNN not in os.environ
    os.environ.setdefault(ONEDNN, "1")
    try:
        yield
    finally:
        if unset:
            del os.environ[ONEDNN]
