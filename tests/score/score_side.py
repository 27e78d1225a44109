"""What `test_scores.py` has done in a process of its own, since Keras takes its backend once: FILE.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from archscope.design import build, parse_spec
from archscope.graph import Conv2D, Dense, GlobalAveragePooling2D, Graph, Input, Node, ReLU, verify
from archscope.score.gradients import gradients
from archscope.score.scores import Batch, scored

SPEC = "mobilenet_v2@16,alpha=0.1,classes=4+cut:block_2_add+head:16"


def batch(size: int = 8) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(rng.integers(0, 256, (6, size, size, 3)).astype(np.uint8), np.arange(6) % 4, seed=3)


def plain() -> Graph:
    """A 1x1 convolution, a rectifier, and a classifier of the mean."""
    return Graph(
        (
            Node("input", Input(shape=(8, 8, 3))),
            Node("conv", Conv2D(filters=4, kernel=(1, 1), strides=(1, 1), padding="same"), ("input",)),
            Node("relu", ReLU(), ("conv",)),
            Node("pool", GlobalAveragePooling2D(), ("relu",)),
            Node("predictions", Dense(units=4, activation="softmax"), ("pool",)),
        )
    )


def slopes() -> list[float]:
    """The norms of a given network's gradients."""
    import keras

    from archscope.interop.lower import lower

    model = lower(plain())
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32"))
    kernels = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
    found = gradients(model, kernels, batch().images.astype("float32") / 255, lambda y: keras.ops.sum(y**2), False)
    return [float(np.linalg.norm(slope)) for slope in found]


def all_scores() -> dict[str, float]:
    return scored(verify(build(parse_spec(SPEC))), [batch(16)])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps({"slopes": slopes(), "scores": all_scores()}))
