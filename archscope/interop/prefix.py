"""The untouched prefix: the layers that compute, with the weights that they took, what they computed before.

A layer is untouched where it and all that it needs are alike in both networks, and every weight among them is exact.
What makes the image ready (Rescaling, Normalization) stands apart: the weights are the same whoever does it. Both
networks are then fed with what the target makes of a few random images, and must agree where the prefix ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from archscope.configs.archive import read_config
from archscope.configs.model import layer_paths
from archscope.configs.stored import file_sha256
from archscope.errors import GraphError, RunError
from archscope.graph import Graph, Input, Node, Normalization, Op, Opaque, Rescaling, Trace, shape_text, trace
from archscope.interop.lower import layers_of
from archscope.interop.read import read_keras
from archscope.interop.transplant import Transplant

if TYPE_CHECKING:
    import keras

    from archscope.interop.source import Source

TOLERANCE = 1e-5
"""max|a - b| as a share of max|b|: both compute the same operations, perhaps in another order."""
_IMAGES, _PIXELS, _SEED = 4, 4 * 128 * 128, 0


@dataclass(frozen=True, slots=True)
class Prefix:
    """`layers`: the untouched ones here, by name, each with its namesake or twin there; `ends`: those that others read.

    `difference`: max|a - b| / max|b| where the prefix ends, None where it was not computed; `why` then says why not.
    `reading`: how the two make an image ready, where that differs. `known`: whether the source says what it computes.
    """

    layers: Mapping[str, str]
    ends: tuple[str, ...]
    difference: float | None = None
    images: int = 0
    why: str = ""
    reading: str = ""
    known: bool = True


def untouched(source: Source, target: Trace, carried: Transplant) -> Prefix:
    """The untouched prefix of `target`, not yet computed.

    Of a file that holds weights alone nobody knows what they computed: then it is what stands in front of the first
    layer that is not exact.
    """
    exact = {one.layer: one.source for one in carried.having("exact")}
    weighted = {row.name for row in target if row.weights}
    there = source.trace_at(target.input)
    known = _known(there or source.trace)
    keys = _keys(target.graph, exact, weighted)
    lead = {node.name for node in _entry(target.graph)}
    layers = {name: twin for name, twin in exact.items() if name in lead}
    for node in target.graph.nodes:
        if node.name in lead or isinstance(node.op, Opaque):
            continue
        alike = node.name not in weighted or node.name in exact
        twin = exact.get(node.name, node.name) if known is None else known.get(keys[node.name])
        if alike and twin is not None and all(name in layers or name in lead for name in node.inputs):
            layers[node.name] = twin
    if not weighted & layers.keys():  # nothing but padding, say, in front of the first layer that learns
        layers = {}
    ends = tuple(
        node.name
        for node in target.graph.nodes
        if node.name in layers
        and node.name not in lead
        and (node == target.graph.output or any(one.name not in layers for one in target.graph.consumers(node.name)))
    )
    if source.trace is None:
        return Prefix(layers, ends, why="the file holds weights alone, and no network to compare with", known=False)
    if there is None:
        return Prefix(layers, ends, why=f"the file's network does not take {shape_text(target.input)} images")
    return Prefix(layers, ends, reading=_reading(there, target))


def _known(there: Trace | None) -> dict[str, str] | None:
    """The source's layers by what they compute."""
    if there is None:
        return None
    weighted = {row.name for row in there if row.weights}
    keys = _keys(there.graph, {name: name for name in weighted}, weighted)
    return {key: name for name, key in keys.items()}


def computed(prefix: Prefix, source: Source, target: Trace, model: keras.Model) -> Prefix:
    """The prefix with its difference, computed on a few random images by `model`, and by the source's own layers.

    Those are Keras' own where it loads the file, so that a layer that archscope reads wrongly shows; else, for a file
    with layers that it does not let Keras load, for models inside models and for another input size, they are lowered.
    It costs a forward pass of the prefix for each image on either side: four small ones, or one large one. Raises
    GraphError where the two do not agree.
    """
    import numpy as np

    there = source.trace_at(target.input)
    if there is None or not prefix.ends:
        return prefix
    import keras

    height, width, _ = target.input
    count = max(1, min(_IMAGES, _PIXELS // (height * width)))
    images = np.random.default_rng(_SEED).uniform(0, 255, (count, *target.input)).astype(np.float32)
    entry = _entry(target.graph)[-1].name
    here = keras.Model(model.input, [model.get_layer(name).output for name in (entry, *prefix.ends)])
    ready, *ours = here(images, training=False)
    before = _as_loaded(prefix, source, there) or _before(prefix, source, there)
    theirs = before(ready, training=False)
    theirs = theirs if isinstance(theirs, list) else [theirs]
    worst = 0.0
    for name, a, b in zip(prefix.ends, ours, theirs, strict=True):
        one, other = (keras.ops.convert_to_numpy(tensor) for tensor in (a, b))
        largest = max(float(np.abs(other).max()), float(np.finfo(np.float32).tiny))
        difference = float(np.abs(one - other).max()) / largest
        # Written so that NaN fails.
        if not difference <= TOLERANCE:
            raise GraphError(
                f"{name!r} does not compute with its weights what it did before: max|a - b| is {difference:.1e} of "
                f"max|b|, and {TOLERANCE:.0e} is the limit",
                "check the weights for values that overflow",
            )
        worst = max(worst, difference)
    return replace(prefix, difference=worst, images=count)


def _as_loaded(prefix: Prefix, source: Source, there: Trace) -> keras.Model | None:
    """The file's network as Keras loads it, from the image made ready to the prefix's ends; None where it cannot."""
    if source.path.suffix != ".keras" or not source.path.is_file() or file_sha256(source.path) != source.sha256:
        return None
    import keras

    entry, *ends = (_entry(there.graph)[-1].name, *(prefix.layers[name] for name in prefix.ends))
    paths = layer_paths(read_config(source.path), there.input)
    try:
        whole = read_keras(source.path)
    except RunError:
        return None
    if any(layer.compute_dtype != "float32" for layer in whole.layers):
        # Lowered networks compute in float32: what would differ is the rounding of float16, and no weight.
        return None
    given = zip(whole.input_shape[1:], there.input, strict=True)
    named = [name for name in (entry, *ends) if name != there.graph.nodes[0].name]
    if any(side not in (None, size) for side, size in given) or any(paths.get(name) != (name,) for name in named):
        return None
    begin = whole.get_layer(entry).output if entry in named else whole.inputs[0]
    return keras.Model(begin, [whole.get_layer(name).output for name in ends])


def _before(prefix: Prefix, source: Source, there: Trace) -> keras.Model:
    """The source's own layers up to where the prefix ends, with their weights; it reads the image made ready."""
    import keras

    lead = {node.name for node in _entry(there.graph)}
    entry = _entry(there.graph)[-1].name
    needed = {prefix.layers[name] for name in prefix.ends}
    for node in reversed(there.graph.nodes):
        if node.name in needed - lead:
            needed.update(node.inputs)
    begin = Node("image_made_ready", Input(shape=there.row(entry).output))
    behind = (
        replace(node, inputs=tuple(begin.name if name in lead else name for name in node.inputs))
        for node in there.graph.nodes
        if node.name in needed - lead
    )
    tensors = layers_of(trace(Graph((begin, *behind))))
    model = keras.Model(tensors[begin.name], [tensors[prefix.layers[name]] for name in prefix.ends])
    for layer in model.layers:
        if layer.name in source.layers:
            put(layer, source.layers[layer.name])
    return model


def put(layer: keras.Layer, arrays: Sequence[Any]) -> None:
    """Set a layer's weights, a seed of its own apart."""
    own = [weight for weight in layer.weights if weight.name != "seed_generator_state"]
    for weight, array in zip(own, arrays, strict=True):
        weight.assign(array)
    if hasattr(layer, "finalize_state"):  # Normalization computes with what it made of them.
        layer.finalize_state()


def _entry(graph: Graph) -> list[Node]:
    """The image, and the chain of what makes it ready."""
    chain = [graph.nodes[0]]
    for node in graph.nodes[1:]:
        if not isinstance(node.op, (Rescaling, Normalization)) or len(graph.consumers(chain[-1].name)) > 1:
            break
        chain.append(node)
    return chain


def _keys(graph: Graph, weights: Mapping[str, str], weighted: Collection[str]) -> dict[str, str]:
    """For each node a digest of what it computes: of its op, its inputs', and whose weights it has.

    `weights` says that by the source's names; a layer without an entry there, among the `weighted`, is like no other.
    """
    keys = dict.fromkeys((node.name for node in _entry(graph)), "image")
    for node in graph.nodes:
        if node.name not in keys:
            whose = weights.get(node.name, f"{node.name} here") if node.name in weighted else ""
            text = f"{node.op!r} {whose} {' '.join(keys[name] for name in node.inputs)}"
            keys[node.name] = sha256(text.encode()).hexdigest()
    return keys


def _reading(there: Trace, target: Trace) -> str:
    """How the two make an image ready, in words, where they differ."""
    ours, theirs = ([node.op for node in _entry(one.graph)[1:]] for one in (target, there))
    if ours == theirs:
        return ""
    here = _listed(ours) or "nothing"
    if not theirs:
        return f"the image is made ready here by {here}; the source's network leaves that to whoever feeds it"
    return (
        f"! the image is made ready here by {here}, in the source's network by {_listed(theirs)}, as its weights expect"
    )


def _listed(ops: Sequence[Op]) -> str:
    return " and ".join(_described(op) for op in ops)


def _described(op: Op) -> str:
    if not isinstance(op, Rescaling):
        return type(op).__name__
    scale, offset = (
        ", ".join(f"{value:{sign}.4g}" for value in (part if isinstance(part, tuple) else (part,)))
        for part, sign in ((op.scale, ""), (op.offset, "+"))
    )
    return f"Rescaling (x * {scale} {offset})"
