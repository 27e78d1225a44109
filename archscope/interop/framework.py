"""Bringing up Keras and its backend."""

from __future__ import annotations

import os
from importlib.util import find_spec

from archscope.interop.memory import keep_memory
from archscope.interop.quiet import quiet


def load_framework() -> None:
    """Import Keras and its backend (KERAS_BACKEND) and let that find its devices, all without the noise it makes.

    TensorFlow's C++ prints to the terminal when it is imported and once more at the first use of a device. Later
    imports find everything in place. On another backend TensorFlow is not imported. What goes wrong is raised, with
    what was printed as a note.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's kernels are TensorFlow's default on processors with AVX-512 alone; they train twice as fast without too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    keep_memory()
    with quiet() as noise:
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


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed: LiteRT files are converted by it, whatever backend trains."""
    return find_spec("tensorflow") is not None
