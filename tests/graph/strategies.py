"""Random small graphs that hold together, for property tests of whatever reads a graph."""

from __future__ import annotations

from hypothesis import strategies as st

from archscope.graph import (
    HEAD,
    Activation,
    Add,
    Average,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Input,
    LayerScale,
    LeakyReLU,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Shape,
    UpSampling2D,
    ZeroPadding2D,
    verify,
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


# Graphs of every op that has a rule, such as Keras can build on a CPU: no stride with dilation, no depthwise window
# with two strides, no dilated pooling.

MAX_SIDE = 14
"""Upsampling and padding stop here."""

activations = st.sampled_from(
    [
        ReLU(max_value=6.0),
        Dropout(rate=0.25),
        BatchNormalization(),
        LeakyReLU(),
        LayerScale(init=0.5),
        Activation(function="tanh"),
        Activation(function="sigmoid"),
        Rescaling(scale=0.5, offset=0.0),
        Rescaling(scale=0.5, offset=1.0),
    ]
)


@st.composite
def any_windows(draw: st.DrawFn, shape: Shape) -> Op:
    """A convolution (grouped, depthwise, separable, dilated, 1x1 with a stride) or a pooling that fits on `shape`."""
    kind = draw(st.sampled_from(["conv", "conv", "depthwise", "separable", "max", "mean", "skip"]))
    if kind == "skip":
        return Conv2D(filters=draw(small), kernel=(1, 1), strides=(2, 2), padding="valid")
    padding = draw(st.sampled_from(["same", "valid"]))
    kernel = draw(small), draw(small)
    dilation = (
        draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 2)]))
        if kind in ("conv", "depthwise", "separable")
        else (1, 1)
    )
    stride = draw(small)
    strides = (stride, stride if kind in ("depthwise", "separable") else draw(small)) if dilation == (1, 1) else (1, 1)
    if padding == "valid":
        kernel = tuple(
            min(size, (side - 1) // step + 1) for size, side, step in zip(kernel, shape, dilation, strict=False)
        )
    window = {"kernel": kernel, "strides": strides, "padding": padding, "dilation": dilation}
    if kind in ("max", "mean"):
        return (MaxPooling2D if kind == "max" else AveragePooling2D)(**window)
    use_bias = draw(st.sampled_from([False, False, False, True]))
    if kind == "depthwise":
        return DepthwiseConv2D(**window, use_bias=use_bias, depth_multiplier=draw(st.integers(1, 2)))
    if kind == "separable":
        return SeparableConv2D(
            **window, use_bias=use_bias, filters=draw(small), depth_multiplier=draw(st.integers(1, 2))
        )
    groups = draw(st.sampled_from([1] * 6 + [size for size in range(2, shape[2] + 1) if shape[2] % size == 0]))
    return Conv2D(**window, use_bias=use_bias, filters=groups * draw(small), groups=groups)


croppings = st.builds(
    Cropping2D, cropping=st.tuples(*[st.tuples(st.integers(0, 1), st.integers(0, 1)) for _ in range(2)])
)


@st.composite
def upsamplings(draw: st.DrawFn) -> Op:
    """A transposed convolution, with holes where its stride is larger than its kernel, or a resize."""
    size = draw(st.integers(1, 2)), draw(small)
    if draw(st.booleans()):
        return UpSampling2D(size=size, interpolation=draw(st.sampled_from(["nearest", "bilinear"])))
    return Conv2DTranspose(
        filters=draw(small),
        kernel=(draw(small), draw(st.integers(1, 4))),
        strides=size,
        padding=draw(st.sampled_from(["same", "valid"])),
        use_bias=draw(st.sampled_from([False, False, True])),
    )


class _Growing:
    """A graph under construction: `add` returns the name of the new node, which becomes the last one."""

    def __init__(self, shape: Shape) -> None:
        self.nodes = [Node("input", Input(shape=shape), (), "input", "input")]
        self.shapes = {"input": shape}

    @property
    def last(self) -> str:
        return self.nodes[-1].name

    @property
    def shape(self) -> Shape:
        return self.shapes[self.last]

    def add(self, op: Op, *inputs: str, stage: str = "") -> str:
        inputs = inputs or (self.last,)
        number = len(self.nodes)
        place = stage or f"block_{number // 4}"
        self.nodes.append(Node(f"layer_{number}", op, inputs, place, place))
        self.shapes[self.last] = op.effect(*(self.shapes[name] for name in inputs)).shape
        return self.last

    def alike(self, channels: bool) -> list[str]:
        """Nodes, the input and the last one apart, whose map, and channels if asked for, are the last one's."""
        upto = 3 if channels else 2
        return [node.name for node in self.nodes[1:-1] if self.shapes[node.name][:upto] == self.shape[:upto]]


@st.composite
def _shifted(draw: st.DrawFn, graph: _Growing, joins: tuple[Op, ...]) -> None:
    """Two paddings of one map, of one size and to unlike sides, that meet again."""
    source = graph.last
    one = graph.add(ZeroPadding2D(padding=((2, 0), (draw(st.integers(0, 1)), 1))), source)
    left = graph.shapes[one][1] - graph.shapes[source][1]
    other = graph.add(ZeroPadding2D(padding=((draw(st.integers(0, 1)), 0), (0, left))), source)
    below = graph.shapes[one][0] - graph.shapes[other][0]
    other = graph.add(ZeroPadding2D(padding=((0, below), (0, 0))))
    graph.add(draw(st.sampled_from(joins)), one, other)


@st.composite
def _gated(draw: st.DrawFn, graph: _Growing) -> None:
    """A map times what a branch makes of it: one factor a channel, or one a position."""
    source, channels = graph.last, graph.shape[2]
    if draw(st.booleans()):
        graph.add(GlobalAveragePooling2D(keepdims=True))
    graph.add(Conv2D(filters=channels, kernel=(1, draw(small)), use_bias=draw(st.booleans())))
    if draw(st.booleans()):
        graph.add(Activation(function="sigmoid"))
    graph.add(Multiply(), source, graph.last)


@st.composite
def any_graphs(draw: st.DrawFn, max_steps: int = 6, gates: bool = True, head: bool = True) -> Graph:
    """Windows, paddings, upsampling, residuals, concatenations and, if asked for, gates; with a head or bare."""
    graph = _Growing((draw(st.integers(2, 9)), draw(st.integers(2, 9)), draw(st.sampled_from([1, 2, 4]))))
    for _ in range(draw(st.integers(3, max_steps))):
        kinds = ["window", "window", "window", "elementwise"]
        if max(graph.shape[:2]) <= MAX_SIDE // 2:
            kinds += ["padding", "padding", "up", "shifted", "shifted"]
        kinds += ["crop"] * (min(graph.shape[:2]) >= 3)
        kinds += ["add"] * bool(graph.alike(channels=True)) + ["concatenate"] * bool(graph.alike(channels=False))
        kind = draw(st.sampled_from([*kinds, "gate"] if gates else kinds))
        if kind == "add":
            join = draw(st.sampled_from([Add(), Average()]))
            graph.add(join, draw(st.sampled_from(graph.alike(channels=True))), graph.last)
        elif kind == "concatenate":
            graph.add(Concatenate(), draw(st.sampled_from(graph.alike(channels=False))), graph.last)
        elif kind == "shifted":
            draw(_shifted(graph, (Add(), Concatenate(), *([Multiply()] if gates else []))))
        elif kind == "gate":
            draw(_gated(graph))
        else:
            ops = {
                "window": any_windows(graph.shape),
                "elementwise": activations,
                "padding": paddings,
                "crop": croppings,
                "up": upsamplings(),
            }
            graph.add(draw(ops[kind]))
    if head and draw(st.booleans()):
        _add_head(graph, flat=draw(st.booleans()), units=draw(small))
    made = Graph(tuple(graph.nodes))
    verify(made)
    return made


def _add_head(graph: _Growing, flat: bool, units: int) -> None:
    height, width, channels = graph.shape
    op = Reshape(shape=(height * width * channels,)) if flat else GlobalAveragePooling2D()
    graph.add(op, stage=HEAD)
    graph.add(Dense(units=units), stage=HEAD)
