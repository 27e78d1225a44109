"""The recipe of one training: every knob, its rule, and its default."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from archscope.errors import TrainingError, did_you_mean

OPTIMIZERS = ("sgd", "rmsprop", "adamw")
SCHEDULES = ("cosine", "constant")
FLIPS = ("none", "random", "alternating")
PRECISIONS = ("float32", "mixed")

GRID, GROWN = 4, 0.75
"""Of images that grow: the step in pixels, and the share of the epochs after which they have grown."""

# What depends on the optimizer. On CIFAR-10's validation split, MobileNetV2 at 32x32, alpha 0.9: SGD with the same
# decay as an L2 term of 5e-4 reached 0.814 in 24 epochs when cut at block_12_add; uncut, in 6 epochs, SGD reached 0.503
# and AdamW 0.497. RMSprop has the values of the study that this tool grew from; they were not tuned here.
OPTIMIZER_DEFAULTS: dict[str, dict[str, float]] = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-3},
    "rmsprop": {"learning_rate": 5e-4, "momentum": 0.9, "weight_decay": 0.0},
    "adamw": {"learning_rate": 2e-3, "momentum": 0.9, "weight_decay": 5e-2},
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained. `Recipe()` is the default; `choose` fills in what depends on the optimizer.

    momentum: SGD's (Nesterov) and RMSprop's momentum, AdamW's beta 1.
    weight_decay: decoupled, w <- w - learning_rate * weight_decay * w in each step (Loshchilov and Hutter 2019), the
        same meaning for every optimizer; on kernels (rank 2 and more) only, never on biases or batch norms. An L2
        term of PyTorch's SGD at momentum m shrinks the weights as much as this does at L2 / (1 - m).
    warmup: the fraction of all steps over which the learning rate rises linearly from zero.
    schedule: "cosine" falls to zero over the steps after the warm-up (Loshchilov and Hutter 2017).
    ema: decay of the exponential moving average of all weights, 0 for none; what is validated and kept is then the
        average. It is warmed up: min(ema, (1 + step) / (10 + step)).
    crop: pads by this fraction of the size (1/8: 4 pixels at 32) and cuts the size back out at a random place.
    flip: "random" mirrors each image left to right with probability one half; "alternating" mirrors every image in
        every second epoch, which half begins being drawn (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds"): no epoch
        repeats the view of the one before. Digits and letters must not be flipped.
    rotation: largest angle in degrees; each image is turned by an angle drawn uniformly.
    sharpness: each image is blended with its 3x3 smoothing by a factor drawn from [1 - sharpness, 1 + sharpness].
    jitter: brightness, contrast and saturation, each scaled by a factor drawn from [1 - jitter, 1 + jitter].
    mixup: largest share of a second image and its label (Zhang et al. 2018), drawn uniformly up to mixup * progress:
        none at the beginning of the run, all of it at the end.
    cutout: side in pixels of a grey square put at a random place (DeVries and Taylor 2017), 0 for none.
    start_size: share of the images' side that the first epoch trains on; the side grows, in steps of GRID pixels, to
        all of it over the first GROWN of the epochs (progressive learning; Tan and Le 2021, EfficientNetV2). Small maps
        cost little, and the network sees every epoch's images all the same. Validation is at full size, always.
    bn_momentum: of the moving statistics of every batch norm. Keras' 0.99 and the 0.999 of its MobileNets lag
        behind weights that change for some thousand steps only.
    bn_groups: the batch in so many equal groups, each of which is normalised by its own mean and variance (ghost batch
        normalisation; Hoffer, Hubara and Soudry 2017, "Train longer, generalize better"), as processes that share a
        batch do. On a CPU TensorFlow computes them side by side, each on its share of the cores.
    distill: share of the loss that is taken against a teacher's answers to the same images instead of the labels, 0
        for none (Hinton, Vinyals and Dean 2015). temperature: by which both logits are divided there.
    precision: "mixed" computes in bfloat16 up to the last pooling or flattening; weights, statistics, loss and update
        stay float32.
    patience: stop after this many epochs without a better validation accuracy, 0 for never. Under a cosine schedule
        the last epochs bring the most, so a small patience costs accuracy.
    validation_fraction: of the training images, held out for choosing the epoch; used by whoever splits.
    """

    optimizer: str = "sgd"
    learning_rate: float = OPTIMIZER_DEFAULTS["sgd"]["learning_rate"]
    momentum: float = OPTIMIZER_DEFAULTS["sgd"]["momentum"]
    weight_decay: float = OPTIMIZER_DEFAULTS["sgd"]["weight_decay"]
    batch_size: int = 128
    epochs: int = 30
    warmup: float = 0.05
    schedule: str = "cosine"
    label_smoothing: float = 0.0
    ema: float = 0.0
    crop: float = 0.125
    flip: str = "random"
    cutout: int = 0
    rotation: float = 0.0
    sharpness: float = 0.0
    jitter: float = 0.0
    mixup: float = 0.0
    start_size: float = 1.0
    bn_momentum: float = 0.95
    bn_groups: int = 1
    distill: float = 0.0
    temperature: float = 4.0
    precision: str = "float32"
    patience: int = 10
    validation_fraction: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        for knob in fields(self):
            check_knob(knob.name, getattr(self, knob.name))
        if self.batch_size % self.bn_groups:
            raise TrainingError(
                f"batches of {self.batch_size} cannot be split into {self.bn_groups} equal groups",
                "set --bn-groups to a divisor of --batch-size",
            )

    @classmethod
    def choose(cls, **given: Any) -> Recipe:
        """A recipe from what was given (None: not given), the optimizer's own defaults, and the common ones.

        Raises TrainingError for an unknown knob or a value outside its rule.
        """
        chosen = {name: value for name, value in given.items() if value is not None}
        for name in chosen:
            if name not in RULES:
                raise TrainingError(
                    f"recipe: no knob {name!r}", did_you_mean(name, RULES, f"known: {', '.join(RULES)}")
                )
        optimizer = chosen.get("optimizer", "sgd")
        check_knob("optimizer", optimizer)
        return cls(**(OPTIMIZER_DEFAULTS[optimizer] | chosen))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`. Raises TrainingError for an unknown knob or a value outside its rule."""
        return cls.choose(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every knob by name, as JSON scalars."""
        return asdict(self)

    def side_at(self, epoch: int, side: int) -> int:
        """The side in pixels of what epoch `epoch` (from 1) trains on, of images with that side."""
        share = self.start_size + (1 - self.start_size) * (epoch - 1) / (GROWN * self.epochs)
        return side if share >= 1 else min(side, max(1, round(side * share / GRID)) * GRID)

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step `step` (from 0) of `steps` in the whole run."""
        warm = round(self.warmup * steps)
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def _one_of(choices: tuple[str, ...]) -> tuple[str, Callable[[Any], bool]]:
    return f"must be one of {', '.join(choices)}", lambda value: value in choices


def _number(rule: str, holds: Callable[[float], bool]) -> tuple[str, Callable[[Any], bool]]:
    return f"must be {rule}", lambda value: _is_number(value) and math.isfinite(value) and holds(value)


def _whole(rule: str, low: int, high: float = math.inf) -> tuple[str, Callable[[Any], bool]]:
    return f"must be {rule}", lambda value: isinstance(value, int) and _is_number(value) and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_knob(name: str, value: Any) -> None:
    """Raise TrainingError unless the knob can have that value."""
    rule, holds = RULES[name]
    if not holds(value):
        raise TrainingError(f"{name.replace('_', ' ')} is {value!r} and {rule}", f"set --{name.replace('_', '-')}")


# knob -> (the rule in words, the rule)
RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "optimizer": _one_of(OPTIMIZERS),
    "learning_rate": _number("a number above 0 and at most 10", lambda v: 0 < v <= 10),
    "momentum": _number("in [0, 1)", lambda v: 0 <= v < 1),
    "weight_decay": _number("a number of at least 0 and at most 1e30", lambda v: 0 <= v <= 1e30),
    "batch_size": _whole("a whole number of at least 1", 1),
    "epochs": _whole("a whole number of at least 1 and at most 1,000,000", 1, 10**6),
    "warmup": _number("a fraction in [0, 1)", lambda v: 0 <= v < 1),
    "schedule": _one_of(SCHEDULES),
    "label_smoothing": _number("in [0, 1)", lambda v: 0 <= v < 1),
    "ema": _number("in [0, 1)", lambda v: 0 <= v < 1),
    "crop": _number("a fraction from 0 to 0.5", lambda v: 0 <= v <= 0.5),
    "flip": _one_of(FLIPS),
    "cutout": _whole("a side in pixels, 0 for none", 0),
    "rotation": _number("an angle from 0 to 180 degrees", lambda v: 0 <= v <= 180),
    "sharpness": _number("from 0 to 1", lambda v: 0 <= v <= 1),
    "jitter": _number("from 0 to 1", lambda v: 0 <= v <= 1),
    "mixup": _number("from 0 to 0.5", lambda v: 0 <= v <= 0.5),
    "start_size": _number("a share above 0 and up to 1", lambda v: 0 < v <= 1),
    "bn_momentum": _number("in [0, 1)", lambda v: 0 <= v < 1),
    "bn_groups": _whole("a whole number of at least 1", 1),
    "distill": _number("a share from 0 to 1", lambda v: 0 <= v <= 1),
    "temperature": _number("a number above 0", lambda v: v > 0),
    "precision": _one_of(PRECISIONS),
    "patience": _whole("a whole number of epochs, 0 for never", 0),
    "validation_fraction": _number("in (0, 1)", lambda v: 0 < v < 1),
    "seed": _whole("a whole number from 0 to 4294967295", 0, 2**32 - 1),
}
