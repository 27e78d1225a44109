"""The finished run that another one is distilled from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from archscope.cli.held_out import saw_held_out
from archscope.cli.output import note
from archscope.errors import TrainingError
from archscope.report.facts import percent
from archscope.runs import DataRecord, TeacherRecord, read_run, saved_model
from archscope.runs.held_out import HeldOut
from archscope.runs.plan import Plan


@dataclass(frozen=True, slots=True)
class Teacher:
    """Its record, the model's file, and what it had not learnt from."""

    record: TeacherRecord
    model: Path
    held_out: HeldOut


def named_teacher(folder: Path, input: tuple[int, int, int]) -> Teacher:
    """The run in `folder` as a teacher of a network with that input (height, width, channels).

    Raises RunError where there is no finished run with its model, TrainingError where the inputs differ.
    """
    run = read_run(folder)
    model = saved_model(folder, run)
    if run.network.input != input:
        theirs, ours = ("x".join(map(str, shape)) for shape in (run.network.input, input))
        raise TrainingError(
            f"the teacher {folder} takes {theirs} images and the network {ours}", "choose a teacher of the same input"
        )
    scores = run.test or run.validation
    record = TeacherRecord(
        name=run.name,
        digest=run.network.digest,
        model_sha256=run.model_sha256,
        accuracy=scores.accuracy,
        split=scores.split,
        data=run.data.name,
        classes=run.data.classes,
    )
    return Teacher(record, model, HeldOut.of(run))


def planned_teacher(plan: Plan, input: tuple[int, int, int], data: DataRecord) -> Teacher | None:
    """The plan's teacher, said in a note; None where it has none.

    Raises TrainingError where the run is not the one that was meant, or knows other classes.
    """
    if plan.teacher is None:
        return None
    teacher = named_teacher(Path(plan.teacher), input)
    if teacher.record.model_sha256 != plan.teacher_sha256:
        raise TrainingError(
            f"{plan.teacher} holds another model than when this run began (SHA-256)", "restore it, or start anew"
        )
    if teacher.record.classes != data.classes:
        raise TrainingError(
            f"the teacher {plan.teacher} knows other classes than {data.name}", "choose a teacher of the same data"
        )
    record = teacher.record
    note(f"teacher: {record.name}, {percent(record.accuracy)} {record.split} accuracy on {record.data}")
    saw = saw_held_out("the teacher", teacher.held_out, HeldOut.by(plan.recipe, data))
    return replace(teacher, record=replace(record, saw_held_out=saw))
