"""Training and scoring of a built Keras model: events while it runs, the best epoch's weights at its end.

The room takes a `keras.Model` (raw 0..255 pixels in, softmax probabilities out) and arrays; it never sees a Graph.
"""

from archscope.train.evaluate import evaluate, score, wilson_interval
from archscope.train.events import EpochEnd, Event, Finished, Started, Step
from archscope.train.loop import seed_everything, train
from archscope.train.recipe import AUGMENTATIONS, OPTIMIZER_DEFAULTS, OPTIMIZERS, SCHEDULES, Recipe
from archscope.train.state import TrainingState, load_state, save_state

__all__ = [
    "AUGMENTATIONS",
    "OPTIMIZERS",
    "OPTIMIZER_DEFAULTS",
    "SCHEDULES",
    "EpochEnd",
    "Event",
    "Finished",
    "Recipe",
    "Started",
    "Step",
    "TrainingState",
    "evaluate",
    "load_state",
    "save_state",
    "score",
    "seed_everything",
    "train",
    "wilson_interval",
]
