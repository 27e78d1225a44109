"""Writing a trained network: `.keras` for Keras, `.tflite` for LiteRT on phones and small boards.

The LiteRT file is float32, takes one image [1, H, W, C], and uses LiteRT's built-in operations alone, so the small
`ai-edge-litert` runtime can run it. It is run against Keras on random images before it is handed out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import archscope
from archscope.errors import OutputError
from archscope.files import atomic_path, write_atomic
from archscope.interop.quiet import quiet

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

# Both sides compute in float32, in different orders: max|a - b| may reach this share of max|b| over the images tried.
PARITY_TOLERANCE = 1e-4
PARITY_IMAGES = 4


class ConversionError(OutputError):
    """A network that LiteRT cannot run, or runs otherwise than Keras does; nothing was written."""


def export_keras(model: keras.Model, path: Path) -> None:
    """Write `model` (functional or sequential, one input, one output) as a `.keras` file, without optimizer state.

    Raises OutputError where the name does not end in `.keras` or the file cannot be written; what stood there stays.
    """
    import keras

    _require_suffix(path, ".keras")
    image_shape(model)
    # A new model over the same layers was never compiled: it has no optimizer to save, and `model` keeps its own.
    bare = keras.Model(model.input, model.output, name=model.name)
    with atomic_path(path) as temporary, quiet(), warnings.catch_warnings():
        # Keras asks TensorFlow's variables for arrays in a way that NumPy 2 deprecates.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        bare.save(temporary)


def export_litert(model: keras.Model, path: Path) -> float:
    """Write `model` as a `.tflite` file; return max|a - b| / max|b| of LiteRT against Keras on random images.

    Raises ConversionError as `litert_bytes` and `parity` do, and OutputError where the file cannot be written; what
    stood there stays.
    """
    _require_suffix(path, ".tflite")
    content = litert_bytes(model)
    difference = parity(model, content)
    write_atomic(path, content)
    return difference


def litert_bytes(model: keras.Model) -> bytes:
    """The network as a LiteRT flatbuffer: float32, input [1, H, W, C], built-in operations only.

    TensorFlow makes it: in a process of its own where Keras runs on another backend. Raises OutputError where the
    input size is open, and ConversionError where an operation has no LiteRT built-in.
    """
    import keras

    shape = (1, *image_shape(model))
    if keras.backend.backend() != "tensorflow":
        return _converted_elsewhere(model)
    with quiet() as noise:
        import tensorflow as tf

        # Keras 3 variables are not TensorFlow trackables: handing over the model itself would drop the weights from
        # the file without a word. A tf.Module that holds the bare tf.Variables keeps them.
        module = tf.Module()
        module.variables_of_model = [variable.value for variable in model.variables]
        module.infer = tf.function(
            lambda image: model(image, training=False),
            input_signature=[tf.TensorSpec(shape, tf.float32, name="image")],
        )
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.infer.get_concrete_function()], module)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return bytes(converter.convert())
        except Exception as error:  # ConverterError derives from Exception and is not public.
            message = f"{model.name} cannot be written as LiteRT: {_reason(str(error))}"
            failure = ConversionError(message, "export it with --format keras")
            failure.add_note(noise())
            raise failure from error


def parity(model: keras.Model, content: bytes, seed: int = 0) -> float:
    """max|a - b| / max|b| of LiteRT's answers a and Keras' answers b on PARITY_IMAGES random images in [0, 255].

    Raises ConversionError where it exceeds PARITY_TOLERANCE, or where an answer is not finite.
    """
    import keras
    import numpy as np

    images = np.random.default_rng(seed).uniform(0, 255, (PARITY_IMAGES, *image_shape(model))).astype(np.float32)
    ours = _run_litert(content, images)
    ops = keras.ops
    theirs = np.concatenate([ops.convert_to_numpy(model(image[None], training=False)) for image in images])
    difference = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), np.finfo(np.float32).tiny))
    # Written so that NaN fails.
    if not difference <= PARITY_TOLERANCE:
        raise ConversionError(
            f"LiteRT and Keras disagree on random images: max|a - b| is {difference:.1e} of max|b|, "
            f"and {PARITY_TOLERANCE:.0e} is the limit",
            "no file was written; check the weights for NaN, or export with --format keras",
        )
    return difference


def image_shape(model: keras.Model) -> tuple[int, int, int]:
    """(H, W, C) of the network's one input. Raises OutputError where it has another kind of input or output."""
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise OutputError(
            f"{model.name} has {len(inputs)} inputs and {len(outputs)} outputs, and one of each can be exported",
            "export a functional or sequential image classifier",
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or None in shape[1:]:
        spelled = "x".join("?" if size is None else str(size) for size in shape[1:])
        raise OutputError(
            f"{model.name} takes input {spelled}, and a fixed height x width x channels is needed",
            "build it for one input size",
        )
    height, width, channels = shape[1:]
    return height, width, channels


def _converted_elsewhere(model: keras.Model) -> bytes:
    """`litert_bytes` of the same weights under Keras on TensorFlow, by `archscope.interop.convert`."""
    package = str(Path(archscope.__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    here = {"PYTHONPATH": os.pathsep.join(paths), "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    with tempfile.TemporaryDirectory(prefix="archscope-litert-") as name:
        source, target = Path(name) / "model.keras", Path(name) / "model.tflite"
        export_keras(model, source)
        # -P: a keras.py in the user's working directory is not the Keras that is meant.
        command = [sys.executable, "-P", "-m", "archscope.interop.convert", str(source), str(target)]
        done = subprocess.run(command, env=os.environ | here, capture_output=True, text=True, errors="replace")
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["no output"]
            error = ConversionError(said[-1][:300], "export it with --format keras")
            error.add_note(done.stderr)
            raise error
        return target.read_bytes()


def _run_litert(content: bytes, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """LiteRT's answers, [N, ...] float32, one image at a time on one thread."""
    import numpy as np

    with quiet():
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        source = interpreter.get_input_details()[0]["index"]
        target = interpreter.get_output_details()[0]["index"]
        answers = []
        for image in images:
            interpreter.set_tensor(source, image[None])
            interpreter.invoke()
            answers.append(interpreter.get_tensor(target))
    return np.concatenate(answers)


def _reason(message: str) -> str:
    """The one line of a ConverterError that says which operations LiteRT lacks, else its first line."""
    lacking = re.search(r"^(?:Custom|TF Select|Flex) ops: *(.+)$", message, re.MULTILINE)
    if lacking:
        return f"LiteRT has no built-in operation for {lacking[1].strip()}"
    return next((line.strip() for line in message.splitlines() if line.strip()), "the converter gives no reason")[:200]


def _require_suffix(path: Path, suffix: str) -> None:
    if path.suffix != suffix:
        raise OutputError(f"{path} does not end in {suffix}", f"name it {path.with_suffix(suffix)}")
