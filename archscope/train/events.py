"""What a training tells while it runs. Frozen values; whoever reads them prints, saves, or stops."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.runs import EpochRecord
from archscope.train.state import TrainingState


@dataclass(frozen=True, slots=True)
class Started:
    """The step is compiled and timed: the first epoch begins now.

    A resumed run begins behind step `first_step` of `first_epoch`, others behind step 0 of 1. `seconds_per_epoch` is
    measured on a few steps and a validation batch; `seconds_left` is that for all epochs to come, without early
    stopping.
    """

    epochs: int
    first_epoch: int
    first_step: int
    steps_per_epoch: int
    batch_size: int
    train_images: int
    validation_images: int
    trainable_params: int
    compile_seconds: float
    seconds_per_epoch: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class StepEnd:
    """A sign of life, a few times a second. `step` counts from 1 in its epoch; the figures are means over it so far.

    `seconds_left` is an estimate for all steps and validations to come, at this epoch's rate and without early
    stopping.
    """

    epoch: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """An epoch is trained and validated; `improved` says that it is the best so far, `last` that none follows.

    `seconds_left`: a pixel in an epoch to come is taken to cost what one in this did, a validation what this one did.
    """

    record: EpochRecord
    improved: bool
    seconds_left: float
    last: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state that was asked for: a training resumed from it goes on as this one does."""

    state: TrainingState


@dataclass(frozen=True, slots=True)
class Finished:
    """The model now holds the weights of `best_epoch`, the first with the highest validation accuracy."""

    history: tuple[EpochRecord, ...]
    best_epoch: int
    stopped_early: bool


Event = Started | StepEnd | EpochEnd | Checkpoint | Finished
