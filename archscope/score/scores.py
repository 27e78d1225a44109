"""The scores, each with its source, and the baselines that they have to beat.

All are of a network at initialization, on Keras' CPU or GPU backend, with one seed. Larger is held to be better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from archscope.errors import TrainingError
from archscope.graph import (
    ELU,
    Activation,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    Graph,
    Identity,
    LeakyReLU,
    Node,
    Norm,
    Normalization,
    PReLU,
    ReLU,
    Rescaling,
    RMSNormalization,
    Softmax,
    SpatialDropout2D,
    StochasticDepth,
    Trace,
    UnitNormalization,
    verify,
)
from archscope.interop.lower import layers_of, lower
from archscope.score.gradients import double_precision, gradients
from archscope.surgery.gates import gate_branches
from archscope.train import seed_everything
from archscope.train.forward import giving_logits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NOISE = (Dropout, SpatialDropout2D, StochasticDepth, GaussianDropout, GaussianNoise)
_NORMS = (Norm, RMSNormalization, UnitNormalization, Normalization, Rescaling)
_RECTIFIERS = (ReLU, LeakyReLU, ELU, PReLU)
# Functions whose value is above 0 where their input is.
_RECTIFYING = frozenset(
    ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "hard_silu", "hard_swish", "mish"]
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (n, height, width, channels), uint8, with labels (n,), and the seed of the weights."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.integer]
    seed: int


@dataclass(frozen=True, slots=True)
class Score:
    """`source`: where it is from. `of`: its value for a verified network."""

    title: str
    source: str
    baseline: bool
    of: Callable[[Trace, Batch], float]


def params(trace: Trace, batch: Batch) -> float:
    """The number of parameters: the baseline that few scores beat (Ning et al. 2021, arXiv:2008.03064)."""
    return float(trace.params)


def macs(trace: Trace, batch: Batch) -> float:
    """Multiply-accumulates of one image."""
    return float(trace.macs)


def chance(trace: Trace, batch: Batch) -> float:
    """A number from the seed and the network's parameters and MACs: what a score that knows nothing looks like."""
    return Random(f"{batch.seed} {trace.params} {trace.macs}").random()


def naswot(trace: Trace, batch: Batch) -> float:
    """log |K| of the kernel K of the images' rectifier codes: K[i, j] counts the rectifiers that are on, or off, for
    both image i and image j.

    Mellor, Turner, Storkey and Crowley 2021, "Neural Architecture Search without Training" (arXiv:2006.04647). In
    training mode, as there: batch norms use the batch's statistics. A rectifier is on where its value is above 0.
    -inf where two images have one code.
    """
    import keras
    import numpy as np

    seed_everything(batch.seed)
    quiet = verify(_changed(trace.graph, lambda node: Identity() if isinstance(node.op, _NOISE) else node.op))
    names = _rectifiers(quiet)
    if not names:
        raise TrainingError("the network has no rectifier whose codes could be compared", "leave NASWOT out")
    tensors = layers_of(quiet)
    model = keras.Model(tensors[quiet.graph.nodes[0].name], [tensors[name] for name in names])
    kernel = np.zeros((len(batch.images), len(batch.images)))
    outputs = model(batch.images.astype("float32"), training=True)
    for output in outputs if len(names) > 1 else [outputs]:
        on = (keras.ops.convert_to_numpy(output) > 0).reshape(len(batch.images), -1).astype("float32")
        kernel += on @ on.T + (1 - on) @ (1 - on).T
    sign, logarithm = np.linalg.slogdet(kernel)
    return float(logarithm) if sign > 0 else float("-inf")


def synflow(trace: Trace, batch: Batch) -> float:
    """log10 of the sum of |w| dR/d|w| over the kernels' weights w, where R is the sum of what the network answers to an
    image of ones with all weights in absolute value and nothing but its linear layers.

    Tanaka, Kunin, Yamins and Ganguli 2020, "Pruning neural networks without any data by iteratively conserving synaptic
    flow" (arXiv:2006.05467), as a score: Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS"
    (arXiv:2101.08134), norms left out as there. In float64; gates keep their functions.
    """
    import keras
    import numpy as np

    seed_everything(batch.seed)
    with double_precision():
        model = lower(_linear(trace))
        for weight in model.trainable_weights:
            weight.assign(keras.ops.absolute(weight))
        ones = np.ones((1, *trace.input))
        kernels = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
        flow = gradients(model, kernels, ones, keras.ops.sum, training=False)
        total = sum(float((weight.numpy() * slope).sum()) for weight, slope in zip(kernels, flow, strict=True))
    return float(np.log10(total)) if total > 0 else float("-inf")


def gradient_norm(trace: Trace, batch: Batch) -> float:
    """The sum over the kernels of the Euclidean norms of the loss' gradients, after one batch and before any step.

    Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS" (arXiv:2101.08134). The loss is cross-entropy.
    """
    import keras
    import numpy as np

    seed_everything(batch.seed)
    model = lower(_changed(trace.graph, lambda node: Identity() if isinstance(node.op, _NOISE) else node.op))
    kernels = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
    labels = keras.ops.convert_to_tensor(batch.labels.astype("int32"))

    with giving_logits(model) as logits_of:

        def loss(answers: Any) -> Any:
            logits = logits_of(answers)
            return keras.ops.mean(keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))

        slopes = gradients(model, kernels, batch.images.astype("float32"), loss, training=True)
    return float(sum(np.linalg.norm(slope) for slope in slopes))


SCORES: Mapping[str, Score] = {
    "random": Score("random", "a baseline", True, chance),
    "params": Score("params", "a baseline", True, params),
    "macs": Score("MACs", "a baseline", True, macs),
    "naswot": Score("NASWOT", "Mellor et al. 2021, arXiv:2006.04647", False, naswot),
    "synflow": Score("synflow, log10", "Tanaka et al. 2020, arXiv:2006.05467", False, synflow),
    "grad_norm": Score("gradient norm", "Abdelfattah et al. 2021, arXiv:2101.08134", False, gradient_norm),
}


def scored(trace: Trace, batches: list[Batch]) -> dict[str, float]:
    """Each score of a network, its mean over the batches. Raises GraphError where the network cannot be built."""
    return {name: sum(score.of(trace, batch) for batch in batches) / len(batches) for name, score in SCORES.items()}


def _rectifiers(trace: Trace) -> list[str]:
    """The layers that end in a rectifier; what a gate scales by is none."""
    gates = gate_branches(trace)
    return [row.name for row in trace if row.name not in gates and _rectifies(row.node)]


def _rectifies(node: Node) -> bool:
    if isinstance(node.op, Activation):
        return node.op.function in _RECTIFYING
    return isinstance(node.op, _RECTIFIERS) or getattr(node.op, "activation", None) in _RECTIFYING


def _linear(trace: Trace) -> Graph:
    """The network without norms, noise, rectifiers and the softmax."""
    gates = gate_branches(trace)

    def changed(node: Node) -> Any:
        op = node.op
        if node.name in gates:
            return op
        if isinstance(op, (*_NOISE, *_NORMS, Softmax)):
            return Identity()
        if isinstance(op, (Activation, *_RECTIFIERS)):
            return Identity()
        linear: dict[str, Any] = {"activation": "linear"} if hasattr(op, "activation") else {}
        return replace(op, **linear)

    return _changed(trace.graph, changed)


def _changed(graph: Graph, op_of: Callable[[Node], Any]) -> Graph:
    return Graph(tuple(replace(node, op=op_of(node)) for node in graph.nodes))
