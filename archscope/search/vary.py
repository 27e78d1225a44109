"""From what a person types to a space: `alpha=0.35..1.4:0.05`, `stem.stride=1,2`, `cut=all`; and the default spaces.

alpha=0.35..1.4:0.05    an argument of the model, or width (a factor for the channels of any network)
input=32,48x32          sizes of the image; 32..96:16 are square ones
upsample=none,2         the image enlarged before the stem; 2-nearest and 2-transpose too
LAYER.stride=1,2        a layer's strides, or a block's; first-stride.stride and other selectors too
cut=all,none            behind every block, or behind those named; none is the whole body
head=plain,8..1280:8    units of the head's 1x1 convolution; plain has none of it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from math import prod
from pathlib import Path

from archscope.design import Cut, Design, Head, Stride, Upsample, build, format_spec, parse_input
from archscope.design.design import InputShape
from archscope.errors import ArchscopeError, DesignError, did_you_mean
from archscope.graph import HEAD, Graph, Windowed, digest
from archscope.search.scale import own_knob
from archscope.search.space import Space, bare, design_of, layers_left
from archscope.surgery import DEFAULT_DROPOUT, WAYS, strided_layer
from archscope.surgery.select import last_layer, selected
from archscope.toml import toml_table
from archscope.zoo import Value

TABLE = "space"
UNITS = range(8, 2049, 8)
"""The heads of the default spaces, beside the plain one: up to that of Xception, which has 2,048."""
ALPHAS = {
    "mobilenet_v1": "0.25..1.4:0.01",
    "mobilenet_v2": "0.35..1.4:0.01",
    "mobilenet_v3_small": "0.5..1.4:0.01",
    "mobilenet_v3_large": "0.5..1.4:0.01",
}
"""The widths of the default spaces: from the narrowest published network of a family to the widest."""
WIDTHS = "0.35..1.4:0.01"
"""Those of families of which no narrower ones are published, and of networks from elsewhere."""
MOST_VALUES, MOST_UNITS = 10_000, 1_000_000
"""Guards: no axis has more values, no head more units."""
MOST_BUILT, MOST_TRUNKS = 20_000, 10_000
"""Guards: so many networks are built before any is priced, and so many choices of strides and upsampling."""

_RANGE = re.compile(r"([0-9.]{1,20})\.\.([0-9.]{1,20})(?::([0-9.]{1,20}))?", re.ASCII)
_STRIDE = ".stride"


def default_space(design: Design) -> Space:
    """What an expert would look through for a model: widths, strides, cuts, heads, the image enlarged or not.

    Cuts, heads, strides and upsampling are looked through anew, whatever the design has of them; its other edits stay.
    Raises as `build` and `space_of` do.
    """
    graph = _whole(design)
    axes = {
        own_knob(design): ALPHAS.get(design.model, WIDTHS),
        "upsample": "none,2",
        **{f"{layer}{_STRIDE}": "2,1" for layer in _halving(graph, design.classes)},
        "cut": "none,all",
        "head": f"plain,{UNITS[0]}..{UNITS[-1]}:{UNITS.step}",
    }
    return space_of(design, axes)


def space_of(design: Design, axes: Mapping[str, str], place: str = "--vary ") -> Space:
    """The design's own network, in which only what `axes` name varies; `place` stands before their names in errors.

    Raises DesignError, with the axis and the rule; and for a design whose edits make another network in the order that
    a space has, in which cut, head, strides and upsampling come last.
    """
    graph = _whole(design)
    space = replace(_fixed(design, graph), axes=tuple(axes.items()))
    _check_order(space)
    varied: list[str] = []
    for name, text in axes.items():
        try:
            space = _with_axis(space, graph, name, text, varied)
        except ArchscopeError as error:
            told = error.message.removeprefix(f"{name}={text}: ")
            raise DesignError(f"{place}{name}={text}: {told}", error.remedy) from error
    _check_size(space)
    return space


def _whole(design: Design) -> Graph:
    """The network that a search starts from. Raises as `build` does."""
    try:
        return bare(design)
    except ArchscopeError as error:
        build(design)
        # The design is fine: it is what it was made of that does not fit.
        raise DesignError(
            f"a search starts from the network without its cut, head, strides and upsampling: {error.message}",
            f"start from a larger input than that of {format_spec(design)}",
        ) from error


def _check_size(space: Space) -> None:
    """Heads and widths are arrays; these are built one by one, before the first is priced."""
    built = len(space.inputs) * prod(len(values) for _, values in space.scales)
    if built > MOST_BUILT:
        raise DesignError(
            f"the widths and inputs to vary make {built:,} networks, and at most {MOST_BUILT:,} are built",
            "take longer steps",
        )
    trunks = len(space.upsamples) * prod(len(strides) for _, strides in space.strides)
    if trunks > MOST_TRUNKS:
        raise DesignError(
            f"the strides to vary make {trunks:,} choices, and at most {MOST_TRUNKS:,} are looked through",
            "vary fewer of them",
        )


def parse_axes(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUES` as the command line has them. Raises DesignError."""
    axes: dict[str, str] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not name or not values:
            raise DesignError(
                f"--vary {word!r} names no values", "write --vary alpha=0.35..1.4:0.05 or stem.stride=1,2"
            )
        if name in axes:
            raise DesignError(f"--vary {name} is given twice", f"write all its values as one: {name}={axes[name]},...")
        axes[name] = values
    return axes


def read_axes(text: str, path: Path) -> dict[str, str] | None:
    """The axes in the [space] table of a TOML file, None without one. Raises DesignError, with the place."""
    table = toml_table(text, path, TABLE)
    if table is None:
        return None
    axes: dict[str, str] = {}
    for name, value in _flat(table):
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, (str, int, float)) for one in values):
            raise DesignError(
                f"{path}, [{TABLE}]: {name} = {value} is no list of numbers and words",
                'for example alpha = "0.5..1" or cut = ["none", "all"]',
            )
        axes[name] = ",".join(str(one).lower() if isinstance(one, bool) else str(one) for one in values)
    return axes


def _flat(table: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    """`stem.stride = [1, 2]` is a table in a table to TOML."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _fixed(design: Design, graph: Graph) -> Space:
    """The space of one network: the design's own."""
    heads = [edit for edit in design.edits if isinstance(edit, Head)]
    head = heads[-1] if heads else None
    if (head is not None and head.units == "none") or not build(design).has_head:
        raise DesignError("a search compares networks with heads, and this design has none", "add +head:plain")
    cuts = [last_layer(graph, edit.layer) for edit in design.edits if isinstance(edit, Cut)]
    units = (head.units,) if head is not None and isinstance(head.units, int) else ()
    enlarged = [edit for edit in design.edits if isinstance(edit, Upsample)]
    return Space(
        design,
        (design.input,),
        upsamples=(enlarged[-1] if enlarged else None,),
        strides=tuple(
            {strided_layer(graph, edit.layer): (edit.to,) for edit in design.edits if isinstance(edit, Stride)}.items()
        ),
        cuts=(cuts[-1] if cuts else None,),
        units=units,
        plain=not units,
        dropout=head.dropout if head is not None and units else DEFAULT_DROPOUT,
    )


def _check_order(space: Space) -> None:
    design = space.base
    layers = layers_left(bare(design), space.cuts[0])
    ours = design_of(
        space,
        design.input,
        (),
        space.cuts[0],
        space.units[0] if space.units else None,
        tuple(Stride(layer, strides[0]) for layer, strides in space.strides if layer in layers),
        space.upsamples[0],
    )
    if digest(build(ours)) != digest(build(design)):
        raise DesignError(
            f"a search puts cut, head, strides and upsampling behind all other edits, and {format_spec(design)} is"
            f" another network than {format_spec(ours)}",
            "search that one, or the design without the edits that make the difference",
        )


def _with_axis(space: Space, graph: Graph, name: str, text: str, varied: list[str]) -> Space:
    words = [word.strip() for word in text.split(",")]
    if name == "input":
        return replace(space, inputs=tuple(dict.fromkeys(size for word in words for size in _inputs(space.base, word))))
    if name == "upsample":
        return replace(space, upsamples=tuple(dict.fromkeys(map(_upsample, words))))
    if name == "cut":
        return replace(space, cuts=tuple(dict.fromkeys(cut for word in words for cut in _cuts(graph, word))))
    if name == "head":
        numbers = [word for word in words if word != "plain"]
        units = tuple(
            dict.fromkeys(int(value) for word in numbers for value in _numbers(word, "plain, 100, or 8..1280:8"))
        )
        if units and not 1 <= min(units) <= max(units) <= MOST_UNITS:
            raise DesignError(f"a head has 1 to {MOST_UNITS:,} units", "for example head=plain,100..1000:100")
        return replace(space, units=units, plain="plain" in words)
    if name.endswith(_STRIDE):
        layer = strided_layer(graph, name.removesuffix(_STRIDE))
        strides = tuple(dict.fromkeys(int(value) for word in words for value in _numbers(word, "1,2")))
        if min(strides) < 1:
            raise DesignError("a stride is at least 1", "1 keeps the map, 2 halves it")
        others = tuple(axis for axis in space.strides if axis[0] != layer)
        if any(axis == layer for axis in varied):
            raise DesignError(f"{layer!r} is varied twice, by two names", "write all its strides as one axis")
        varied.append(layer)
        return replace(space, strides=(*others, (layer, strides)))
    values = tuple(dict.fromkeys(value for word in words for value in _values(space.base, name, word)))
    return replace(space, scales=(*space.scales, (name, values)))


def _values(design: Design, name: str, word: str) -> list[Value]:
    """Of an argument of the model, or of a width, each checked."""
    if name == "width":
        found = [float(value) for value in _numbers(word)]
        if min(found) <= 0:
            raise DesignError("a width is a factor above 0", "for example width=0.5..1:0.05")
        return list(found)
    known = [
        argument.name for argument in design.family.arguments if argument.name not in ("classes", "top", "dropout")
    ]
    if name not in known:
        axes = [*known, "width", "input", "upsample", "cut", "head"]
        remedy = did_you_mean(name, axes, f"the axes are {', '.join(axes)} and LAYER.stride")
        raise DesignError(f"{design.model} has nothing of that name to vary", remedy)
    argument = design.family.argument(name)
    if isinstance(argument.default, bool):
        return [argument.parse(word)]
    return [argument.parse(format(value, "f")) for value in _numbers(word)]


def _inputs(design: Design, word: str) -> Iterator[InputShape]:
    """Sizes of the image; it keeps its channels where none are written."""
    sides = [word]
    if _RANGE.fullmatch(word):
        sides = [str(int(side)) for side in _numbers(word, "32, 48x32, or 32..96:16")]
    for side in sides:
        height, width, channels = parse_input(side)
        yield height, width, channels if side.count("x") == 2 else design.input[2]


def _numbers(word: str, whole: str = "") -> Sequence[Decimal]:
    """A number, or `first..last:step`, both ends counted where the steps meet them, in exact decimals.

    `whole`: how the whole numbers are written that alone will do.
    """
    span = _RANGE.fullmatch(word)
    shown = whole or "0.5, or 0.35..1.4:0.05"
    try:
        if span is None:
            numbers = [Decimal(word)] if re.fullmatch(r"-?[0-9.]{1,20}", word, re.ASCII) else []
        else:
            first, last = Decimal(span[1]), Decimal(span[2])
            step = Decimal(span[3]) if span[3] else Decimal(1 if whole else "0.05")
            if step <= 0 or last < first:
                wrong = "its step is not above 0" if step <= 0 else "its larger end comes first"
                raise DesignError(f"{word!r} is no range: {wrong}", f"write {shown}")
            count = int((last - first) / step) + 1
            if count > MOST_VALUES:
                raise DesignError(
                    f"{word} holds {count:,} values, and an axis has at most {MOST_VALUES:,}", "take a longer step"
                )
            numbers = [first + step * number for number in range(count)]
    except ArithmeticError:
        numbers = []
    if not numbers or (whole and any(number != int(number) for number in numbers)):
        kind = "whole number" if whole else "number"
        raise DesignError(f"{word!r} is no {kind} and no range of them", f"write {shown}, in digits, and none below 0")
    return [number.normalize() for number in numbers] if not whole else numbers


def _upsample(word: str) -> Upsample | None:
    if word in ("none", "1"):
        return None
    factor, _, way = word.partition("-")
    try:
        return Upsample.read(factor, {"by": way} if way else {})
    except DesignError as error:
        ways = ", ".join(f"2-{way}" for way in WAYS)
        raise DesignError(error.message, f"write none, 2, 4, or with the way: {ways}") from error


def _cuts(graph: Graph, word: str) -> list[str | None]:
    """Where `word` cuts: behind the last layer of each block of the body that it stands for."""
    if word == "none":
        return [None]
    if word in graph and word not in graph.blocks:
        nodes = [graph.node(word)]
    else:
        nodes = [node for node in (graph.nodes if word == "all" else selected(graph, word)) if node.stage != HEAD]
    if not nodes:
        raise DesignError(f"{word!r} is in the head, and a cut is behind a layer of the body", "write cut=all")
    last = graph.body[-1].name
    ends = list({node.block or node.name: node.name for node in nodes}.values())
    if word != "all":
        # Behind its last layer, the whole body is what is left.
        return [None if name == last else name for name in ends]
    weighed = [name for name in ends if any(isinstance(node.op, Windowed) for node in graph.ancestors(name).nodes)]
    return [name for name in weighed if name != last]


def _halving(graph: Graph, classes: int) -> list[str]:
    """The layers whose stride of 2 can be set to 1 by itself."""
    found = []
    for node in graph.body:
        if isinstance(node.op, Windowed) and node.op.strides == (2, 2):
            try:
                Stride(node.name, 1).apply(graph, classes)
            except ArchscopeError:
                continue
            found.append(node.name)
    return found
