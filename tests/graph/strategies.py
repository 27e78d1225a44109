"""Random small graphs that hold together, for property tests of whatever reads a graph."""

from __future__ import annotations

from hypothesis import strategies as st

from archscope.graph import (
    HEAD,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Node,
    Op,
    ReLU,
    Shape,
    ZeroPadding2D,
)

small = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn, shape: Shape) -> Op:
    """A convolution, depthwise or grouped too, whose window fits on `shape`."""
    padding = draw(st.sampled_from(["same", "valid"]))
    most = (3, 3) if padding == "same" else (min(3, shape[0]), min(3, shape[1]))
    window = {
        "kernel": (draw(st.integers(1, most[0])), draw(st.integers(1, most[1]))),
        "strides": (draw(small), draw(small)),
        "padding": padding,
        "use_bias": draw(st.booleans()),
    }
    if draw(st.booleans()):
        return DepthwiseConv2D(**window, depth_multiplier=draw(st.integers(1, 2)))
    groups = draw(st.sampled_from([size for size in range(1, shape[2] + 1) if shape[2] % size == 0]))
    return Conv2D(**window, filters=groups * draw(small), groups=groups)


paddings = st.builds(
    ZeroPadding2D, padding=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2)) for _ in range(2)])
)
elementwise = st.sampled_from([BatchNormalization(), ReLU(max_value=6.0), Dropout(rate=0.25)])


@st.composite
def graphs(draw: st.DrawFn, max_layers: int = 8) -> Graph:
    """A chain of windows, paddings and norms with residuals where shapes allow, with a head or bare."""
    shape: Shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(small))
    nodes, shapes = [Node("input", Input(shape=shape), (), "input", "input")], [shape]
    for number in range(draw(st.integers(1, max_layers))):
        earlier = [node.name for node, other in zip(nodes[:-1], shapes, strict=False) if other == shapes[-1]]
        kinds = ["window", "window", "padding", "elementwise", *(["add"] if earlier else [])]
        kind = draw(st.sampled_from(kinds))
        inputs: tuple[str, ...] = (nodes[-1].name,)
        op: Op
        if kind == "add":
            op, inputs = Add(), (draw(st.sampled_from(earlier)), nodes[-1].name)
        else:
            op = draw({"window": windows(shapes[-1]), "padding": paddings, "elementwise": elementwise}[kind])
        block = f"block_{number // 3}"
        nodes.append(Node(f"layer_{number}", op, inputs, block, block))
        shapes.append(op.effect(*(shapes[[node.name for node in nodes].index(name)] for name in inputs)).shape)
    if draw(st.booleans()):
        nodes.append(Node("pool", GlobalAveragePooling2D(), (nodes[-1].name,), HEAD, HEAD))
        nodes.append(Node("dense", Dense(units=draw(small)), ("pool",), HEAD, HEAD))
    return Graph(tuple(nodes))
