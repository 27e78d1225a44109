"""Training and scoring of a built Keras model: events while it runs, the best epoch's weights at its end.

The room takes a `keras.Model` (raw 0..255 pixels in, softmax probabilities out) and arrays; it never sees a Graph.
"""

from archscope.train.evaluate import Evaluation, evaluate, score, wilson_interval
from archscope.train.events import Checkpoint, EpochEnd, Event, Finished, Started, StepEnd
from archscope.train.generations import Generations, has_state
from archscope.train.loop import seed_everything, train
from archscope.train.presets import PRESETS, load_preset
from archscope.train.recipe import FLIPS, OPTIMIZER_DEFAULTS, OPTIMIZERS, SCHEDULES, Recipe
from archscope.train.state import TrainingState, best_epoch

__all__ = [
    "FLIPS",
    "OPTIMIZERS",
    "OPTIMIZER_DEFAULTS",
    "PRESETS",
    "SCHEDULES",
    "Checkpoint",
    "EpochEnd",
    "Evaluation",
    "Event",
    "Finished",
    "Generations",
    "Recipe",
    "Started",
    "StepEnd",
    "TrainingState",
    "best_epoch",
    "evaluate",
    "has_state",
    "load_preset",
    "score",
    "seed_everything",
    "train",
    "wilson_interval",
]
