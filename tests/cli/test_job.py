"""What a training leaves behind where something went wrong at its end, or before it began."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from archscope.cli import job
from archscope.errors import DivergedError, RunError
from archscope.runs.lock import LOCK_FILE
from archscope.runs.plan import Plan, read_plan
from archscope.runs.store import PLAN_FILE
from archscope.train import Recipe
from archscope.train.generations import GENERATIONS


def test_without_tensorflow_a_run_says_what_it_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("archscope.interop.framework.has_tensorflow", lambda: False)
    assert not job._write_litert(None, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert said == "TensorFlow is not installed: no model.tflite, and latency is not measured\n"


def test_a_network_that_litert_lacks_an_operation_for_does_not_cost_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    import tensorflow as tf

    class Beta(keras.layers.Layer):
        def call(self, x: object) -> object:
            return tf.raw_ops.Betainc(a=x, b=x, x=x)

    image = keras.Input((4, 4, 3))
    model = keras.Model(image, Beta()(image), name="odd")
    assert not job._write_litert(model, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert said.startswith("! no model.tflite, and latency is not measured: odd cannot be written as LiteRT: ")


@pytest.mark.parametrize("resumed", [True, False])
@pytest.mark.parametrize("saved", [True, False])
def test_what_was_named_to_go_on_with_and_what_was_saved_stay(tmp_path: Path, resumed: bool, saved: bool) -> None:
    partial = tmp_path / "run.partial"
    if resumed:
        partial.mkdir()
        (partial / PLAN_FILE).write_text("how it was begun")

    def train() -> None:
        with job._partial_folder(tmp_path / "run", resumed) as found:
            if saved:
                (found / GENERATIONS[0]).write_text("an epoch of work")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train()
    kept = {path.name for path in partial.glob("*")} - {LOCK_FILE}
    assert kept == ({PLAN_FILE} if resumed else set()) | ({GENERATIONS[0]} if saved else set())


def test_what_diverged_leaves_nothing_that_could_only_diverge_again(tmp_path: Path) -> None:
    def train(resumed: bool) -> None:
        with job._partial_folder(tmp_path / "run", resumed) as partial:
            (partial / GENERATIONS[0]).write_text("an epoch of work")
            raise DivergedError("the loss is no longer a finite number", "lower it")

    for resumed in (False, True):
        with pytest.raises(DivergedError):
            train(resumed)
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "run.partial").mkdir()


def test_another_network_by_the_same_name_is_not_gone_on_with(tmp_path: Path) -> None:
    plan = Plan("mobilenet_v2@16", "digits", Recipe().to_dict(), True, True, "", "", digest="of another file")
    with pytest.raises(RunError, match="is another network than when its training began; restore its file"):
        job.run_job(plan, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_logs_that_were_asked_for_later_are_remembered(tmp_path: Path) -> None:
    plan = Plan("m", "digits", {}, True, True, "first", "")
    begun = job._begun(tmp_path, plan)
    assert begun == plan
    assert job._begun(tmp_path, replace(plan, tensorboard=True, command="second")) == begun
    assert read_plan(tmp_path) == replace(begun, tensorboard=True)
    assert job._begun(tmp_path, plan).tensorboard
