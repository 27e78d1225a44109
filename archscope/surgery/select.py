"""From what a person types to a layer: a layer's own name, a block's, or a selector.

A layer's name goes before a block's: where a block is named after one of its layers, as Inception's `mixed2` is after
its end, `mixed2..mixed2` stands for the block.

Selectors: `first-stride` and `last-stride`; `stage:3` and `block:6..9` for all layers of a stage or of blocks in a
row, by their numbers; `block2a..block3c` for those from one block to another, by their names; globs
(`block_1?_depthwise`), which stand for the layers, or else the blocks, that they match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from archscope.errors import SurgeryError
from archscope.graph import Graph, Node, Windowed, no_layer

_NUMBERED = re.compile(r"(stage|block):([0-9]{1,6})(?:\.\.([0-9]{1,6}))?")
_ENDS = {"first-stride": slice(1), "last-stride": slice(-1, None)}
_LISTED = 8


def last_layer(graph: Graph, name: str) -> str:
    """The last layer of what `name` stands for. Raises GraphError for no such layer, SurgeryError for several."""
    if name in graph:
        return name
    nodes = selected(graph, name)
    if _is_glob(name):
        # Layers of one block stand in a row, and its end is meant; of several blocks nobody knows which.
        _require_one(name, list(dict.fromkeys(node.block or node.name for node in nodes)))
    return nodes[-1].name


def strided_layer(graph: Graph, name: str) -> str:
    """The layer of that name, or the one strided layer of what `name` stands for.

    Raises GraphError for no such layer, SurgeryError where none is strided or several are.
    """
    if name in graph:
        return name
    nodes = selected(graph, name)
    windows = [node for node in nodes if isinstance(node.op, Windowed)]
    if _is_glob(name) and len(windows) == 1:
        return windows[0].name
    strided = [node.name for node in windows if _is_strided(node)]
    if len(strided) == 1:
        return strided[0]
    spatial = strided or [node.name for node in windows if isinstance(node.op, Windowed) and max(node.op.kernel) > 1]
    what = f"block {name!r}" if name in graph.blocks else repr(name)
    raise SurgeryError(
        f"{what} has {len(strided) or 'no'} strided layers, and it stands for its only one",
        f"name the layer: {_listed(spatial)}" if spatial else strided_layers(graph),
    )


def strided_layers(graph: Graph) -> str:
    """A remedy that lists the layers with a stride above 1."""
    names = [node.name for node in graph.nodes if _is_strided(node)]
    return f"the strided layers are {', '.join(names)}" if names else "no layer of this network has a stride above 1"


def selected(graph: Graph, text: str) -> Sequence[Node]:
    """All layers that `text` stands for, at least one, in the graph's order.

    Raises GraphError for no such layer, SurgeryError for a selector that nothing is.
    """
    if text in graph:
        return (graph.node(text),)
    if text and text in graph.blocks:
        return graph.block(text)
    numbered = _NUMBERED.fullmatch(text)
    between = _between(graph, *text.split("..", 1)) if ".." in text else ()
    if between:
        return tuple(node for node in graph.nodes if node.block in between)
    if text in _ENDS:
        nodes = [node for node in graph.nodes if _is_strided(node)][_ENDS[text]]
        remedy = strided_layers(graph)
    elif numbered:
        kind, least, most = numbered.groups()
        nodes = [node for node in graph.nodes if _within(getattr(node, kind), kind, int(least), int(most or least))]
        known = dict.fromkeys(getattr(node, kind) for node in graph.nodes)
        remedy = f"its {kind}s are {', '.join(name for name in known if name)}"
    elif _is_glob(text):
        nodes = [node for node in graph.nodes if fnmatchcase(node.name, text)]
        nodes = nodes or [node for node in graph.nodes if fnmatchcase(node.block, text)]
        remedy = "`archscope shapes --by layer` lists the layers"
    else:
        raise no_layer(text, graph)
    if not nodes:
        raise SurgeryError(f"nothing in this network is {text!r}", remedy)
    return nodes


def named(graph: Graph, text: str) -> str:
    """The name of the one layer, or of the one whole block, that `text` stands for; `text` itself for anything else."""
    nodes = tuple(selected(graph, text))
    block = block_selector(graph, nodes[0].block)
    names = (block, nodes[0].name) if len(nodes) > 1 else (nodes[0].name,)
    return next((name for name in names if name and tuple(selected(graph, name)) == nodes), text)


def block_selector(graph: Graph, block: str) -> str:
    """What stands for the whole block: its name, or, where a layer has that, the stretch from it to itself."""
    return f"{block}..{block}" if block in graph else block


def _between(graph: Graph, first: str, last: str) -> Sequence[str]:
    """The blocks from one to another; none where one of them is no block."""
    blocks = [block for block in graph.blocks if block]
    if first not in blocks or last not in blocks:
        return ()
    start, end = blocks.index(first), blocks.index(last)
    if end < start:
        raise SurgeryError(f"{first}..{last} runs backwards: {last!r} stands before {first!r}", f"say {last}..{first}")
    return blocks[start : end + 1]


def _within(name: str, kind: str, first: int, last: int) -> bool:
    """Whether `name` is `kind` and a number from `first` to `last`."""
    number = re.fullmatch(rf"{kind}_([0-9]{{1,6}})", name)
    return number is not None and first <= int(number[1]) <= last


def _require_one(text: str, found: Sequence[str]) -> None:
    if len(found) > 1:
        raise SurgeryError(f"{text!r} stands for {len(found)} blocks", f"name one: {_listed(found)}")


def _listed(names: Sequence[str]) -> str:
    """The names with "or" between them, of many the first."""
    shown = " or ".join(names[:_LISTED])
    return f"{shown} or {len(names) - _LISTED} more" if len(names) > _LISTED else shown


def _is_glob(text: str) -> bool:
    return any(mark in text for mark in "*?[")


def _is_strided(node: Node) -> bool:
    return isinstance(node.op, Windowed) and max(node.op.strides) > 1
