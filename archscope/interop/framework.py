"""Bringing up Keras and its backend."""

from __future__ import annotations

import os

from archscope.interop.quiet import quiet


def load_framework() -> None:
    """Import Keras and TensorFlow and let TensorFlow find its devices, all without the noise it makes.

    TensorFlow's C++ prints to the terminal when it is imported and once more at the first use of a device. Later
    imports find everything in place. What goes wrong is raised, with what was printed as a note.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet() as noise:
        try:
            import keras
            import tensorflow

            keras.utils.set_random_seed(0)
            tensorflow.config.list_logical_devices()
        except BaseException as error:
            error.add_note(noise())
            raise
