"""Every op against the Keras layer of its name, both ways; and configurations that no rule covers."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from op_examples import EXAMPLES

from archscope.configs import UnknownLayerError, op_of
from archscope.configs.layers import TABLE
from archscope.configs.operations import FUNCTIONS, SETTINGS, operation_of
from archscope.errors import GraphError
from archscope.graph import Activation, Graph, Input, Node, Op, Shape, verify
from archscope.interop.lower import lower
from archscope.interop.read import _FUNCTIONS

if TYPE_CHECKING:
    import keras

CASES = [
    pytest.param(op, inputs, id=f"{type(op).__name__}-{name}")
    for base, (inputs, changes) in EXAMPLES.items()
    for name, op in [("plain", base), *((name, replace(base, **{name: value})) for name, value in changes.items())]
    # Keras has no dilated pooling, and moments come in pairs.
    if not (name == "dilation" and "Pooling" in type(op).__name__) and name not in ("mean", "variance")
]


def in_a_graph(op: Op, inputs: tuple[Shape, ...]) -> Graph:
    """The op, reading as many tensors of those shapes as it takes, made from one image."""
    image = Node("image", Input(shape=inputs[0]))
    nodes, names = [image], []
    for number, shape in enumerate(inputs):
        name = f"source_{number}"
        if shape == inputs[0]:
            nodes.append(Node(name, Activation(function="tanh"), ("image",)))
        else:
            nodes.extend(_another(name, inputs[0], shape))
        names.append(name)
    return Graph((*nodes, Node("layer", op, tuple(names))))


def _another(name: str, image: Shape, shape: Shape) -> list[Node]:
    from archscope.graph import Conv2D, GlobalAveragePooling2D

    if shape[:2] == (1, 1):
        return [Node(name, GlobalAveragePooling2D(keepdims=True), ("image",))]
    return [Node(name, Conv2D(filters=shape[2], kernel=(1, 1)), ("image",))]


def built(op: Op, inputs: tuple[Shape, ...]) -> keras.Layer:
    return lower(in_a_graph(op, inputs)).get_layer("layer")


def test_the_table_has_every_op_once() -> None:
    assert {layer.op for layer in TABLE} == {type(op) for op in EXAMPLES}
    assert len({layer.name for layer in TABLE}) == len(TABLE)


@pytest.mark.parametrize(("op", "inputs"), CASES)
def test_keras_builds_what_the_rule_says_and_its_configuration_leads_back(op: Op, inputs: tuple[Shape, ...]) -> None:
    layer = built(op, inputs)  # lowering compares the weights
    row = verify(in_a_graph(op, inputs)).row("layer")
    assert tuple(layer.output.shape[1:]) == row.output
    config = json.loads(json.dumps(layer.get_config()))
    again = op_of(type(layer).__name__, config, inputs)
    assert again == op
    assert [type(getattr(again, known.name)) for known in fields(op)] == [
        type(getattr(op, known.name)) for known in fields(op)
    ]


@pytest.mark.parametrize(
    ("name", "config", "of"),
    [
        ("Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}, "data_format='channels_first'"),
        ("Conv2D", {"filters": 4, "kernel_size": [3, 3], "padding": "causal"}, "padding='causal'"),
        ("Conv2D", {"filters": 4.5, "kernel_size": [3, 3]}, "filters=4.5"),
        ("Conv2D", {"filters": True, "kernel_size": [3, 3]}, "filters=True"),
        ("Conv2D", {"filters": 4, "kernel_size": [3, 3, 3]}, "kernel_size=.3, 3, 3."),
        ("Conv2D", {"filters": 4}, "that does not say all"),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "activation": {"class_name": "f"}}, "activation=.'class_name"),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "activation": "os.system"}, "activation='os.system'"),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "output_padding": 1}, "output_padding=1"),
        ("BatchNormalization", {"axis": 1}, "along axis 1"),
        ("BatchNormalization", {"axis": [1, 2]}, "along axis .1, 2."),
        ("BatchNormalization", {"renorm": True}, "renorm=True"),
        ("LayerNormalization", {"rms_scaling": True}, "rms_scaling=True"),
        ("Concatenate", {"axis": 1}, "along axis 1"),
        ("UpSampling2D", {"interpolation": "lanczos3"}, "interpolation='lanczos3'"),
        ("Rescaling", {"scale": "1"}, "scale='1'"),
        ("Reshape", {"target_shape": [-1, -1]}, "to .-1, -1."),
        ("Lambda", {"function": "x"}, "no rule for a Lambda"),
    ],
)  # fmt: skip
def test_what_no_rule_covers_is_said(name: str, config: dict[str, Any], of: str) -> None:
    with pytest.raises(UnknownLayerError, match=of):
        op_of(name, config, ((8, 8, 4),))


@pytest.mark.parametrize(
    ("name", "config", "of"),
    [
        ("Conv2D", {"filters": 10**12, "kernel_size": [3, 3]}, "filters=1000000000000"),
        ("Conv2D", {"filters": -4, "kernel_size": [3, 3]}, "filters=-4"),
        ("MaxPooling2D", {"pool_size": [0, 2]}, r"pool_size=\[0, 2\]"),
        ("ZeroPadding2D", {"padding": [[-1, 0], [0, 0]]}, "padding="),
    ],
)
def test_a_number_that_no_layer_has_is_refused(name: str, config: dict[str, Any], of: str) -> None:
    with pytest.raises(GraphError, match=f"'odd': a {name} cannot have {of}"):
        op_of(name, {"name": "odd", **config}, ((8, 8, 4),))


def test_what_keras_leaves_open_is_filled_in() -> None:
    pool = op_of("MaxPooling2D", {"pool_size": [3, 2], "strides": None, "padding": "valid"}, ((8, 8, 4),))
    assert pool.strides == (3, 2)  # type: ignore[attr-defined]
    assert op_of("Reshape", {"target_shape": [-1, 16]}, ((8, 8, 4),)).shape == (16, 16)  # type: ignore[attr-defined]
    assert op_of("BatchNormalization", {"axis": 3}, ((8, 8, 4),)) == op_of("BatchNormalization", {"axis": -1}, (None,))


OPERATIONS = [
    *((kind, function, ()) for kind, function in FUNCTIONS.items()),
    *((kind, function, ((key, value),)) for kind, (function, key, value) in SETTINGS.items()),
]


@pytest.mark.parametrize(("kind", "function", "setting"), OPERATIONS)
def test_an_operation_and_its_activation_compute_the_same(
    kind: str, function: str, setting: tuple[tuple[str, object], ...]
) -> None:
    import keras
    import numpy as np
    from keras.src.ops import nn, numpy

    x = np.random.default_rng(0).normal(0, 3, (2, 3, 4, 6)).astype("float32")
    operation = getattr(nn if hasattr(nn, kind) else numpy, kind)(**dict(setting))
    ours = np.asarray(keras.ops.convert_to_numpy(keras.layers.Activation(function)(x)))
    theirs = np.asarray(keras.ops.convert_to_numpy(operation.call(keras.ops.convert_to_tensor(x))))
    np.testing.assert_array_equal(ours, theirs)
    # The configuration as Keras writes it, defaults and all.
    call = {"args": [{"class_name": "__keras_tensor__", "config": {}}], "kwargs": {}}
    assert operation_of(kind, operation.get_config(), call, ((3, 4, 6),)) == Activation(function=function)


def test_what_keras_reads_of_operations_is_understood_here() -> None:
    # Keras has a mish, but no operation of that name.
    assert set(_FUNCTIONS) - {"Mish"} <= {*FUNCTIONS, *SETTINGS, "Elu", "LeakyRelu"}
