"""The other side of imports.py: load a `.keras` file with Keras and print its summary, as people do."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

keras.models.load_model(sys.argv[1], compile=False).summary()
