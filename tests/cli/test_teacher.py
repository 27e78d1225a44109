"""What a plan says of its teacher is held against the teacher that is found; and a run without TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from archscope.cli import teacher
from archscope.errors import TrainingError
from archscope.runs import DataRecord, TeacherRecord, WeightsRecord, read_run
from archscope.runs.held_out import HeldOut
from archscope.runs.plan import Plan, read_plan, write_plan

REPORTS = Path(__file__).parents[2] / "reports"
RECORD = TeacherRecord("big", "d1", "5ba", 0.912, "test", "digits", ("a", "b"))
DATA = DataRecord("digits", "digits", "bundled", "00", ("a", "b"), 8, 2, 2)
SPLIT = {"seed": 0, "validation_fraction": 0.1}
PLAN = Plan("m", "digits", SPLIT, True, False, "archscope", "now", teacher="runs/big", teacher_sha256="5ba")


def found(folder: Path, _: tuple[int, int, int]) -> teacher.Teacher:
    return teacher.Teacher(RECORD, folder / "model.keras", HeldOut(DATA, 0, 0.1))


@pytest.fixture(autouse=True)
def one_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "named_teacher", found)


def test_the_plan_keeps_its_teacher(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_plan(tmp_path, PLAN)
    there = teacher.planned_teacher(read_plan(tmp_path), (8, 8, 1), DATA)
    assert there == found(Path("runs/big"), (8, 8, 1))
    assert capsys.readouterr().err == "teacher: big, 91.2% test accuracy on digits\n"
    assert teacher.planned_teacher(replace(PLAN, teacher=None), (8, 8, 1), DATA) is None


@pytest.mark.parametrize(
    ("split", "saw"),
    [
        ({"seed": 0, "validation_fraction": 0.1}, False),
        ({"seed": 0, "validation_fraction": 0.05}, False),  # a part of what the teacher held out
        ({"seed": 0, "validation_fraction": 0.2}, True),
        ({"seed": 1, "validation_fraction": 0.1}, True),
    ],
)
def test_a_teacher_that_has_seen_the_held_out_images_is_told_and_recorded(
    split: dict[str, object], saw: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = teacher.planned_teacher(replace(PLAN, recipe=split), (8, 8, 1), DATA)
    assert found is not None
    assert found.record.saw_held_out is saw
    said = " ".join(capsys.readouterr().err.split())
    assert ("! the teacher may have learnt from images that are held out here (digits, seed 0" in said) is saw


def test_other_data_may_be_the_same_images_in_another_order_or_by_other_names() -> None:
    theirs, ours = HeldOut(DATA, 0, 0.1), HeldOut(replace(DATA, sha256="01"), 0, 0.1)
    assert not theirs.covers(ours)
    assert not theirs.covers(replace(ours, data=replace(ours.data, slug="mine", classes=("c", "d"))))
    assert theirs.covers(replace(ours, data=replace(ours.data, slug="cifar10")))


def test_what_a_run_learnt_from_has_seen_stays_seen_by_whoever_learns_from_that_run() -> None:
    run = read_run(REPORTS / "study-cut")
    ours = HeldOut.of(run)
    assert ours.covers(ours)
    assert run.weights is None
    weights = WeightsRecord("w", "5ba", 1, (), (), saw_held_out=True)
    assert not HeldOut.of(replace(run, weights=weights)).covers(ours)
    assert not HeldOut.of(replace(run, teacher=replace(RECORD, saw_held_out=True))).covers(ours)
    assert HeldOut.of(replace(run, weights=replace(weights, saw_held_out=False), teacher=RECORD)).covers(ours)


def test_another_teacher_than_at_the_beginning_is_refused() -> None:
    with pytest.raises(TrainingError, match="runs/big holds another model than when this run began"):
        teacher.planned_teacher(replace(PLAN, teacher_sha256="5bb"), (8, 8, 1), DATA)


def test_a_teacher_of_other_classes_is_refused() -> None:
    with pytest.raises(TrainingError, match="the teacher runs/big knows other classes than digits"):
        teacher.planned_teacher(PLAN, (8, 8, 1), replace(DATA, classes=("b", "a")))
