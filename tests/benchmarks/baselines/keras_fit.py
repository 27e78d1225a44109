"""`model.fit` on NumPy arrays, as people write it: one side of training.py, which runs it.

python -m baselines.keras_fit SPEC STEPS
"""

from __future__ import annotations

import sys
from typing import Any

import keras

from archscope.interop.lower import lower
from baselines.rounds import BATCH, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, Rounds, images_and_labels, network

EPOCHS = 10**9  # until stdin ends


class Told(keras.callbacks.Callback):  # type: ignore[misc]
    """Every epoch waits to be told; its clock starts before its first batch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds = Rounds()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.rounds.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        assert float(logs["loss"]) >= 0
        self.rounds.end()


def compiled(spec: str) -> keras.Model:
    """The network, raw pixels in, compiled for integer labels."""
    model = lower(network(spec))
    optimizer = keras.optimizers.SGD(LEARNING_RATE, MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    spec, steps = sys.argv[1], int(sys.argv[2])
    images, labels = images_and_labels(steps)
    compiled(spec).fit(images, labels, batch_size=BATCH, epochs=EPOCHS, callbacks=[Told()])


if __name__ == "__main__":
    main()
