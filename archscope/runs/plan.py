"""What a training was asked to do: kept beside its state, so that an interrupted one can go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from archscope.errors import RunError, reason_of
from archscope.files import write_atomic
from archscope.runs.decode import decode
from archscope.runs.record import SCHEMA_VERSION
from archscope.runs.store import PLAN_FILE


@dataclass(frozen=True, slots=True)
class Plan:
    """`data` is the source as it was typed (None: CIFAR-10 wherever it is found); `recipe` is the resolved one.

    `train_images`: so many of the training images, stratified, where not all are used. `flip_tta`: score the mean of
    each image's and its mirror's probabilities as well. `teacher`: the run folder to distil from, as it was named, and
    the SHA-256 of its model. `weights`: what the network begins with, as it was named, and the SHA-256 of that file;
    `freeze_prefix`: what it leaves untouched stays as it is. `digest`: of the network, since a spec that names a file
    does not say what was in it. `versions` and `machine`: what the run began on, where that is known yet.
    """

    spec: str
    data: str | None
    recipe: dict[str, object]
    test: bool
    latency: bool
    command: str
    started: str
    train_images: int | None = None
    flip_tta: bool = False
    tensorboard: bool = False
    teacher: str | None = None
    teacher_sha256: str = ""
    weights: str | None = None
    weights_sha256: str = ""
    freeze_prefix: bool = False
    digest: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""

    @property
    def asked(self) -> Plan:
        """What two plans of the same run have in common."""
        return replace(self, command="", started="", tensorboard=False, versions={}, machine="")


def write_plan(folder: Path, plan: Plan) -> None:
    """Write plan.json into `folder`. Raises OutputError when the disk refuses."""
    write_atomic(folder / PLAN_FILE, json.dumps({"schema_version": SCHEMA_VERSION} | asdict(plan), indent=2) + "\n")


def read_plan(folder: Path) -> Plan:
    """The plan in `folder`. Raises RunError where there is none, or one that is damaged."""
    path = folder / PLAN_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError("another schema")
        plan: Plan = decode(values, Plan, "plan")
        return plan
    except OSError as error:
        reason = reason_of(error)
        raise RunError(f"{folder} is no interrupted run: {path.name}: {reason}", "name its .partial folder") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is damaged: {error}", "start the run anew") from error
