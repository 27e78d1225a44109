"""What train-eval asks of a training, read from its plan before anything is trained."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archscope.cli import job, train_eval
from archscope.cli.offer import place_for
from archscope.errors import DesignError, OutputError, RunError
from archscope.runs import DataRecord, EpochRecord, NetworkRecord, Run, Scores, write_run
from archscope.runs.lock import LOCK_FILE, locked
from archscope.runs.plan import Plan, read_plan, write_plan
from archscope.runs.store import PLAN_FILE
from archscope.train import OPTIMIZER_DEFAULTS, Generations, Recipe, TrainingState, has_state
from archscope.train.generations import GENERATIONS


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZER_DEFAULTS))
def test_the_rate_for_digits_suits_the_optimizer(optimizer: str) -> None:
    rate = train_eval.recipe_for("digits", optimizer=optimizer).learning_rate
    assert rate == (0.05 if optimizer == "sgd" else OPTIMIZER_DEFAULTS[optimizer]["learning_rate"])
    assert train_eval.recipe_for("digits", optimizer=optimizer, learning_rate=0.3).learning_rate == 0.3


NO_CONTEXT: Any = None  # only --resume looks at it


@pytest.mark.parametrize("model", [None, "mobilenet_v1@40"])
def test_the_recorded_command_names_the_network(
    model: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_eval, "prove", lambda plan, folder, resumed: plans.append(plan))
    words = [*([model] if model else []), "--data", "digits"]
    monkeypatch.setattr(sys, "argv", ["archscope", "train-eval", *words])
    train_eval.train_eval(NO_CONTEXT, model, data="digits")
    assert plans[0].command == f"archscope train-eval {model or plans[0].spec} --data digits"


def test_a_new_run_leaves_an_interrupted_one_alone(tmp_path: Path) -> None:
    partial = tmp_path / "run.partial"
    partial.mkdir()
    (partial / GENERATIONS[1]).write_text("epochs of work")
    with pytest.raises(OutputError, match=r"holds an interrupted run.*--resume .*run\.partial"):
        job._open_partial(tmp_path / "run", resumed=False)
    assert job._open_partial(tmp_path / "run", resumed=True) == partial
    assert [path.name for path in partial.iterdir()] == [GENERATIONS[1]]
    with locked(partial), pytest.raises(OutputError, match=r"is being trained by another process; name another folder"):
        job._open_partial(tmp_path / "run", resumed=False)


def test_what_was_killed_before_it_saved_anything_makes_room(tmp_path: Path) -> None:
    partial = tmp_path / "run.partial"
    partial.mkdir()
    (partial / LOCK_FILE).touch()
    (partial / "plan.json").write_text("{}")
    with locked(partial), pytest.raises(OutputError, match="another process"):
        job._open_partial(tmp_path / "run", resumed=False)
    assert job._open_partial(tmp_path / "run", resumed=False) == partial
    assert list(partial.iterdir()) == []
    # What never was a run's is not touched.
    (partial / "thesis.tex").touch()
    with pytest.raises(OutputError, match="holds an interrupted run"):
        job._open_partial(tmp_path / "run", resumed=False)
    assert (partial / "thesis.tex").exists()


PLAN = Plan("mobilenet_v2@16", "digits", Recipe(seed=7).to_dict(), True, True, "archscope train-eval x", "2026-01-01")
STATE = TrainingState((), (), (), Recipe(seed=7), 0, step=7)


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interrupted run of PLAN under reports/, by its partial folder."""
    monkeypatch.chdir(tmp_path)
    write_plan(partial := Path("reports/stem.partial"), PLAN)
    Generations(partial).save(STATE)
    return partial


def on_terminal(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[str]:
    asked: list[str] = []

    def confirm(question: str, default: bool, err: bool) -> bool:
        assert default
        asked.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", confirm)
    return asked


@pytest.mark.parametrize("preset", ["study", "fast", "strong"])
def test_a_presets_rate_is_not_given_to_another_optimizer(preset: str) -> None:
    own = train_eval.recipe_for(None, preset)
    for optimizer, defaults in OPTIMIZER_DEFAULTS.items():
        chosen = train_eval.recipe_for(None, preset, optimizer=optimizer)
        expected = own if optimizer == own.optimizer else replace(own, optimizer=optimizer, **defaults)
        assert chosen == expected


def test_a_persons_own_recipe_is_not_corrected(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[recipe]\nflip = "random"\n')
    assert train_eval.recipe_for("digits", str(tmp_path / "mine.toml")).flip == "random"
    assert train_eval.recipe_for("digits", "strong").flip == "none"


def test_what_a_finished_run_left_behind_is_no_interrupted_run(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = on_terminal(monkeypatch, True)
    finish(interrupted.with_name("stem"), PLAN)
    assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem-2"), False)
    assert (asked, capsys.readouterr().err, interrupted.exists()) == ([], "", False)


def test_a_finished_run_of_somebody_else_costs_an_interrupted_one_nothing(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = on_terminal(monkeypatch, True)
    finish(interrupted.with_name("stem"), LATER)
    assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem-2"), False)
    with pytest.raises(DesignError, match=r"stem is a finished run; move it away to go on with .*stem\.partial"):
        train_eval._resume(interrupted)
    assert (asked, has_state(interrupted)) == ([], True)


def finish(folder: Path, plan: Plan) -> None:
    """A finished run of `plan` in `folder`."""
    counts = Scores("test", 1, 1.0, 1.0, 1.0, 0.0, (), ((1,),))
    network = NetworkRecord(plan.spec, "", (16, 16, 3), 10, 1, 1, 1)
    data = DataRecord("digits", "digits", "", "", (), 1, 1, 1)
    empty = EpochRecord(1, 0.1, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0)
    begun = (folder.name, plan.command, plan.started, 1.0, network, data, plan.recipe, 7)
    write_run(folder, Run(*begun, (empty,), 1, False, counts, None, 0, (), {}, "", ""))


def test_a_run_that_was_killed_before_it_saved_anything_does_not_keep_its_name(interrupted: Path) -> None:
    for state in interrupted.glob("state-*"):
        state.unlink()
    assert job.free_folder(Path("reports"), "stem") == Path("reports/stem-2")  # no run's, for all that is known
    (interrupted / LOCK_FILE).touch()
    assert job.free_folder(Path("reports"), "stem") == Path("reports/stem")
    with locked(interrupted):
        assert job.free_folder(Path("reports"), "stem") == Path("reports/stem-2")


def test_what_is_named_and_interrupted_is_refused_once(interrupted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("reports/stem")
    assert place_for(LATER, folder, "stem") == (LATER, folder, False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("change", [{"recipe": 3}, {"versions": None}, {"teacher": 5}, {"bonus": 1}])
def test_a_plan_of_other_types_is_one_sentence(interrupted: Path, change: dict[str, Any]) -> None:
    path = interrupted / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=r"plan\.json is damaged: plan"):
        read_plan(interrupted)


def test_a_plan_with_a_wrong_knob_is_damaged(interrupted: Path) -> None:
    path = interrupted / "plan.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"recipe": values["recipe"] | {"epochs": "three"}}))
    with pytest.raises(RunError, match=r"plan\.json is damaged: epochs is 'three' .*; start the run anew"):
        train_eval._resume(interrupted)


@pytest.mark.parametrize("word", ["reports/stem.partial/", "./reports/stem.partial", "reports/stem", "reports/stem/"])
def test_a_run_is_named_as_a_shell_completes_it(word: str, interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(train_eval, "prove", lambda plan, folder, resumed: asked.extend((folder.resolve(), resumed)))
    train_eval._resume(Path(word))
    assert asked == [interrupted.with_name("stem").resolve(), True]
    monkeypatch.chdir(interrupted)
    train_eval._resume(Path())
    assert asked[2:] == asked[:2]


LATER = replace(PLAN, command="archscope train-eval y", started="2026-02-02", machine="another")


def test_other_versions_and_another_machine_are_told(
    interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = replace(PLAN, versions=job.versions(), machine=job.machine())
    before = (interrupted / PLAN_FILE).read_bytes()
    job._say_what_changed(interrupted, PLAN)  # of an archscope that did not write them down
    job._say_what_changed(interrupted, here)
    assert (interrupted / PLAN_FILE).read_bytes() == before
    (tmp_path / "begins").mkdir()
    job._say_what_changed(tmp_path / "begins", PLAN)
    assert read_plan(tmp_path / "begins") == here
    assert capsys.readouterr().err == ""
    job._say_what_changed(interrupted, replace(here, versions=here.versions | {"keras": "3.0.0"}, machine="abacus"))
    said = capsys.readouterr().err
    assert f"keras 3.0.0 -> {here.versions['keras']}; machine abacus -> {here.machine})" in said


@pytest.mark.parametrize("out", [None, Path("reports/stem")])
def test_on_a_terminal_the_same_plan_is_offered(
    out: Path | None, interrupted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = on_terminal(monkeypatch, True)
    assert place_for(LATER, out, "stem") == (PLAN, Path("reports/stem"), True)
    assert asked == ["Go on with it?"]
    said = "reports/stem.partial holds this very run, interrupted after step 7 of epoch 1.\n"
    assert capsys.readouterr().err == said


def test_who_declines_gets_a_new_run_beside_it(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_terminal(monkeypatch, False)
    assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem-2"), False)
    assert "it is kept; go on with: archscope train-eval --resume reports/stem.partial" in capsys.readouterr().err


def test_in_a_pipe_a_line_says_how_and_the_new_run_begins(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem-2"), False)
    assert capsys.readouterr().err == (
        "this run begins anew, beside the same one that was interrupted after step 7 of epoch 1; "
        "that one goes on with: archscope train-eval --resume reports/stem.partial\n"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"spec": "mobilenet_v2@32"},
        {"data": None},
        {"recipe": Recipe(seed=8).to_dict()},
        {"test": False},
        {"train_images": 100},
    ],
)
def test_another_plan_is_not_offered(
    other: dict[str, Any], interrupted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = on_terminal(monkeypatch, True)
    plan = replace(LATER, **other)
    assert place_for(plan, None, "stem") == (plan, Path("reports/stem-2"), False)
    assert (asked, capsys.readouterr().err) == ([], "")


def test_a_run_that_runs_or_is_damaged_or_has_no_state_is_not_offered(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = on_terminal(monkeypatch, True)
    with locked(interrupted):
        assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem-2"), False)
    (state,) = interrupted.glob("state-*")
    state.write_bytes(state.read_bytes()[:-1])
    assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem-2"), False)
    state.unlink()
    assert place_for(LATER, None, "stem") == (LATER, Path("reports/stem"), False)
    assert asked == []
