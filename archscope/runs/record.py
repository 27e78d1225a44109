"""The record of one run, as run.json holds it. Accuracies are fractions in [0, 1]; times name their unit."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """The network that was trained, in the figures that the tables print."""

    spec: str
    digest: str
    input: tuple[int, int, int]
    classes: int
    params: int
    trainable_params: int
    macs: int


KNOWN_DATA = ("cifar10", "digits")
"""The slugs of the data sets that are known by a name, wherever their files are."""


@dataclass(frozen=True, slots=True)
class DataRecord:
    """The data set behind every accuracy of the run. `name` is printed beside each of them.

    `train_left_out`: how many of the training images a pilot left unused; `train_images` are those that it used.
    `named`: the source as it was typed, "" where none was or the run is older than this field.
    """

    name: str
    slug: str
    source: str
    sha256: str
    classes: tuple[str, ...]
    train_images: int
    validation_images: int
    test_images: int
    train_left_out: int = 0
    named: str = ""


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch. The training figures are means over the epoch's augmented batches, with dropout on."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class ClassScore:
    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """A network's answers on one split, scored. `confusion[i][j]`: images of class i that were called j.

    `calibration_error`: the expected calibration error over 15 bins of equal width (Guo et al. 2017); None in runs
    made before it was measured.
    """

    split: str
    images: int
    accuracy: float
    interval_low: float
    interval_high: float
    loss: float
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float | None = None


@dataclass(frozen=True, slots=True)
class LatencyRecord:
    """Single-image CPU latency of one runtime, milliseconds per image."""

    runtime: str
    threads: int
    warmup: int
    runs: int
    median_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class TeacherRecord:
    """The run that another was distilled from: its network's digest, its model file's checksum and its accuracy.

    `saw_held_out`: it may have been trained on some of the images that the other run validates on.
    """

    name: str
    digest: str
    model_sha256: str
    accuracy: float
    split: str
    data: str
    classes: tuple[str, ...]
    saw_held_out: bool = False


@dataclass(frozen=True, slots=True)
class WeightsRecord:
    """The weights that a training began with: the file as it was named, and what became of its layers.

    `exact` counts the layers that took theirs as they were. `frozen` are those that the training left alone.
    `difference`: max|a - b| / max|b| of what the untouched prefix computes, None where that was not compared.
    `saw_held_out`: they are a run's that may have learnt from images that this one validates on.
    """

    name: str
    sha256: str
    exact: int
    adapted: tuple[str, ...]
    new: tuple[str, ...]
    frozen: tuple[str, ...] = ()
    difference: float | None = None
    saw_held_out: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a finished run says. `test` is None for `--no-test`; `times_tested` counts this one.

    `flip_tta`: the same split as the headline's, scored by the mean of each image's and its mirror's probabilities;
    None where that was not asked for. It is never the headline.

    `teacher`: the run whose answers it was trained on as well, or None. `weights`: what it began with, None for fresh
    ones. `tested_since`: how often a run without a test was scored on the test set after all.
    """

    name: str
    command: str
    started: str
    seconds: float
    network: NetworkRecord
    data: DataRecord
    recipe: dict[str, object]
    seed: int
    history: tuple[EpochRecord, ...]
    best_epoch: int
    stopped_early: bool
    validation: Scores
    test: Scores | None
    times_tested: int
    latency: tuple[LatencyRecord, ...]
    versions: dict[str, str]
    machine: str
    model_sha256: str
    flip_tta: Scores | None = None
    teacher: TeacherRecord | None = None
    tested_since: int = 0
    weights: WeightsRecord | None = None

    @property
    def headline(self) -> Scores:
        """What the run is judged by: the test set's, or the validation set's where no test was made."""
        return self.test or self.validation

    def on(self, data: str = "") -> str:
        """What stands beside every accuracy: the data set, `data` or the run's own, and what else it learnt from."""
        name, learnt = data or self.data.name, []
        if self.weights is not None:
            learnt.append(f"fine-tuned from {self.weights.name}{_seen(self.weights.saw_held_out)}")
        if self.teacher is not None:
            seen = _seen(self.teacher.saw_held_out)
            learnt.append(f"distilled from {self.teacher.name}, {100 * self.teacher.accuracy:.1f}%{seen}")
        return f"{name} ({'; '.join(learnt)})" if learnt else name


def _seen(saw_held_out: bool) -> str:
    return ", which may have learnt from held-out images" if saw_held_out else ""
