"""Take a stride away and dilate what follows: the map keeps its size, each window sees what it saw.

The "à trous" rule (Yu & Koltun 2016, arXiv:1511.07122; DeepLab, Chen et al. 2017, arXiv:1606.00915): without a stride
of r every r-th position of the map is one of the old map's, so a window behind it finds its old neighbours r positions
apart. Kernels stay as they are, and with them what they have learned. What is taken over a whole map (global pooling,
the gates of squeeze-excite, the statistics of a group normalisation) is now taken over a map of more positions, and is
near what it was, not equal to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archscope.errors import GraphError, SurgeryError
from archscope.graph import (
    Conv2DTranspose,
    Cropping2D,
    Flatten,
    GlobalPooling2D,
    Graph,
    Node,
    Op,
    Opaque,
    Pair,
    Permute,
    Pooling2D,
    Reshape,
    UpSampling2D,
    Windowed,
    ZeroPadding2D,
    trace,
    verify,
)
from archscope.surgery.grid import REMEDY, check_grid
from archscope.surgery.select import block_selector, selected, strided_layers
from archscope.surgery.stride import with_stride


def dilate(graph: Graph, name: str) -> Graph:
    """The graph in which `name` has a stride of 1 and every window behind it is dilated by the stride that it had.

    `name` is a strided layer, or stands for several side by side, such as a residual block's window and the 1x1 of its
    shortcut. The padding of the layer itself becomes symmetric, as with `stride`; paddings and croppings behind it
    grow with the dilation. The new maps have the old ones' activations on every r-th position, borders included, from
    0 up to r - 1 on; those behind a group normalisation or a gate, as near as the statistics of more positions are.
    Raises SurgeryError for a layer without a stride; for strides one behind the other; for what has no dilated form
    behind it (a further stride, a pooling, an upsampling, what reads positions in a row, a layer without a rule); and
    where the old positions would be lost: maps that meet and shift unlike (a 3x3 and a 1x1 with "same" padding on a
    map of even sides), an even window with "same" padding, weights for each position. GraphError where shapes no
    longer fit.
    """
    layers = _side_by_side(graph, name)
    rate = _strides(layers[0])
    ops = {name: op for layer in layers for name, op in with_stride(graph, layer, (1, 1))}
    for node in _behind(graph, layers):
        ops[node.name] = _dilated(node, rate, layers[0].name)
    dilated = Graph(tuple(replace(node, op=ops.get(node.name, node.op)) for node in graph.nodes))
    try:
        after = verify(dilated)
    except GraphError as error:
        block = layers[0].block
        others = [node for node in graph.block(block) if max(_strides(node)) > 1 and node not in layers]
        named = block_selector(graph, block)
        together = f"dilate the block {named!r}: its strides go together" if block and others else error.remedy
        raise GraphError(error.message, together) from error
    check_grid(trace(graph), after, {layer.name for layer in layers}, rate)
    return after.graph


def _side_by_side(graph: Graph, name: str) -> Sequence[Node]:
    """The strided layers that `name` stands for, of one stride, none behind another."""
    layers = [node for node in selected(graph, name) if max(_strides(node)) > 1]
    if not layers:
        raise SurgeryError(f"{name!r} has no stride to take away", strided_layers(graph))
    names = [layer.name for layer in layers]
    later = [node.name for node in _behind(graph, layers) if node.name in names]
    if later:
        raise SurgeryError(
            f"{name!r} has strides one behind the other: {', '.join(names)}",
            f"dilate one after the other, the last first: {later[-1]}",
        )
    if len({_strides(layer) for layer in layers}) > 1:
        raise SurgeryError(f"{name!r} has unlike strides side by side: {', '.join(names)}", "name one of these")
    return layers


def _behind(graph: Graph, layers: Sequence[Node]) -> Iterator[Node]:
    """The layers that read the map of these, in order; what one value of a whole map is made of reads no positions."""
    reached = {layer.name for layer in layers}
    for node in graph.nodes:
        if reached.intersection(node.inputs) and not isinstance(node.op, GlobalPooling2D):
            reached.add(node.name)
            yield node


def _dilated(node: Node, rate: Pair, source: str) -> Op:
    """The op of a layer behind the stride that went, `rate` positions now standing for one."""
    op = node.op
    if max(_strides(node)) > 1:
        raise SurgeryError(
            f"{node.name!r} behind {source!r} has a stride of its own, and no window is strided and dilated",
            f"dilate {node.name!r} first",
        )
    if isinstance(op, (Flatten, Reshape)):
        raise SurgeryError(
            f"{node.name!r} ({node.kind}) behind {source!r} reads positions in a row, and there would be more", REMEDY
        )
    if isinstance(op, (Conv2DTranspose, UpSampling2D, Permute, Opaque)) or (
        isinstance(op, Pooling2D) and max(op.kernel) > 1
    ):
        raise SurgeryError(f"{node.name!r} ({node.kind}) behind {source!r} has no dilated form", REMEDY)
    if isinstance(op, Windowed) and max(op.kernel) > 1:
        return replace(op, dilation=(op.dilation[0] * rate[0], op.dilation[1] * rate[1]))
    if isinstance(op, ZeroPadding2D):
        return replace(op, padding=_grown(op.padding, rate))
    if isinstance(op, Cropping2D):
        return replace(op, cropping=_grown(op.cropping, rate))
    return op


def _strides(node: Node) -> Pair:
    return node.op.strides if isinstance(node.op, Windowed) else (1, 1)


def _grown(margins: tuple[Pair, Pair], rate: Pair) -> tuple[Pair, Pair]:
    (top, bottom), (left, right) = margins
    return (top * rate[0], bottom * rate[0]), (left * rate[1], right * rate[1])
