"""Make a network, or some of its channels, wider or narrower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm

from archscope.analysis import ChannelGroup, ChannelGroups, channel_groups, is_depthwise
from archscope.errors import SurgeryError
from archscope.graph import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    Graph,
    Op,
    Reshape,
    SeparableConv2D,
    Trace,
    make_divisible,
    verify,
)
from archscope.surgery.select import last_layer
from archscope.surgery.upsample import NAME as UPSAMPLED

DEFAULT_DIVISOR = 8
MAX_FACTOR, MAX_DIVISOR = 100, 1024
"""Guards: what goes further is a slip of the pen."""


def width(graph: Graph, factor: float, divisor: int = DEFAULT_DIVISOR, group: str | None = None) -> Graph:
    """The graph with `factor` times the channels, each group of them to the nearest multiple of `divisor`.

    Channels that an Add, a gate or a depthwise window ties stay equal in number; the rule of rounding is that of
    alpha, `make_divisible`. Without `group` these are all groups that the body makes, except those that the network
    puts out: without a head they may be a segmentation's classes. With `group` they are those that the layer of that
    name (of a block, the last one) puts out. The image, the classifier, depth multipliers and the numbers of groups of
    convolutions and norms stay; a width that such groups divide is a multiple of theirs too.
    Raises SurgeryError for a factor or divisor out of range, and for a group that cannot be scaled; GraphError for no
    such layer.
    """
    if not 0 < factor <= MAX_FACTOR:
        raise SurgeryError(f"a width factor of {factor} is not above 0 and up to {MAX_FACTOR}", "0.5 halves the widths")
    if not 1 <= divisor <= MAX_DIVISOR:
        raise SurgeryError(
            f"a divisor of {divisor} is not from 1 to {MAX_DIVISOR}", "8 is usual, 1 rounds to a channel"
        )
    traced = verify(graph)
    channels = channel_groups(traced)
    chosen = _of_body(channels) if group is None else _of_layer(channels, group)
    sizes = {one.name: _size(one, factor, divisor) for one in chosen}
    return verify(_resized(traced, channels, sizes)).graph


def channel_maker(graph: Graph, name: str) -> str:
    """The first layer with the channels of the layer `name`, or of the last one of what `name` stands for.

    Raises GraphError for no such layer, SurgeryError for several.
    """
    channels = channel_groups(verify(graph))
    groups = _groups(channels, last_layer(graph, name))
    return next(node.name for node in graph.nodes if _groups(channels, node.name) == groups)


def _size(group: ChannelGroup, factor: float, divisor: int) -> int:
    """The new size: a multiple of the group's runs, and of the divisor as far as the group has room for both."""
    both = lcm(divisor, group.runs)
    step = both if group.runs == 1 or both <= group.size else group.runs
    # Several channels stay several: a convolution with a group for each channel would be a plain one with one channel.
    return max(make_divisible(group.size * factor, step), min(group.size, 2))


def _of_body(channels: ChannelGroups) -> Sequence[ChannelGroup]:
    """The free groups that the body makes and hands on within the network.

    What stands for the image, enlarged by weights of its own, is none.
    """
    makers = {node.name for node in channels.graph.body if node.block != UPSAMPLED}
    put_out = _groups(channels, channels.graph.output.name)
    return [one for one in channels.groups if not one.fixed and one.producers[0] in makers and one not in put_out]


def _of_layer(channels: ChannelGroups, name: str) -> Sequence[ChannelGroup]:
    layer = last_layer(channels.graph, name)
    groups = _groups(channels, layer)
    for one in groups:
        if one.fixed:
            free = next((other.name for other in channels.groups if not other.fixed), "")
            raise SurgeryError(
                f"the channels of {layer!r} cannot be scaled: {one.reason}",
                f"name another layer, for example {free!r}" if free else "",
            )
    return groups


def _groups(channels: ChannelGroups, layer: str) -> Sequence[ChannelGroup]:
    """The groups of a layer's channels, each once."""
    return tuple(dict.fromkeys(segment.group for segment in channels.segments(layer)))


def _resized(traced: Trace, channels: ChannelGroups, sizes: Mapping[str, int]) -> Graph:
    nodes, after = [], {}
    for row in traced:
        segments = channels.segments(row.name)
        after[row.name] = sum(sizes.get(one.group.name, one.group.size) * one.repeat for one in segments)
        op = _with_width(row.node.op, after[row.name])
        if is_depthwise(row) and isinstance(op, Conv2D):
            op = replace(op, groups=after[row.node.inputs[0]])
        nodes.append(replace(row.node, op=op))
    return Graph(tuple(nodes))


def _with_width(op: Op, size: int) -> Op:
    """The op with an output of `size` channels, as far as it says how many."""
    match op:
        case Conv2D() | Conv2DTranspose() | SeparableConv2D():
            return replace(op, filters=size)
        case Dense():
            return replace(op, units=size)
        case Reshape():
            return replace(op, shape=(*op.shape[:-1], size))
        case _:
            return op
