"""Training-free scores against hand-derived answers on small networks, and alike on each of Keras' backends."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import score_side

from archscope.design import build, parse_spec
from archscope.graph import Graph, verify
from archscope.score.gradients import double_precision
from archscope.score.scores import SCORES, Batch, _linear, gradient_norm, naswot, scored, synflow
from archscope.surgery.gates import gate_branches


@pytest.fixture(scope="module")
def batch() -> Batch:
    return score_side.batch()


def weights_of(graph: Graph, seed: int) -> dict[str, list[np.ndarray]]:
    """The weights that a score begins with."""
    from archscope.interop.lower import lower
    from archscope.train import seed_everything

    seed_everything(seed)
    return {layer.name: layer.get_weights() for layer in lower(graph).layers}


def test_naswot_is_the_determinant_of_the_codes(batch: Batch) -> None:
    graph = score_side.plain()
    weights = weights_of(graph, batch.seed)
    maps = batch.images.reshape(len(batch.images), -1, 3).astype(np.float64) @ weights["conv"][0][0, 0]
    codes = (maps > 0).reshape(len(batch.images), -1)
    kernel = [[(one == other).sum() for other in codes] for one in codes]
    assert naswot(verify(graph), batch) == pytest.approx(np.log(np.linalg.det(np.array(kernel, float))), rel=1e-6)


def test_images_that_are_alike_score_least(batch: Batch) -> None:
    alike = Batch(np.stack([batch.images[0], batch.images[0]]), batch.labels[:2], batch.seed)
    assert naswot(verify(score_side.plain()), alike) == -math.inf


def test_synflow_of_a_chain_is_its_flow_once_a_kernel(batch: Batch) -> None:
    """R is homogeneous in each kernel: the sum of w dR/dw over a kernel is R (Euler), whatever rectifiers cut off."""
    graph = score_side.plain()
    with double_precision():
        weights = weights_of(graph, batch.seed)
    pooled = np.ones(3) @ np.abs(weights["conv"][0][0, 0])
    flow = (pooled @ np.abs(weights["predictions"][0])).sum()
    assert synflow(verify(graph), batch) == pytest.approx(math.log10(2 * flow), rel=1e-9)


def test_synflow_of_deep_networks_is_finite(batch: Batch) -> None:
    """Beyond what float32 holds."""
    deep = verify(build(parse_spec("inception_v3@96,classes=4")))
    assert synflow(deep, batch) > 38


def test_gates_keep_their_functions() -> None:
    """A hard sigmoid, as MobileNetV3 writes it, has an offset and a scale: Rescaling, which goes elsewhere."""
    gated = verify(build(parse_spec("mobilenet_v3_small,alpha=0.5")))
    linear = _linear(gated)
    for name in gate_branches(gated):
        assert linear.node(name).op == gated.row(name).node.op
    assert {type(node.op).__name__ for node in linear.nodes if node.name not in gate_branches(gated)} <= {
        "Input", "Identity", "Conv2D", "DepthwiseConv2D", "ZeroPadding2D", "Multiply", "Add", "Dense",
        "GlobalAveragePooling2D", "Reshape", "Flatten",
    }  # fmt: skip


def test_the_gradient_norm_is_that_of_finite_differences(batch: Batch) -> None:
    graph = score_side.plain()
    weights = weights_of(graph, batch.seed)
    conv, (kernel, bias) = weights["conv"][0][0, 0].astype(np.float64), weights["predictions"]
    images = batch.images.astype(np.float64)

    def loss(conv: np.ndarray, kernel: np.ndarray) -> float:
        pooled = np.maximum(images @ conv, 0).mean(axis=(1, 2))
        logits = pooled @ kernel + bias
        chosen = logits[np.arange(len(images)), batch.labels]
        return float((np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1) - chosen).mean())

    def norm(values: np.ndarray, at: int) -> float:
        slopes, step = np.zeros_like(values), 1e-6
        for place in np.ndindex(values.shape):
            ends = []
            for sign in (1, -1):
                moved = [conv.copy(), kernel.astype(np.float64)]
                moved[at][place] += sign * step
                ends.append(loss(*moved))
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
        return float(np.linalg.norm(slopes))

    assert gradient_norm(verify(graph), batch) == pytest.approx(norm(conv, 0) + norm(kernel, 1), rel=1e-4)


def test_scores_repeat_and_hang_on_the_seed() -> None:
    batch = score_side.batch(16)
    trace = verify(build(parse_spec(score_side.SPEC)))
    one = scored(trace, [batch])
    assert list(one) == list(SCORES)
    assert all(math.isfinite(value) for value in one.values())
    assert scored(trace, [batch]) == one
    other = scored(trace, [Batch(batch.images, batch.labels, batch.seed + 1)])
    assert {name for name in one if one[name] != other[name]} == set(SCORES) - {"params", "macs"}
    assert scored(trace, [batch, batch]) == pytest.approx(one)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend: str, tmp_path: Path) -> None:
    """Weights differ with the backend's random numbers, so that a network of given ones is compared."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    out = tmp_path / "scores.json"
    settings = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    subprocess.run(
        [sys.executable, "-m", "score_side", str(out)],
        cwd=Path(__file__).parent,
        env=os.environ | settings,
        check=True,
        timeout=600,
    )
    found = json.loads(out.read_text())
    ours = score_side.slopes()
    assert found["slopes"] == pytest.approx(ours, rel=1e-4)
    assert all(math.isfinite(value) for value in found["scores"].values())
    assert {name: found["scores"][name] for name in ("params", "macs", "random")} == {
        name: score_side.all_scores()[name] for name in ("params", "macs", "random")
    }
