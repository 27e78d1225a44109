"""Exports agree with Keras, stay quiet, and leave nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from archscope.errors import OutputError
from archscope.interop.export import PARITY_TOLERANCE, export_keras, export_litert, image_shape, litert_bytes, parity
from archscope.interop.quiet import quiet
from archscope.interop.read import read_keras

if TYPE_CHECKING:
    import keras

# Keras reads a variable with np.array(copy=False), which TensorFlow's variables do not implement.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)


@pytest.fixture(scope="module")
def flatbuffer(small_model: keras.Model) -> bytes:
    return litert_bytes(small_model)


def test_the_test_network_tells_images_apart(small_model: keras.Model) -> None:
    images = np.random.default_rng(0).uniform(0, 255, (4, 8, 6, 3)).astype(np.float32)
    answers = np.asarray(small_model(images))
    assert answers.std(axis=0).max() > 0.01  # else parity would hold for any network


def test_litert_file_agrees_with_keras(small_model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "small.tflite"
    difference = export_litert(small_model, path)
    assert 0 <= difference <= PARITY_TOLERANCE
    assert [entry.name for entry in path.parent.iterdir()] == ["small.tflite"]

    from ai_edge_litert.interpreter import Interpreter

    with quiet():
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    (target,) = interpreter.get_output_details()
    assert source["shape"].tolist() == [1, 8, 6, 3]
    assert source["dtype"] is np.float32
    image = np.random.default_rng(9).uniform(0, 255, (1, 8, 6, 3)).astype(np.float32)
    interpreter.set_tensor(source["index"], image)
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(target["index"]), np.asarray(small_model(image)), atol=1e-5)


def test_the_weights_are_in_the_litert_file(small_model: keras.Model, flatbuffer: bytes) -> None:
    assert len(flatbuffer) > 4 * small_model.count_params()


def test_parity_sees_a_changed_weight(small_model: keras.Model, flatbuffer: bytes) -> None:
    bias = small_model.layers[-1].bias
    before = np.array(bias.numpy())
    bias.assign(before + np.linspace(0, 0.01, 5))
    try:
        with pytest.raises(OutputError, match="disagree on random images"):
            parity(small_model, flatbuffer)
        bias.assign(np.full(5, np.nan))
        with pytest.raises(OutputError, match="nan of max"):
            parity(small_model, flatbuffer)
    finally:
        bias.assign(before)


def test_keras_file_comes_back_the_same_without_optimizer(small_model: keras.Model, tmp_path: Path) -> None:
    import keras

    compiled = keras.Model(small_model.input, small_model.output, name="small")
    compiled.compile("adam", "sparse_categorical_crossentropy")
    compiled.train_on_batch(np.zeros((2, 8, 6, 3), np.float32), np.array([0, 1]))
    path = tmp_path / "model.keras"
    export_keras(compiled, path)
    with zipfile.ZipFile(path) as archive:
        assert b"optimizer" not in archive.read("config.json")
        assert b"optimizer" not in archive.read("model.weights.h5")
    assert compiled.optimizer is not None  # the caller's model goes on training

    again = read_keras(path)
    assert again.name == "small"
    images = np.random.default_rng(1).uniform(0, 255, (3, 8, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(again(images)), np.asarray(compiled(images)))


@pytest.mark.parametrize(("export", "wrong"), [(export_keras, "model.h5"), (export_litert, "model.keras")])
def test_wrong_suffix(small_model: keras.Model, tmp_path: Path, export: object, wrong: str) -> None:
    assert callable(export)
    with pytest.raises(OutputError, match="does not end in"):
        export(small_model, tmp_path / wrong)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(small_model: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot write"):
        export_keras(small_model, tmp_path / "file" / "model.keras")


def test_open_input_size_and_two_inputs_are_refused(tmp_path: Path) -> None:
    import keras

    image = keras.Input((None, 32, 3))
    open_size = keras.Model(image, keras.layers.Conv2D(2, 3)(image), name="open")
    with pytest.raises(OutputError, match=r"open takes input \?x32x3"):
        export_litert(open_size, tmp_path / "a.tflite")
    first, second = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    two = keras.Model([first, second], keras.layers.Add()([first, second]), name="two")
    with pytest.raises(OutputError, match="two has 2 inputs"):
        export_keras(two, tmp_path / "a.keras")
    assert not list(tmp_path.iterdir())


def test_an_operation_litert_lacks_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import keras
    import tensorflow as tf

    class Beta(keras.layers.Layer):
        def call(self, x: object) -> object:
            return tf.raw_ops.Betainc(a=x, b=x, x=x)

    image = keras.Input((4, 4, 3))
    model = keras.Model(image, Beta()(image), name="odd")
    with pytest.raises(OutputError, match=r"odd cannot be written as LiteRT: .* no built-in operation for Betainc"):
        export_litert(model, tmp_path / "odd.tflite")
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_image_shape(small_model: keras.Model) -> None:
    assert image_shape(small_model) == (8, 6, 3)


def test_export_is_silent_at_file_descriptor_level(
    small_model: keras.Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    export_litert(small_model, tmp_path / "a.tflite")
    export_keras(small_model, tmp_path / "a.keras")
    assert capfd.readouterr() == ("", "")


def test_quiet_takes_python_c_and_children_alike_and_gives_all_back() -> None:
    script = """
import os, subprocess, sys
from archscope.interop.quiet import quiet
print("before")
with quiet() as noise:
    print("python out")
    print("python err", file=sys.stderr)
    os.write(1, b"c out\\n")
    os.write(2, b"c err\\n")
    subprocess.run(["echo", "child"])
    taken = noise()
print("after")
for word in ("python out", "python err", "c out", "c err", "child"):
    assert word in taken, taken
"""
    # Through a pipe Python buffers "before": it must come out before the silence, not inside.
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert (done.stdout, done.stderr) == ("before\nafter\n", "")


def test_quiet_restores_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with quiet():
            print("lost")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"
