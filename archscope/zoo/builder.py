"""A chain of nodes under construction: each added node reads the one before it, unless it names its inputs."""

from __future__ import annotations

from archscope.graph import Activation, Graph, Input, Node, Op, Rescaling, Shape


class Chain:
    """Collects nodes and, as it goes, their output shapes, which some architectures look at (padding, residuals)."""

    def __init__(self, input_shape: Shape) -> None:
        self._nodes: list[Node] = []
        self._shapes: dict[str, Shape] = {}
        self._block, self._stage = "", ""
        self.at("input", stage="input")
        self.add("input", Input(shape=input_shape))
        # keras.applications' "tf" mode: pixels 0..255 to -1..1.
        self.add("preprocess", Rescaling(scale=1 / 127.5, offset=-1.0))

    def at(self, block: str, *, stage: str) -> None:
        """Nodes added from here on stand in this block and stage."""
        self._block, self._stage = block, stage

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
        return Graph(tuple(self._nodes))


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, at least `divisor`, and never below 90% of `value`.

    Source: the MobileNetV2 reference implementation, as in keras.applications.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


SOFTMAX = Activation(function="softmax")
