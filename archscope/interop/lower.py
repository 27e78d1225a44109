"""Graph -> keras.Model: the same layers in the same order, with the same names, shapes and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from archscope.analysis import memory, weight_bytes
from archscope.errors import GraphError
from archscope.files import physical_memory
from archscope.graph import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    MaxPooling2D,
    Multiply,
    Op,
    Opaque,
    Pooling2D,
    ReLU,
    Rescaling,
    Reshape,
    Row,
    Trace,
    UpSampling2D,
    ZeroPadding2D,
    verify,
)

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

    tensors: dict[str, Any] = {}
    for row in traced:
        if not row.inputs:
            tensors[row.name] = keras.Input(row.output, name=row.name)
            continue
        layer = _layer(row)
        inputs = [tensors[name] for name in row.node.inputs]
        tensors[row.name] = layer(inputs if len(inputs) > 1 else inputs[0])
        _check(row, layer)
    return keras.Model(tensors[graph.nodes[0].name], tensors[graph.output.name], name=name)


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
    import keras

    op = row.node.op
    if isinstance(op, Opaque):
        raise GraphError(
            f"{row.name!r} ({op.kind}) is a layer that archscope cannot build", "cut the network before it"
        )
    return getattr(keras.layers, type(op).__name__)(name=row.name, **_ARGUMENTS[type(op)](op))


def _pooling(op: Pooling2D) -> dict[str, Any]:
    return {"pool_size": op.kernel, "strides": op.strides, "padding": op.padding}


_ARGUMENTS: Mapping[type[Op], Callable[[Any], dict[str, Any]]] = {
    Activation: lambda op: {"activation": op.function},
    Add: lambda op: {},
    BatchNormalization: lambda op: {"momentum": op.momentum, "epsilon": op.epsilon},
    AveragePooling2D: _pooling,
    Concatenate: lambda op: {},
    Conv2D: lambda op: {
        "filters": op.filters,
        "kernel_size": op.kernel,
        "strides": op.strides,
        "padding": op.padding,
        "dilation_rate": op.dilation,
        "groups": op.groups,
        "use_bias": op.use_bias,
    },
    Conv2DTranspose: lambda op: {
        "filters": op.filters,
        "kernel_size": op.kernel,
        "strides": op.strides,
        "padding": op.padding,
        "use_bias": op.use_bias,
    },
    Dense: lambda op: {"units": op.units, "use_bias": op.use_bias, "activation": op.activation},
    DepthwiseConv2D: lambda op: {
        "kernel_size": op.kernel,
        "strides": op.strides,
        "padding": op.padding,
        "dilation_rate": op.dilation,
        "depth_multiplier": op.depth_multiplier,
        "use_bias": op.use_bias,
    },
    Dropout: lambda op: {"rate": op.rate},
    GlobalAveragePooling2D: lambda op: {"keepdims": op.keepdims},
    MaxPooling2D: _pooling,
    Multiply: lambda op: {},
    ReLU: lambda op: {"max_value": op.max_value},
    Rescaling: lambda op: {"scale": op.scale, "offset": op.offset},
    Reshape: lambda op: {"target_shape": op.shape},
    UpSampling2D: lambda op: {"size": op.size, "interpolation": op.interpolation},
    ZeroPadding2D: lambda op: {"padding": op.padding},
}
"""The arguments of the Keras layer that has the op's name."""


def _check(row: Row, layer: keras.Layer) -> None:
    trainable = {id(weight) for weight in layer.trainable_weights}
    built = [(weight.name, tuple(weight.shape), id(weight) in trainable) for weight in layer.weights]
    # Dropout's seed state is a variable that holds no parameter of the network.
    built = [weight for weight in built if weight[0] != "seed_generator_state"]
    ruled = [(weight.name, weight.shape, weight.trainable) for weight in row.weights]
    if built != ruled:
        raise GraphError(f"{row.name!r}: Keras builds the weights {built}, the op table says {ruled}")
