"""The fresh process that measures: `python -m archscope.latency.worker` with the ARGUMENTS below.

FOLDER holds `model.keras` and `model.tflite`. One line of JSON per runtime goes to stdout as soon as it is measured:
the fields of a LatencyRecord. A process of its own because TensorFlow takes its thread counts only before it starts.

    ARGUMENTS = FOLDER HEIGHT WIDTH CHANNELS LITERT_THREADS TENSORFLOW_THREADS RUNS SECONDS RUNTIME...
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.latency.protocol import image_pool, time_calls

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    Call = Callable[[NDArray[np.float32]], object]


def _litert(folder: Path, threads: int) -> Call:
    """LiteRT with its default delegate, XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / "model.tflite"), num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def call(image: NDArray[np.float32]) -> object:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return call


def _tf_function(folder: Path, threads: int) -> Call:
    """One compiled `tf.function` with the static signature [1, H, W, C]."""
    model = _load(folder, threads)
    import tensorflow as tf

    signature = [tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32)]
    infer = tf.function(lambda image: model(image, training=False), input_signature=signature)

    def call(image: NDArray[np.float32]) -> object:
        return infer(tf.constant(image)).numpy()

    return call


def _predict(folder: Path, threads: int) -> Call:
    """`model.predict` on a batch of one, as it is commonly called."""
    model = _load(folder, threads)

    def call(image: NDArray[np.float32]) -> object:
        return model.predict(image, verbose=0)

    return call


def _load(folder: Path, threads: int) -> keras.Model:
    import tensorflow as tf

    # Refused once TensorFlow runs; every later call names the same number, which it accepts.
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    import keras

    return keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)


# In this order: LiteRT is measured before TensorFlow is even loaded into the process.
RUNTIMES: dict[str, Callable[[Path, int], Call]] = {"litert": _litert, "tf.function": _tf_function, "predict": _predict}


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    height, width, channels, litert, tensorflow, runs = (int(value) for value in arguments[1:7])
    seconds, wanted = float(arguments[7]), arguments[8:]
    # The libraries' own chatter on stdout must not get between the records.
    records = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    images = image_pool((height, width, channels), runs)
    for runtime, prepare in RUNTIMES.items():
        if runtime in wanted:
            threads = litert if runtime == "litert" else tensorflow
            call = prepare(folder, threads)
            record = time_calls(call, images, runtime=runtime, threads=threads, runs=runs, seconds=seconds)
            print(json.dumps(asdict(record)), file=records, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
