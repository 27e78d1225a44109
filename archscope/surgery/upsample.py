"""Enlarge the image in front of the first layer that looks at it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from archscope.errors import SurgeryError
from archscope.graph import Conv2DTranspose, Graph, Input, Node, Normalization, Op, Rescaling, UpSampling2D, verify

By = Literal["bilinear", "nearest", "transpose"]
WAYS: tuple[By, ...] = get_args(By)
FACTORS = (2, 4)
NAME = "upsample"


def upsample(graph: Graph, factor: int, by: By = "bilinear") -> Graph:
    """The graph with the image enlarged by `factor` on both axes, behind the preprocessing and before the stem.

    "bilinear" and "nearest" resize without parameters; "transpose" learns: a transposed convolution of kernel
    2 * factor and stride `factor` (every output position under two taps per axis, as bilinear interpolation has), as
    many filters as channels, with bias. An upsampling that stands there already is replaced.
    Raises SurgeryError for another factor or way.
    """
    if factor not in FACTORS:
        raise SurgeryError(f"an upsampling by {factor} is not offered", f"choose {' or '.join(map(str, FACTORS))}")
    if by not in WAYS:
        raise SurgeryError(f"no upsampling by {by!r} is offered", f"choose {', '.join(WAYS)}")
    bare = without_upsampling(graph)
    # Input and preprocessing rows lead the graph; what follows them looks at the image.
    lead = 1
    while lead < len(bare.nodes) and isinstance(bare.nodes[lead].op, (Input, Rescaling, Normalization)):
        lead += 1
    image = bare.nodes[lead - 1]
    node = Node(NAME, _op(factor, by, _channels(bare)), (image.name,), NAME, "stem")
    behind = (_reading(later, image.name, NAME) for later in bare.nodes[lead:])
    return verify(Graph((*bare.nodes[:lead], node, *behind))).graph


def without_upsampling(graph: Graph) -> Graph:
    """The graph without the upsampling that `upsample` put there; the graph itself where there is none."""
    if NAME not in graph or graph.node(NAME).block != NAME:
        return graph
    (source,) = graph.node(NAME).inputs
    return Graph(tuple(_reading(node, NAME, source) for node in graph.nodes if node.name != NAME))


def _op(factor: int, by: By, channels: int) -> Op:
    if by == "transpose":
        kernel = (2 * factor, 2 * factor)
        return Conv2DTranspose(filters=channels, kernel=kernel, strides=(factor, factor), use_bias=True)
    return UpSampling2D(size=(factor, factor), interpolation=by)


def _channels(graph: Graph) -> int:
    image = graph.nodes[0].op
    assert isinstance(image, Input)
    return image.shape[2]


def _reading(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))
