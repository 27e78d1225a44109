"""A chain of nodes under construction: each added node reads the one before it, unless it names its inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from archscope.graph import (
    HEAD,
    Activation,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Node,
    Op,
    Rescaling,
    Shape,
    ZeroPadding2D,
)

SOFTMAX = Activation(function="softmax")
TO_ONE = (("preprocess", Rescaling(scale=1 / 127.5, offset=-1.0)),)
"""Pixels 0..255 to -1..1: the "tf" mode of keras.applications."""


class Chain:
    """Collects nodes and, as it goes, their output shapes, which some architectures look at (padding, residuals).

    `preprocessing` are the layers between the image, as pixels 0..255, and what the first convolution reads.
    """

    def __init__(self, input_shape: Shape, preprocessing: Iterable[tuple[str, Op]] = TO_ONE) -> None:
        self._nodes: list[Node] = []
        self._shapes: dict[str, Shape] = {}
        self._numbers: Counter[str] = Counter()
        self._block, self._stage = "", ""
        self.at("input", stage="input")
        self.add("input", Input(shape=input_shape))
        for name, op in preprocessing:
            self.add(name, op)

    def at(self, block: str, *, stage: str) -> None:
        """Nodes added from here on stand in this block and stage."""
        self._block, self._stage = block, stage

    def auto(self, name: str) -> str:
        """The name that Keras gives a layer which is given none: `conv2d`, then `conv2d_1`, as in a fresh session."""
        number = self._numbers[name]
        self._numbers[name] += 1
        return f"{name}_{number}" if number else name

    def add(self, name: str, op: Op, *inputs: str) -> str:
        """Append a node, and return its name."""
        if self._nodes and not inputs:
            inputs = (self._nodes[-1].name,)
        self._nodes.append(Node(name, op, inputs, self._block, self._stage))
        self._shapes[name] = op.effect(*(self._shapes[read] for read in inputs)).shape
        return name

    @property
    def last(self) -> str:
        return self._nodes[-1].name

    @property
    def shape(self) -> Shape:
        """The shape of the last node's output."""
        return self._shapes[self.last]

    def graph(self) -> Graph:
        return Graph(_as_keras_orders(self._nodes))


def _as_keras_orders(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes farthest from the output first; those equally far as a search from the output, depth first, meets them.

    Source: keras.src.ops.function.map_graph. A chain keeps its order; the layers of parallel branches alternate.
    """
    far = dict.fromkeys((node.name for node in nodes), 0)
    for node in reversed(nodes):
        for read in node.inputs:
            far[read] = max(far[read], far[node.name] + 1)
    by_name = {node.name: node for node in nodes}
    met: dict[str, int] = {}
    waiting = [nodes[-1].name]
    while waiting:
        name = waiting.pop()
        if name not in met:
            met[name] = len(met)
            waiting.extend(reversed(by_name[name].inputs))
    return tuple(sorted(nodes, key=lambda node: (-far[node.name], met[node.name])))


def stride_padding(shape: Shape, kernel: int) -> ZeroPadding2D:
    """The padding before a window of stride 2: kernel // 2 zeros behind, and as many before an odd map, else one less.

    Source: correct_pad in keras.applications.
    """
    half = kernel // 2
    return ZeroPadding2D(padding=((half - 1 + shape[0] % 2, half), (half - 1 + shape[1] % 2, half)))


def dense_head(chain: Chain, arguments: Mapping[str, float], pool: str = "avg_pool", drop: str = "dropout") -> None:
    """Mean over the map, dropout where its rate is above 0, and a Dense layer with softmax; nothing without `top`."""
    if not arguments["top"]:
        return
    chain.at(HEAD, stage=HEAD)
    chain.add(pool, GlobalAveragePooling2D())
    if arguments["dropout"]:
        chain.add(drop, Dropout(rate=arguments["dropout"]))
    chain.add("predictions", Dense(units=int(arguments["classes"]), activation="softmax"))
