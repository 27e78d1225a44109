"""Where the layers of an imported network stand: in a block, in a stage, in the head.

A block is a branching stretch between two layers that all paths lead through, or a stretch of a chain whose names say
that it belongs together; it is named by what its names have in common (`block_12`, `conv2_block1`), else by its end.
Where cells read the two before them (NASNet), no such layer exists, and a block ends where only two tensors live on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from archscope.graph import (
    HEAD,
    Add,
    Concatenate,
    Dense,
    Flatten,
    GlobalPooling2D,
    Graph,
    Input,
    Node,
    Normalization,
    Pooling2D,
    Rescaling,
    Windowed,
    ZeroPadding2D,
    trace,
)

_TOKENS = re.compile(r"[^_/.]+")
# Up to the number of what calls itself a block, or else up to the first number; more must follow.
_BLOCK = re.compile(r"(?:.*?[_/.])?block[_/.]?[0-9]+[a-z]?(?=[_/.])")
_NUMBERED = re.compile(r".*?[0-9][^_/.]*(?=[_/.])")
LONGEST = 100
"""Stretches of more layers are cut where they can be."""

# `conv2d_12` and `re_lu_3` are Keras' own numbers, and say nothing of where a layer stands.
_AUTOMATIC = re.compile(
    r"(?:conv2d|depthwise_conv2d|separable_conv2d|conv2d_transpose|batch_normalization|layer_normalization|activation|"
    r"re_lu|leaky_re_lu|p_re_lu|elu|softmax|add|multiply|average|concatenate|max_pooling2d|average_pooling2d|dropout|"
    r"zero_padding2d|dense|lambda|identity|up_sampling2d|reshape|custom_scale_layer)(?:_[0-9]+)?"
)


def placed(graph: Graph) -> Graph:
    """The same graph, each node with a block and a stage."""
    narrow = _narrow(graph)
    head = _head_begins(graph, narrow)
    labels = _labels(graph.nodes[:head], narrow)
    sizes = {row.name: row.output[0] for row in trace(graph) if len(row.output) == 3}
    nodes, stage, size = [], 0, 0
    for number, node in enumerate(graph.nodes):
        if number >= head:
            nodes.append(replace(node, block=HEAD, stage=HEAD))
            continue
        nodes.append(replace(node, block=labels[number], stage=_stage(labels[number], stage)))
        ends = number + 1 == head or labels[number + 1] != labels[number]
        if (narrow[number] or ends) and node.name in sizes:
            stage += 0 < sizes[node.name] < size
            size = sizes[node.name]
    return Graph(tuple(nodes))


def _stage(label: str, number: int) -> str:
    """A stage ends where the main path's map shrinks."""
    return label if label == "input" else f"stage_{number}" if number else "stem"


def _narrow(graph: Graph) -> list[bool]:
    """For each node whether all paths from input to output lead through it."""
    last_read = {name: number for number, node in enumerate(graph.nodes) for name in node.inputs}
    narrow, reach = [], 0
    for number, node in enumerate(graph.nodes):
        # Nothing that was made before this node is read behind it.
        narrow.append(reach <= number)
        reach = max(reach, last_read.get(node.name, number))
    return narrow


def _head_begins(graph: Graph, narrow: Sequence[bool]) -> int:
    """The first node of the head: the global pooling or flattening that all paths lead through."""
    for number, node in enumerate(graph.nodes):
        if narrow[number] and isinstance(node.op, (GlobalPooling2D, Flatten)):
            return number
    return len(graph.nodes)


def _labels(nodes: Sequence[Node], narrow: Sequence[bool]) -> list[str]:
    """A block for each node; one that comes back under the same name is numbered."""
    labels: list[str] = []
    for first, end in (cell for stretch in _stretches(nodes, narrow) for cell in _cells(nodes, *stretch)):
        before = labels[-1] if labels else ""
        label = _branching(nodes[first:end]) if end - first > 1 else _chained(nodes[first], before)
        labels.extend([label] * (end - first))
    # Padding belongs to the window behind it.
    for number in range(len(nodes) - 2, -1, -1):
        if isinstance(nodes[number].op, ZeroPadding2D) and labels[number] == nodes[number].name:
            labels[number] = labels[number + 1]
    seen: Counter[str] = Counter()
    numbered: list[str] = []
    for label, group in groupby(labels):
        seen[label] += 1
        numbered.extend(label if seen[label] == 1 else f"{label}.{seen[label]}" for _ in group)
    return numbered


def _stretches(nodes: Sequence[Node], narrow: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(first, behind the last) of what lies between two layers that all paths lead through, its end included."""
    first = 0
    for number in range(len(nodes)):
        if narrow[number]:
            yield first, number + 1
            first = number + 1
    if first < len(nodes):
        yield first, len(nodes)


def _cells(nodes: Sequence[Node], first: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch that is too long for a block, cut behind each merge that leaves one other tensor to be read."""
    if end - first <= LONGEST:
        yield first, end
        return
    last_read = {name: number for number, node in enumerate(nodes) for name in node.inputs}
    live: set[str] = set()
    for number in range(end):
        node = nodes[number]
        live = {name for name in (*live, node.name) if last_read.get(name, 0) > number}
        if number >= first and isinstance(node.op, (Add, Concatenate)) and len(live) <= 2:
            yield first, number + 1
            first = number + 1
    if first < end:
        yield first, end


def _branching(nodes: Sequence[Node]) -> str:
    """What the names of a stretch have in common, up to a number; the name of its end where that is nothing."""
    told = [_TOKENS.findall(node.name) for node in nodes if not _AUTOMATIC.fullmatch(node.name)]
    common: list[str] = []
    for tokens in zip(*told, strict=False):
        if len(set(tokens)) > 1:
            break
        common.append(tokens[0])
    while common and not any(letter.isdigit() for letter in common[-1]):
        common.pop()
    return _prefix(nodes, told, len(common)) or nodes[-1].name


def _prefix(nodes: Sequence[Node], told: Sequence[Sequence[str]], count: int) -> str:
    """The first `count` tokens of the names, as they are spelled there."""
    if not count:
        return ""
    name = next(node.name for node in nodes if not _AUTOMATIC.fullmatch(node.name))
    return name[: [match.end() for match in _TOKENS.finditer(name)][count - 1]]


def _chained(node: Node, before: str) -> str:
    """The block of a layer that stands in a chain, behind the block `before`."""
    if isinstance(node.op, Input):
        return "input"
    if not _AUTOMATIC.fullmatch(node.name):
        if before and before != "input" and re.match(re.escape(before) + r"(?:[_/.]|$)", node.name):
            return before
        named = _BLOCK.match(node.name) or _NUMBERED.match(node.name)
        if named:
            return named[0]
    if before == "input" and isinstance(node.op, (Rescaling, Normalization)):
        return before
    starts = before in ("", "input") or (isinstance(node.op, (Windowed, Dense)) and not isinstance(node.op, Pooling2D))
    return node.name if starts else before
