"""Keras' other backends train as TensorFlow does, and go on bit by bit where they stopped.

JAX and PyTorch work in processes of their own (`backend_side.py`): Keras takes its backend once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import backend_side
import numpy as np
import pytest

from archscope.errors import TrainingError
from archscope.train import step
from archscope.train.augment import Augmenter
from archscope.train.state import TrainingState, check_resume
from archscope.train.step import training_step

Arrays = dict[str, np.ndarray]
OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in ("jax", "torch")
]


def beside(backend: str, path: Path, given: Arrays, *commands: str) -> Arrays:
    """What `commands` find in a process with that backend."""
    np.savez(path, **given)
    # Unoptimised, XLA compiles in a third of the time.
    settings = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_backend_optimization_level=0", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "backend_side", *commands, str(path)]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, env=os.environ | settings, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    with np.load(path) as archive:
        return dict(archive)


def part(found: Arrays, name: str) -> Arrays:
    return {key.removeprefix(name): value for key, value in found.items() if key.startswith(name)}


@pytest.fixture(scope="module")
def weights() -> Arrays:
    model = backend_side.build()
    return {f"weights_{i:03d}": value for i, value in enumerate(model.get_weights())}


@pytest.fixture(scope="module")
def tensorflow(weights: Arrays) -> Arrays:
    return backend_side.steps(weights)


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest, weights: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The backend's name, and what it found in one process."""
    commands = ("steps", "whole", *(("pixels",) if request.param == "jax" else ()))
    path = tmp_path_factory.mktemp("backend") / "arrays.npz"
    return request.param, beside(request.param, path, weights, *commands)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adamw", "groups"])
def test_three_steps_are_tensorflows(name: str, other: Any, tensorflow: Arrays) -> None:
    """Plain, with all augmentation, distilled, and in groups; the variables, the sums and the averaged model."""
    ours, theirs = part(other[1], f"steps/{name}_"), part(tensorflow, f"{name}_")
    assert ours.keys() == theirs.keys()
    assert len(ours) > 25
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, rtol=1e-3, atol=2e-5 * max(1.0, np.abs(value).max()), err_msg=key)
    assert theirs["000"][1:].tolist() == ours["000"][1:].tolist()


def test_mixed_precision_keeps_float32_weights_and_nearly_the_loss(other: Any, tensorflow: Arrays) -> None:
    exact = tensorflow["sgd_000"][0]
    for found in (part(other[1], "steps/mixed_"), part(tensorflow, "mixed_")):
        assert found["000"][0] == pytest.approx(exact, rel=0.01)
        assert found["000"][0] != exact
        assert {value.dtype for value in found.values()} <= {np.dtype(kind) for kind in ("f4", "i4", "i8", "f8", "u4")}


def test_tensorflow_is_not_even_imported(other: Any) -> None:
    assert not other[1]["steps/tensorflow"]


def test_a_run_goes_on_bit_by_bit_in_another_process(other: Any, tmp_path: Path) -> None:
    backend, found = other
    whole = part(found, "whole/")
    resumed = beside(backend, tmp_path / "state.npz", {"state": whole["state"]}, "resumed")
    after = part(resumed, "resumed/")
    assert len(after) > 10
    assert all((value == whole[key]).all() for key, value in after.items())


def test_the_device_augments_as_numpy_does(other: Any) -> None:
    backend, found = other
    if backend != "jax":
        pytest.skip("augmented by NumPy")
    images, labels = backend_side.images()
    for name, recipe in backend_side.single_augmentations(backend_side.recipe_of(**backend_side.STRONG)):
        augmenter, chosen = Augmenter(images, labels, 4, recipe), np.arange(96)
        pixels, _ = augmenter.make(chosen, augmenter.draw(chosen, 1, 0, 1.0))
        assert (pixels != images).any()
        assert np.abs(pixels.astype(int) - found[f"pixels/{name}"]).max() <= 1, name


def test_groups_that_are_alike_are_one_batch() -> None:
    """The same sixteen images twice have one mean and variance; other groups have not."""
    found = []
    for groups, chosen in ((1, [*range(16)] * 2), (2, [*range(16)] * 2), (1, [*range(32)]), (2, [*range(32)])):
        recipe = backend_side.recipe_of(bn_groups=groups, crop=0.0, flip="none")
        augmenter = Augmenter(*backend_side.images(), 4, recipe)
        model = backend_side.build()
        step = training_step(model, recipe, augmenter)
        indices = np.array(chosen)
        step(step.prepare(indices, augmenter.draw(indices, 1, 0, 0.5)), 0.05)
        found.append(np.concatenate([value.ravel() for value in model.get_weights()]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)
    assert np.abs(found[3] - found[2]).max() > 5e-5


def test_mixed_precision_is_refused_where_no_layer_would_have_it() -> None:
    import keras

    image = keras.Input((12, 12, 3))
    row = keras.ops.mean(image, axis=(1, 2))
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(row))
    recipe = backend_side.recipe_of(precision="mixed")
    with (
        patch.object(step._backend(), "has_bfloat16", return_value=True),
        pytest.raises(TrainingError, match="no global pooling or Flatten, up to which it would hold"),
    ):
        training_step(model, recipe, Augmenter(*backend_side.images(), 4, recipe))


def test_mixed_precision_is_refused_where_it_would_be_emulated() -> None:
    recipe = backend_side.recipe_of(precision="mixed")
    with pytest.raises(TrainingError, match="no GPU that multiplies bfloat16; set --precision float32"):
        training_step(backend_side.build(), recipe, Augmenter(*backend_side.images(), 4, recipe))


def test_a_backend_without_a_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    recipe = backend_side.recipe_of()
    with pytest.raises(TrainingError, match="Keras runs on openvino"):
        training_step(backend_side.build(), recipe, Augmenter(*backend_side.images(), 4, recipe))


def test_a_state_of_another_backend_is_refused() -> None:
    """Its dropout and its rounding are others: the run would not be the one that was interrupted."""
    recipe = backend_side.recipe_of()
    state = TrainingState((), (), (), recipe, 0, backend="jax")
    with pytest.raises(TrainingError, match="ran on jax and this one on tensorflow; set KERAS_BACKEND=jax"):
        check_resume(state, recipe, 0)
