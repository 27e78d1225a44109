"""Graph -> keras.Model: the same layers in the same order, with the same names, shapes and weights."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from archscope.analysis import memory, weight_bytes
from archscope.configs import config_of
from archscope.errors import GraphError
from archscope.files import physical_memory
from archscope.graph import Graph, LayerScale, Opaque, Row, Trace, verify

if TYPE_CHECKING:
    import keras


def lower(graph: Graph, name: str = "archscope") -> keras.Model:
    """A functional model with freshly initialised weights; seed Keras first for reproducible ones.

    Every layer's weights are checked against the graph's own rules. Raises GraphError where they differ, which would
    be a fault in one of the two, and for a network that is too large for this machine.
    """
    traced = verify(graph)
    _check_memory(traced)
    import keras

    tensors = layers_of(traced)
    return keras.Model(tensors[graph.nodes[0].name], tensors[graph.output.name], name=name)


def layers_of(traced: Trace) -> dict[str, Any]:
    """The symbolic output of each layer, all built anew. Raises GraphError where Keras builds other weights."""
    import keras

    tensors: dict[str, Any] = {}
    for row in traced:
        if not row.inputs:
            tensors[row.name] = keras.Input(row.output, name=row.name)
            continue
        layer = _layer(row)
        inputs = [tensors[name] for name in row.node.inputs]
        tensors[row.name] = layer(inputs if len(inputs) > 1 else inputs[0])
        _check(row, layer)
    return tensors


def _check_memory(trace: Trace) -> None:
    """Refuse what physical memory cannot hold: overcommitted pages would end the process without a word."""
    needed, physical = weight_bytes(trace), physical_memory()
    # What any use of it allocates: the weights, and one image's activations.
    needed += memory(trace, fused=False).peak_bytes
    if physical is not None and needed > physical:
        raise GraphError(
            f"the network needs {needed / 2**30:,.1f} GiB, and this machine has {physical / 2**30:,.1f} GiB",
            "choose a smaller alpha, head or input",
        )


def _layer(row: Row) -> keras.Layer:
    op = row.node.op
    if isinstance(op, Opaque):
        raise GraphError(
            f"{row.name!r} ({op.kind}) is a layer that archscope cannot build", "cut the network before it, or drop it"
        )
    module, kind, arguments = config_of(op)
    if isinstance(op, LayerScale):
        arguments["projection_dim"] = row.output[-1]
    return getattr(import_module(module), kind)(name=row.name, **arguments)


def _check(row: Row, layer: keras.Layer) -> None:
    trainable = {id(weight) for weight in layer.trainable_weights}
    built = [(weight.name, tuple(weight.shape), id(weight) in trainable) for weight in layer.weights]
    # Dropout's seed state is a variable that holds no parameter of the network.
    built = [weight for weight in built if weight[0] != "seed_generator_state"]
    ruled = [(weight.name, weight.shape, weight.trainable) for weight in row.weights]
    if isinstance(row.node.op, LayerScale):
        # Keras gives its only weight no name but a number.
        built = [("gamma", *rest) for _, *rest in built]  # type: ignore[misc]
    if built != ruled:
        raise GraphError(f"{row.name!r}: Keras builds the weights {built}, the op table says {ruled}")
