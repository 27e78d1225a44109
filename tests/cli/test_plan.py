"""What train-eval asks of a training, read from its plan before anything is trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archscope.cli import job, train_eval
from archscope.errors import OutputError
from archscope.runs.plan import Plan
from archscope.train import OPTIMIZER_DEFAULTS


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZER_DEFAULTS))
def test_the_rate_for_digits_suits_the_optimizer(optimizer: str) -> None:
    rate = train_eval.recipe_for("digits", optimizer=optimizer).learning_rate
    assert rate == (0.05 if optimizer == "sgd" else OPTIMIZER_DEFAULTS[optimizer]["learning_rate"])
    assert train_eval.recipe_for("digits", optimizer=optimizer, learning_rate=0.3).learning_rate == 0.3


@pytest.mark.parametrize("model", [None, "mobilenet_v1@40"])
def test_the_recorded_command_names_the_network(
    model: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_eval, "prove", lambda plan, folder: plans.append(plan))
    words = [*([model] if model else []), "--data", "digits"]
    monkeypatch.setattr(sys, "argv", ["archscope", "train-eval", *words])
    train_eval.train_eval(model, data="digits")
    assert plans[0].command == f"archscope train-eval {model or plans[0].spec} --data digits"


def test_a_new_run_leaves_an_interrupted_one_alone(tmp_path: Path) -> None:
    partial = tmp_path / "run.partial"
    partial.mkdir()
    (partial / job.STATE_FILE).write_text("epochs of work")
    with pytest.raises(OutputError, match=r"holds an interrupted run.*--resume .*run\.partial"):
        job._open_partial(tmp_path / "run", resumed=False)
    assert job._open_partial(tmp_path / "run", resumed=True) == partial
    assert [path.name for path in partial.iterdir()] == [job.STATE_FILE]
