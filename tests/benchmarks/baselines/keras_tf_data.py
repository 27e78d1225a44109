"""`model.fit` on a tf.data pipeline, as TensorFlow's guide to performance has it: one side of training.py.

python -m baselines.keras_tf_data SPEC STEPS
"""

from __future__ import annotations

import sys

import tensorflow as tf

from baselines.keras_fit import EPOCHS, Told, compiled
from baselines.rounds import BATCH, images_and_labels


def main() -> None:
    spec, steps = sys.argv[1], int(sys.argv[2])
    images, labels = images_and_labels(steps)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).cache().shuffle(len(images))
    data = data.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    # One line an epoch: no bar to be drawn at every step.
    compiled(spec).fit(data, epochs=EPOCHS, callbacks=[Told()], verbose=2)


if __name__ == "__main__":
    main()
