"""Measuring in the fresh process: all runtimes, quiet, and failures as one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from archscope.errors import RunError
from archscope.interop.export import litert_bytes
from archscope.interop.quiet import quiet
from archscope.latency import RUNTIMES, measure

if TYPE_CHECKING:
    import keras

# Keras reads a variable with np.array(copy=False), which TensorFlow's variables do not implement.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    with quiet():
        import keras

    image = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(image)
    return keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.fixture(scope="module")
def litert(model: keras.Model) -> bytes:
    return litert_bytes(model)


def test_all_runtimes_in_one_run(model: keras.Model, litert: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    records = list(measure(model, litert, threads=1, tensorflow_threads=2, runs=40, seconds=0.3))
    assert [record.runtime for record in records] == ["litert", "tf.function", "predict"] == list(RUNTIMES)
    for record in records:
        assert record.threads == (1 if record.runtime == "litert" else 2)
        assert 20 <= record.runs <= 40
        assert record.warmup >= 10
        assert 0 < record.median_ms <= record.p90_ms <= record.p99_ms
    fast, compiled, slow = (record.median_ms for record in records)
    assert fast < compiled < slow
    assert capfd.readouterr() == ("", "")


def test_litert_alone_needs_no_tensorflow_in_the_process(
    model: keras.Model, litert: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package that fails on import stands where the child would find TensorFlow first.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not wanted')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (record,) = measure(model, litert, runtimes=["litert"], threads=2, runs=30, seconds=1)
    assert (record.runtime, record.threads, record.runs) == ("litert", 2, 30)
    with pytest.raises(RunError, match="ended with code 1: ImportError: not wanted"):
        list(measure(model, litert, runtimes=["tf.function"], runs=1, seconds=1))


def test_a_keras_py_in_the_working_directory_is_not_run(
    model: keras.Model, litert: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('run from the working directory')")
    monkeypatch.chdir(tmp_path)
    (record,) = measure(model, litert, runtimes=["litert"], runs=20, seconds=1)
    assert record.runs == 20


def test_a_failing_process_is_one_sentence(model: keras.Model, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError, match="the measuring process ended with code 1: ValueError") as caught:
        list(measure(model, b"no flatbuffer", runtimes=["litert"], runs=1, seconds=1))
    assert "\n" not in str(caught.value)
    assert "Traceback" in caught.value.__notes__[0]
    assert capfd.readouterr() == ("", "")


def test_who_stops_listening_leaves_no_process(
    model: keras.Model, litert: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def popen(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(original(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    records = measure(model, litert, runs=20, seconds=60)
    assert next(records).runtime == "litert"
    records.close()
    assert started[0].returncode == -9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"runtimes": ["onnx"]}, "no runtime 'onnx'; choose from litert, tf.function, predict"),
        ({"runtimes": []}, "0 runtimes"),
        ({"threads": 0}, "0 threads"),
        ({"runs": 0}, "0 runs"),
        ({"seconds": 0.0}, "0.0 seconds"),
        ({"seconds": float("nan")}, "nan seconds"),
        ({"seconds": float("inf")}, "inf seconds"),
    ],
)
def test_wrong_arguments(model: keras.Model, litert: bytes, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(RunError, match=said):
        list(measure(model, litert, **arguments))
