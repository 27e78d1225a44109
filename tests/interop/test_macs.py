"""MACs against an independent counter: TensorFlow's own profiler, on the graph that Keras builds.

TensorFlow counts a multiplication and an addition as two floating-point operations (our convention: FLOPs = 2 * MACs)
and has statistics of its own for each op; bias, norm and activation, which we do not count, are ops of other types.
"""

from __future__ import annotations

import pytest

from archscope.design import build, parse_spec
from archscope.graph import (
    HEAD,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Node,
    ReLU,
    verify,
)
from archscope.interop.lower import lower
from archscope.interop.quiet import quiet

# Of each product-forming op, how many of the profiler's operations are one multiply-accumulate.
COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "Conv2DBackpropInput")

NETWORKS = [
    "mobilenet_v1@32",
    "mobilenet_v1@224",
    "mobilenet_v1@33x50x1,alpha=0.25,depth_multiplier=2",
    "mobilenet_v2@32",
    "mobilenet_v2@224",
    "mobilenet_v2@96,alpha=0.35",
    "mobilenet_v2@45x61x4,alpha=1.4,classes=7",
    "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000",
    "mobilenet_v2@32+stride:Conv1,to=1+stride:block_1_depthwise,to=1",
    "mobilenet_v2@32+upsample:2,by=transpose",
    "mobilenet_v1@32+cut:conv_pw_11_relu",
]


def profiled_macs(graph: Graph) -> int:
    """What TensorFlow's profiler counts for one image, halved."""
    with quiet():
        import tensorflow as tf

        model = lower(graph)
        shape = (1, *model.inputs[0].shape[1:])
        traced = tf.function(lambda image: model(image, training=False)).get_concrete_function(tf.TensorSpec(shape))
        options = tf.compat.v1.profiler.ProfileOptionBuilder(
            tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        )
        options = options.with_empty_output().build()
        counted = tf.compat.v1.profiler.profile(traced.graph, options=options, cmd="op")
    found, node = 0, counted
    while node.children:
        (node,) = node.children  # the profiler nests op types one in the next, the most expensive first
        found += node.float_ops if node.name in COUNTED else 0
    assert found % 2 == 0
    return found // 2


@pytest.mark.parametrize("spec", NETWORKS)
def test_the_profiler_counts_the_same(spec: str) -> None:
    graph = build(parse_spec(spec))
    assert profiled_macs(graph) == verify(graph).macs


def chain(*ops: object) -> Graph:
    nodes = [Node("input", Input(shape=(9, 7, 4)))]
    for number, op in enumerate(ops):
        nodes.append(Node(f"layer_{number}", op, (nodes[-1].name,)))  # type: ignore[arg-type]
    return Graph(tuple(nodes))


@pytest.mark.parametrize(
    ("graph", "macs"),
    [
        # 9 x 7 positions, 6 filters, each on the 2 channels of its group: 3 * 3 * 2 taps.
        (chain(Conv2D(filters=6, kernel=(3, 3), groups=2)), 9 * 7 * 6 * 3 * 3 * 2),
        # A dilated window has as many taps, and fits (9 - 5 + 1) x (7 - 5 + 1) times.
        (chain(Conv2D(filters=6, kernel=(3, 3), dilation=(2, 2), padding="valid")), 5 * 3 * 6 * 9 * 4),
        # A transposed convolution spreads each of its 9 x 7 input positions over 4 x 4 outputs.
        (chain(Conv2DTranspose(filters=5, kernel=(4, 4), strides=(2, 2))), 9 * 7 * 16 * 4 * 5),
        (chain(DepthwiseConv2D(kernel=(3, 5), strides=(2, 2), depth_multiplier=3)), 5 * 4 * 15 * 12),
        (
            chain(
                Conv2D(filters=8, kernel=(1, 1), use_bias=True),
                BatchNormalization(),
                ReLU(),
                GlobalAveragePooling2D(),
                Dense(units=10),
            ),
            9 * 7 * 4 * 8 + 80,
        ),
    ],
)
def test_hand_derived_networks(graph: Graph, macs: int) -> None:
    assert verify(graph).macs == macs
    # On a CPU, TensorFlow runs a grouped convolution through XLA, which the profiler does not look into, and a dilated
    # one on a rearranged map with padding, whose products it counts.
    plain = all(
        getattr(node.op, "groups", 1) == 1 and getattr(node.op, "dilation", (1, 1)) == (1, 1) for node in graph.nodes
    )
    if plain:
        assert profiled_macs(graph) == macs


def test_the_heads_belong_to_the_count() -> None:
    trace = verify(build(parse_spec("mobilenet_v2@32")))
    assert sum(row.macs for row in trace if row.node.stage == HEAD) == 1280 * 10
