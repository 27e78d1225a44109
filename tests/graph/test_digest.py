"""The digest: the same for the same network under other names, another one for any other network."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs

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
    Input,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    Opaque,
    ReLU,
    Rescaling,
    Reshape,
    UpSampling2D,
    Weight,
    ZeroPadding2D,
    digest,
)

IMAGE = Node("image", Input(shape=(8, 8, 3)))


def conv(name: str, source: str, kernel: int = 3) -> Node:
    return Node(name, Conv2D(filters=3, kernel=(kernel, kernel)), (source,))


@given(graphs(), st.randoms(use_true_random=False))
def test_names_blocks_and_stages_do_not_matter(graph: Graph, random: object) -> None:
    new = {node.name: f"other_{len(graph.nodes) - number}" for number, node in enumerate(graph.nodes)}
    renamed = [Node(new[n.name], n.op, tuple(new[name] for name in n.inputs), "x", "y") for n in graph.nodes]
    assert digest(Graph(tuple(renamed))) == digest(graph)


def test_the_order_of_independent_branches_does_not_matter() -> None:
    left, right, end = conv("l", "image"), conv("r", "image", 1), Node("sum", Add(), ("l", "r"))
    assert digest(Graph((IMAGE, left, right, end))) == digest(Graph((IMAGE, right, left, end)))


def test_a_shared_branch_is_not_a_branch_that_stands_twice() -> None:
    shared = Graph((IMAGE, conv("a", "image"), Node("sum", Add(), ("a", "a"))))
    twice = Graph((IMAGE, conv("a", "image"), conv("b", "image"), Node("sum", Add(), ("a", "b"))))
    assert digest(shared) != digest(twice)


def test_which_inputs_are_read_matters() -> None:
    first, second, third = conv("a", "image"), conv("b", "a"), conv("c", "b")
    from_a = Graph((IMAGE, first, second, third, Node("sum", Add(), ("a", "c"))))
    from_b = Graph((IMAGE, first, second, third, Node("sum", Add(), ("b", "c"))))
    assert digest(from_a) != digest(from_b)


_POOLED = {"kernel": (2, 3), "strides": (2, 2), "padding": "valid", "dilation": (2, 1)}

# One op of each kind, and for every attribute another value. A new op or attribute must be entered here.
OTHERS: dict[Op, dict[str, object]] = {
    Input(shape=(8, 8, 3)): {"shape": (8, 9, 3)},
    Rescaling(scale=1.0, offset=0.0): {"scale": 2.0, "offset": 1.0},
    ReLU(): {"max_value": 6.0},
    Activation(function="softmax"): {"function": "sigmoid"},
    Dropout(rate=0.2): {"rate": 0.3},
    BatchNormalization(): {"epsilon": 1e-5},
    ZeroPadding2D(padding=((0, 1), (0, 1))): {"padding": ((1, 0), (0, 1))},
    Conv2D(filters=4, kernel=(3, 3)): {
        "filters": 5,
        "kernel": (3, 1),
        "strides": (2, 1),
        "padding": "valid",
        "dilation": (2, 1),
        "groups": 2,
        "use_bias": True,
    },
    DepthwiseConv2D(kernel=(3, 3)): {
        "kernel": (3, 1),
        "strides": (2, 1),
        "padding": "valid",
        "dilation": (2, 1),
        "depth_multiplier": 2,
        "use_bias": True,
    },
    MaxPooling2D(kernel=(2, 2)): _POOLED,
    AveragePooling2D(kernel=(2, 2)): _POOLED,
    Conv2DTranspose(filters=4, kernel=(4, 4), strides=(2, 2)): {
        "filters": 5,
        "kernel": (3, 4),
        "strides": (2, 1),
        "padding": "valid",
        "use_bias": True,
    },
    UpSampling2D(size=(2, 2)): {"size": (2, 4), "interpolation": "bilinear"},
    Concatenate(): {},
    Multiply(): {},
    Opaque(kind="Odd", shape=(4, 4, 2)): {"kind": "Other", "shape": (4, 4, 3), "weights": (Weight("kernel", (3,)),)},
    GlobalAveragePooling2D(): {"keepdims": True},
    Reshape(shape=(2, 4)): {"shape": (4, 2)},
    Dense(units=4): {"units": 5, "use_bias": False, "activation": "softmax"},
    Add(): {},
}


def with_op(op: Op) -> Graph:
    return Graph((Node("input", op),) if isinstance(op, Input) else (IMAGE, Node("layer", op, ("image",))))


@pytest.mark.parametrize("op", OTHERS, ids=lambda op: type(op).__name__)
def test_every_attribute_matters(op: Op) -> None:
    assert {field.name for field in fields(op)} - {"momentum"} == set(OTHERS[op])
    digests = [digest(with_op(changed)) for changed in [op, *(replace(op, **{k: v}) for k, v in OTHERS[op].items())]]
    assert len(set(digests)) == len(digests)


def test_the_table_above_has_every_op() -> None:
    def leaves(op: type[Op]) -> set[type[Op]]:
        return set().union(*(leaves(sub) for sub in op.__subclasses__())) if op.__subclasses__() else {op}

    defined = {op for op in leaves(Op) if op.__module__.startswith("archscope.graph.")}
    # A slotted dataclass leaves the class it was made from behind among its base's subclasses.
    assert {op.__name__ for op in defined} - {"Windowed", "Pooling2D", "_Elementwise"} == {
        type(op).__name__ for op in OTHERS
    }


def test_batchnorm_momentum_is_the_trainers_business() -> None:
    assert digest(with_op(BatchNormalization(momentum=0.9))) == digest(with_op(BatchNormalization(momentum=0.999)))


def test_it_is_twelve_hex_digits_and_stays_what_it_was() -> None:
    # Runs and file names carry digests: a change of this figure orphans them, and is a change of the format.
    assert digest(with_op(ReLU(max_value=6.0))) == "96374572182e"
