"""archscope's own trainer: the side of training.py that the baselines are measured against.

python -m trainer_side SPEC STEPS ROUNDS none|groups|crop+flip|all
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from baselines.rounds import BATCH, LEARNING_RATE, MOMENTUM, THREADS, WEIGHT_DECAY, Rounds, images_and_labels, network

from archscope.interop.framework import load_framework
from archscope.interop.lower import lower
from archscope.train import EpochEnd, Event, Recipe, Started, StepEnd, seed_everything, train

CROP_FLIP = {"crop": 0.125, "flip": "alternating"}
BARE = {"crop": 0.0, "flip": "none"}
VARIANTS: dict[str, dict[str, float | str]] = {
    "none": BARE,
    "groups": BARE | {"bn_groups": 2},
    "crop+flip": CROP_FLIP,
    "all": CROP_FLIP | {"rotation": 15.0, "sharpness": 0.5, "jitter": 0.2, "mixup": 0.2, "cutout": 8},
}


def recipe_of(variant: str, epochs: int) -> Recipe:
    return Recipe.choose(
        optimizer="sgd",
        learning_rate=LEARNING_RATE,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        schedule="constant",
        warmup=0.0,
        batch_size=BATCH,
        epochs=epochs,
        patience=0,
        **VARIANTS[variant],
    )


def told(events: Iterator[Event]) -> None:
    """Run a training; every epoch waits to be told. Its clock stops before its validation: the others have none."""
    rounds, steps = Rounds(), 0
    for event in events:
        if isinstance(event, Started):
            steps = event.steps_per_epoch
        if isinstance(event, StepEnd) and event.step == steps:
            rounds.end()
        if isinstance(event, Started | EpochEnd):
            # What the generator does between two events it does when it is asked for the next.
            rounds.begin()


def main() -> None:
    spec, steps, epochs, variant = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    split = images_and_labels(steps)
    recipe = recipe_of(variant, epochs)
    # What load_framework does where nothing is set, with the benchmark's threads instead of the machine's CPUs.
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, THREADS // recipe.bn_groups))
    load_framework(recipe.bn_groups)
    seed_everything(0)
    # One batch is validated, as every epoch ends with a validation.
    validation = split[0][:BATCH], split[1][:BATCH]
    told(train(lower(network(spec)), split, validation, recipe))


if __name__ == "__main__":
    main()
