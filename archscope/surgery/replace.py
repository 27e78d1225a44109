"""Put other activations or normalisations in the place of those that a network has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace as with_values
from math import gcd

from archscope.errors import SurgeryError, did_you_mean
from archscope.graph import (
    ELU,
    HEAD,
    Activation,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Graph,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    Norm,
    Op,
    PReLU,
    ReLU,
    RMSNormalization,
    Row,
    SeparableConv2D,
    Trace,
    trace,
    verify,
)
from archscope.surgery.drop import without
from archscope.surgery.gates import gate_branches
from archscope.surgery.select import selected

ANY_ACTIVATION, ANY_NORM, NONE = "activations", "norms", "none"
DEFAULT_GROUPS = 8
"""Divides every channel count that the families' rounding to multiples of 8 makes."""

# fmt: off
_FUNCTIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "swish", "silu", "hard_swish", "hard_silu", "mish",
    "tanh", "hard_tanh", "sigmoid", "hard_sigmoid", "softplus", "softsign", "exponential",
)
# fmt: on
_NORMS: Mapping[str, type[Norm]] = {
    "batch": BatchNormalization,
    "layer": LayerNormalization,
    "group": GroupNormalization,
}
OLD_ACTIVATIONS = (ANY_ACTIVATION, *_FUNCTIONS, "prelu")
OLD_NORMS = (ANY_NORM, *_NORMS, "rms")
NEW_ACTIVATIONS, NEW_NORMS = (*_FUNCTIONS, NONE), (*_NORMS, NONE)

_KERAS = {"swish": "silu", "hard_swish": "hard_silu"}
"""Two names of one function: what the papers call it, and what Keras writes into a configuration."""

Fused = Conv2D | DepthwiseConv2D | SeparableConv2D | Conv2DTranspose | Dense
"""What has an activation and a bias of its own."""


def replace(graph: Graph, old: str, by: str, where: str = "", groups: int = DEFAULT_GROUPS) -> Graph:
    """The graph with every `old` replaced `by` another, in the whole network or within what `where` stands for.

    `old` is one activation or normalisation by its name, or "activations" or "norms" for whichever there are; `by` one
    of the same sort, or "none". An activation inside a convolution or dense layer counts as one. Left as they are: a
    softmax, the classifier's activation, and gates (squeeze-excite), unless `where` stands for nothing else.
    Layers keep their names. A normalisation keeps its epsilon, centre and scale; `groups` is for "group". Where one is
    taken out, the convolution or dense layer that fed it alone gets a bias: the offset stays learnable, and the layer
    can hold what a trained batch normalisation folds into it.
    Raises SurgeryError for an unknown word, where there is no `old`, and for groups that do not divide the channels.
    """
    check_words(old, by)
    traced, norms = trace(graph), old in OLD_NORMS
    kind = _norm if norms else _activation
    inside = {node.name for node in selected(graph, where)} if where else {node.name for node in graph.nodes}
    meant = [row for row in traced if row.name in inside - _classifier(traced) and kind(row) is not None]
    gates = gate_branches(traced)
    there = [row for row in meant if row.name not in gates] or (meant if where else [])
    found = [row for row in there if old in (ANY_ACTIVATION, ANY_NORM) or _KERAS.get(old, old) == kind(row)]
    if not found:
        raise _nothing(old, where, Counter(filter(None, map(kind, there))))
    if not norms:
        changed = _with_activation(graph, found, by)
    elif by == NONE:
        changed = _without_norms(graph, found)
    else:
        changed = _with_norms(graph, found, by, groups)
    return verify(changed).graph


def check_words(old: str, by: str) -> None:
    """Raises SurgeryError for words that name nothing, or an activation and a normalisation."""
    for known, new in ((OLD_ACTIVATIONS, NEW_ACTIVATIONS), (OLD_NORMS, NEW_NORMS)):
        if old in known:
            if by not in new:
                raise SurgeryError(f"{by!r} cannot stand in place of {old}", f"choose {', '.join(new)}")
            return
    words = (*OLD_ACTIVATIONS, *OLD_NORMS)
    raise SurgeryError(
        f"{old!r} is no activation or normalisation", did_you_mean(old, words, f"choose {', '.join(words)}")
    )


def _classifier(traced: Trace) -> set[str]:
    """The last layer with weights, of a network with a head, and what follows it."""
    names: set[str] = set()
    for row in reversed(traced.rows):
        if row.node.stage != HEAD:
            break
        names.add(row.name)
        if row.params:
            break
    return names


def _activation(row: Row) -> str | None:
    """The name of a layer's activation, None where it has none or one that looks at several channels."""
    op = row.node.op
    if isinstance(op, ReLU):
        plain = not op.negative_slope and not op.threshold
        return {None: "relu", 6.0: "relu6"}.get(op.max_value, "other") if plain else "other"
    for kind, name in ((LeakyReLU, "leaky_relu"), (ELU, "elu"), (PReLU, "prelu")):
        if isinstance(op, kind):
            return name
    name = op.function if isinstance(op, Activation) else op.activation if isinstance(op, Fused) else "linear"
    name = _KERAS.get(name, name)
    return None if name in ("linear", "softmax", "log_softmax", "sparsemax", "glu") else name


def _norm(row: Row) -> str | None:
    op = row.node.op
    if isinstance(op, RMSNormalization):
        return "rms"
    return next((name for name, kind in _NORMS.items() if isinstance(op, kind)), None)


def _nothing(old: str, where: str, there: Counter[str]) -> SurgeryError:
    sort = "normalisation" if old in OLD_NORMS else "activation"
    what = sort if old in (ANY_ACTIVATION, ANY_NORM) else f"{old} among the {sort}s"
    listed = ", ".join(f"{name} ({count})" for name, count in there.items())
    return SurgeryError(
        f"there is no {what} in {repr(where) if where else 'this network'}",
        f"these are {listed}" if listed else "gates and the classifier are left as they are",
    )


def _with_activation(graph: Graph, found: list[Row], by: str) -> Graph:
    function = "linear" if by == NONE else _KERAS.get(by, by)
    bare = []
    for row in found:
        if _activation(row) == function:
            continue
        op = row.node.op
        if isinstance(op, Fused):
            graph = graph.with_node(with_values(row.node, op=with_values(op, activation=function)))
        elif by == NONE:
            bare.append(row.name)
        else:
            graph = graph.with_node(with_values(row.node, op=_op(function)))
    return without(graph, bare)


def _op(function: str) -> Op:
    if function in ("relu", "relu6"):
        return ReLU(max_value=6.0 if function == "relu6" else None)
    return Activation(function=function)


def _with_norms(graph: Graph, found: list[Row], by: str, groups: int) -> Graph:
    kind = _NORMS[by]
    channels = [row.output[-1] for row in found]
    for row, count in zip(found, channels, strict=True):
        if kind is GroupNormalization and (groups < 1 or count % groups):
            raise SurgeryError(
                f"{row.name!r} has {count} channels, and {groups} groups do not divide them",
                f"the most groups that divide all of them are {gcd(*channels)}",
            )
        op = row.node.op
        shared = {name: getattr(op, name) for name in ("epsilon", "center", "scale") if hasattr(op, name)}
        if kind is GroupNormalization:
            graph = graph.with_node(with_values(row.node, op=GroupNormalization(groups=groups, **shared)))
        elif not isinstance(op, kind):
            graph = graph.with_node(with_values(row.node, op=kind(**shared)))
    return graph


def _without_norms(graph: Graph, found: list[Row]) -> Graph:
    for row in found:
        before = graph.node(row.node.inputs[0])
        op = before.op
        alone = len(graph.consumers(before.name)) == 1
        if isinstance(op, Fused) and op.activation == "linear" and alone and getattr(row.node.op, "center", False):
            graph = graph.with_node(with_values(before, op=with_values(op, use_bias=True)))
    return without(graph, [row.name for row in found])
