"""Activation memory against answers derived by hand, and against a brute-force simulation on random graphs."""

from __future__ import annotations

import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.analysis.memory import (
    BYTES,
    DTYPES,
    LayerMemory,
    Memory,
    Tensor,
    TrainingMemory,
    memory,
    training_memory,
    weight_bytes,
)
from archscope.design import build, parse_spec
from archscope.errors import TrainingError
from archscope.graph import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Input,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    ReLU,
    Rescaling,
    Reshape,
    Trace,
    ZeroPadding2D,
    verify,
)

sys.path.append(str(Path(__file__).parents[1] / "graph"))
from strategies import graphs

NORM, RELU, PAD = BatchNormalization(), ReLU(), ZeroPadding2D(padding=((0, 1), (0, 1)))
STUDY = "mobilenet_v2@32,alpha=0.9"
STUDY_CUT = f"{STUDY}+cut:block_12_add+head:1000"


def conv(filters: int, side: int = 1) -> Conv2D:
    return Conv2D(filters=filters, kernel=(side, side))


def network(size: tuple[int, int, int], **layers: tuple[Op, str]) -> Trace:
    """Layers by name: an op and the names it reads."""
    nodes = [Node("image", Input(shape=size))]
    nodes += [Node(name, op, tuple(inputs.split())) for name, (op, inputs) in layers.items()]
    return verify(Graph(tuple(nodes)))


def elements(trace: Trace, *, fused: bool) -> dict[str, int]:
    """What is alive while each layer runs, in elements."""
    return {layer.layer: layer.alive_bytes for layer in memory(trace, fused=fused, bytes_per_element=1).per_layer}


CHAIN = network(
    (4, 4, 2),
    conv=(conv(3, 3), "image"),
    norm=(NORM, "conv"),
    relu=(RELU, "norm"),
    pad=(PAD, "relu"),
    window=(DepthwiseConv2D(kernel=(3, 3), strides=(2, 2), padding="valid"), "pad"),
    pool=(GlobalAveragePooling2D(), "window"),
    dropout=(Dropout(rate=0.2), "pool"),
    dense=(Dense(units=5), "dropout"),
)


def test_chain_fused() -> None:
    # The image has 32 elements, conv 48 in one tensor with norm and relu, the window 12 over a padding it does itself.
    assert memory(CHAIN) == Memory(
        fused=True,
        bytes_per_element=4,
        per_layer=(
            LayerMemory("image", "image", 4 * 32, 4 * 32),
            LayerMemory("conv", "conv", 4 * 48, 4 * 80),
            LayerMemory("norm", "conv", 0, 4 * 48),
            LayerMemory("relu", "conv", 0, 4 * 48),
            LayerMemory("pad", "conv", 0, 4 * 48),
            LayerMemory("window", "window", 4 * 12, 4 * 60),
            LayerMemory("pool", "pool", 4 * 3, 4 * 15),
            LayerMemory("dropout", "pool", 0, 4 * 3),
            LayerMemory("dense", "dense", 4 * 5, 4 * 8),
        ),
        peak_bytes=320,
        peak_layer="conv",
        alive=(Tensor("image", (4, 4, 2), 128), Tensor("conv", (4, 4, 3), 192)),
    )


def test_chain_unfused() -> None:
    found = memory(CHAIN, fused=False, bytes_per_element=1)
    alive = {"image": 32, "conv": 80, "norm": 96, "relu": 96, "pad": 48 + 75, "window": 75 + 12, "pool": 15}
    assert elements(CHAIN, fused=False) == {**alive, "dropout": 3, "dense": 8}
    assert (found.peak_bytes, found.peak_layer) == (123, "pad")
    assert found.alive == (Tensor("relu", (4, 4, 3), 48), Tensor("pad", (5, 5, 3), 75))


def test_a_tensor_is_named_after_the_layer_that_wrote_it_last() -> None:
    trace = network(
        (2, 2, 1), a=(conv(4), "image"), norm=(NORM, "a"), drop=(Dropout(rate=0.5), "norm"), b=(conv(9), "drop")
    )
    assert [tensor.layer for tensor in memory(trace).alive] == ["norm", "b"]


def test_residual_is_added_in_place_of_the_branch() -> None:
    trace = network(
        (2, 2, 1),
        a=(conv(4), "image"),
        b=(conv(4, 3), "a"),
        norm=(NORM, "b"),
        add=(Add(), "a norm"),
        c=(conv(1), "add"),
    )
    assert elements(trace, fused=True) == {"image": 4, "a": 20, "b": 32, "norm": 32, "add": 32, "c": 20}
    assert elements(trace, fused=False) == {"image": 4, "a": 20, "b": 32, "norm": 48, "add": 48, "c": 20}
    assert memory(trace).per_layer[4].storage == "b"


def test_add_at_the_output_is_not_in_place() -> None:
    trace = network((2, 2, 1), a=(conv(4), "image"), b=(conv(4), "a"), add=(Add(), "a b"))
    assert elements(trace, fused=True) == {"image": 4, "a": 20, "b": 32, "add": 48}
    assert elements(network((2, 2, 1), add=(Add(), "image image")), fused=True) == {"image": 4, "add": 8}
    dropped = network(
        (2, 2, 1), a=(conv(4), "image"), b=(conv(4), "a"), add=(Add(), "a b"), d=(Dropout(rate=0.1), "add")
    )
    assert elements(dropped, fused=True) == {"image": 4, "a": 20, "b": 32, "add": 48, "d": 16}


def test_a_layer_read_twice_is_not_written_over() -> None:
    twice = network((2, 2, 1), a=(conv(4), "image"), add=(Add(), "a a"), b=(conv(1), "add"))
    assert elements(twice, fused=True) == {"image": 4, "a": 20, "add": 32, "b": 20}
    # A pre-activation: the residual keeps what norm and relu would have written over; relu is folded into norm.
    trace = network(
        (2, 2, 1),
        a=(conv(4), "image"),
        norm=(NORM, "a"),
        relu=(RELU, "norm"),
        b=(conv(4), "relu"),
        add=(Add(), "a b"),
        c=(conv(1), "add"),
    )
    expected = {"image": 4, "a": 20, "norm": 32, "relu": 32, "b": 48, "add": 32, "c": 20}
    assert elements(trace, fused=True) == expected
    # The second reader may come through a view.
    viewed = network(
        (2, 2, 1), a=(conv(4), "image"), drop=(Dropout(rate=0.5), "a"), norm=(NORM, "drop"), add=(Add(), "a norm")
    )
    assert elements(viewed, fused=True) == {"image": 4, "a": 20, "drop": 16, "norm": 32, "add": 48}


def test_the_image_is_not_written_over() -> None:
    trace = network((2, 2, 1), scale=(Rescaling(scale=2.0, offset=-1.0), "image"), relu=(RELU, "scale"))
    assert elements(trace, fused=True) == {"image": 4, "scale": 8, "relu": 4}


def test_concatenation_copies() -> None:
    trace = network(
        (2, 2, 1), a=(conv(2), "image"), b=(conv(3), "image"), cat=(Concatenate(), "a b"), c=(conv(1), "cat")
    )
    assert elements(trace, fused=True) == {"image": 4, "a": 12, "b": 24, "cat": 40, "c": 24}


def test_a_gated_map_lives_twice_iff_its_gate_read_it() -> None:
    def gated(source: str) -> Trace:
        return network(
            (4, 4, 1),
            map=(conv(4), "image"),
            pool=(GlobalAveragePooling2D(keepdims=True), source),
            gate=(conv(4), "pool"),
            sigmoid=(Activation(function="sigmoid"), "gate"),
            mul=(Multiply(), "map sigmoid"),
            end=(conv(1), "mul"),
        )

    expected = {"image": 16, "map": 80, "pool": 68, "gate": 72, "sigmoid": 68, "mul": 132, "end": 80}
    assert elements(gated("map"), fused=True) == expected
    expected = {"image": 16, "map": 80, "pool": 81, "gate": 69, "sigmoid": 68, "mul": 68, "end": 80}
    assert elements(gated("image"), fused=True) == expected


def test_padding_is_a_copy_where_others_than_convolutions_read_it() -> None:
    pooled = network((2, 2, 1), pad=(PAD, "image"), pool=(MaxPooling2D(kernel=(3, 3), padding="valid"), "pad"))
    assert elements(pooled, fused=True) == {"image": 4, "pad": 13, "pool": 10}
    normed = network((2, 2, 1), pad=(PAD, "image"), norm=(NORM, "pad"), conv=(conv(1), "norm"))
    assert elements(normed, fused=True) == {"image": 4, "pad": 13, "norm": 9, "conv": 18}
    assert elements(network((2, 2, 1), pad=(PAD, "image")), fused=True) == {"image": 4, "pad": 13}
    mixed = network((2, 2, 1), pad=(PAD, "image"), conv=(conv(1), "pad"), add=(Add(), "pad conv"))
    assert elements(mixed, fused=True) == {"image": 4, "pad": 13, "conv": 18, "add": 27}
    twice = network((2, 2, 1), pad=(PAD, "image"), again=(PAD, "pad"), conv=(conv(1), "again"))
    assert elements(twice, fused=True) == {"image": 4, "pad": 4, "again": 4, "conv": 20}


def test_reshape_is_a_view() -> None:
    trace = network((2, 3, 1), a=(conv(2), "image"), flat=(Reshape(shape=(12,)), "a"), relu=(RELU, "flat"))
    assert elements(trace, fused=True) == {"image": 6, "a": 18, "flat": 12, "relu": 12}
    assert elements(trace, fused=False) == {"image": 6, "a": 18, "flat": 12, "relu": 24}


@pytest.mark.parametrize("spec", [STUDY, STUDY_CUT])
def test_the_study_networks(spec: str) -> None:
    trace = verify(build(parse_spec(spec)))
    found = memory(trace)
    assert (found.peak_bytes, found.peak_layer) == (122_880, "block_1_depthwise")
    assert found.alive == (
        Tensor("block_1_expand_relu", (16, 16, 96), 98_304),
        Tensor("block_1_depthwise", (8, 8, 96), 24_576),
    )
    assert memory(trace, bytes_per_element=BYTES["int8"]).peak_bytes == 30_720
    unfused = memory(trace, fused=False)
    assert (unfused.peak_bytes, unfused.peak_layer) == (209_280, "block_1_pad")


@st.composite
def branched(draw: st.DrawFn) -> Graph:
    """A random graph with gates, concatenations, views and further norms behind it."""
    base = draw(graphs())
    nodes = [node for node in base.nodes if node.stage != "head"]
    shapes = {row.name: row.output for row in verify(Graph(tuple(nodes)))}
    for number in range(draw(st.integers(0, 6))):
        last, name = nodes[-1].name, f"more_{number}"
        shape = shapes[last]
        others = [other for other in shapes if shapes[other] == shape]
        beside = [other for other in shapes if shapes[other][:2] == shape[:2]]
        op, inputs = draw(
            st.one_of(
                st.tuples(st.just(Multiply()), st.tuples(st.just(last), st.sampled_from(others))),
                st.tuples(st.just(Add()), st.tuples(*[st.sampled_from(others)] * 2, st.just(last))),
                st.tuples(st.just(Concatenate()), st.tuples(st.sampled_from(beside), st.just(last))),
                st.tuples(
                    st.sampled_from([Reshape(shape=shape), RELU, NORM, Dropout(rate=0.5), PAD, conv(2)]),
                    st.tuples(st.just(last)),
                ),
            )
        )
        nodes.append(Node(name, op, inputs))
        shapes[name] = op.effect(*(shapes[name] for name in inputs)).shape
    return Graph(tuple(nodes))


def pieces_in_use(trace: Trace, step: int, fused: bool) -> set[frozenset[str]]:
    """The pieces of memory in use while layer number `step` runs, each as the set of layers that ever use it.

    From definitions alone, quadratic: pieces are merged until nothing changes, and each is in use iff a layer up to
    `step` writes it and a layer from `step` on writes or reads it, or it is the output.
    """
    nodes = trace.graph.nodes
    sizes = {row.name: row.output for row in trace}

    def is_view(node: Node) -> bool:
        if isinstance(node.op, Dropout | Reshape):
            return True
        if not fused or not isinstance(node.op, ZeroPadding2D):
            return False
        readers = trace.graph.consumers(node.name)
        return bool(readers) and all(
            isinstance(reader.op, Conv2D | DepthwiseConv2D)
            or (isinstance(reader.op, ZeroPadding2D) and is_view(reader))
            for reader in readers
        )

    def source(name: str) -> str:
        node = trace.graph.node(name)
        return source(node.inputs[0]) if is_view(node) else name

    def read_once(name: str) -> bool:
        return [source(read) for node in nodes if not is_view(node) for read in node.inputs].count(name) == 1

    piece = {node.name: {node.name} for node in nodes}

    def merge(name: str, other: str) -> None:
        joined = piece[name] | piece[other]
        for member in joined:
            piece[member] = joined

    for node in nodes:
        if is_view(node):
            merge(node.name, source(node.name))
        elif fused and isinstance(node.op, BatchNormalization | ReLU | Activation | Rescaling | Add | Multiply):
            if isinstance(node.op, Add | Multiply) and node.name == source(nodes[-1].name):
                continue
            for name in map(source, node.inputs):
                image = isinstance(trace.graph.node(name).op, Input)
                if not image and read_once(name) and sizes[name] == sizes[node.name]:
                    merge(node.name, name)
                    break
    held = set()
    for members in piece.values():
        used = [i for i, node in enumerate(nodes) if node.name in members or members & set(node.inputs)]
        if min(used) <= step <= max(used):
            held.add(frozenset(members))
    return held


@given(branched(), st.booleans())
def test_agrees_with_a_simulation_from_the_definitions(graph: Graph, fused: bool) -> None:
    trace = verify(graph)
    found = memory(trace, fused=fused, bytes_per_element=1)

    def bytes_of(members: frozenset[str]) -> int:
        # The first to write it says how large it is; a folded padding never does.
        return next(prod(row.output) for row in trace if row.name in members)

    alive = [sum(bytes_of(members) for members in pieces_in_use(trace, step, fused)) for step in range(len(trace.rows))]
    assert [layer.alive_bytes for layer in found.per_layer] == alive
    assert found.peak_bytes == max(alive) == sum(tensor.bytes for tensor in found.alive)
    step = alive.index(max(alive))
    assert found.peak_layer == trace.rows[step].name
    at_peak = pieces_in_use(trace, step, fused)
    assert len(found.alive) == len(at_peak)
    assert all(any(tensor.layer in members for members in at_peak) for tensor in found.alive)


@given(branched())
def test_what_holds_on_any_graph(graph: Graph) -> None:
    trace = verify(graph)
    fused, unfused = memory(trace), memory(trace, fused=False)
    assert fused.peak_bytes <= unfused.peak_bytes
    assert fused.peak_bytes == 4 * memory(trace, bytes_per_element=1).peak_bytes
    assert unfused.peak_bytes <= sum(layer.bytes for layer in unfused.per_layer)
    # Renaming changes nothing but names.
    names = {node.name: f"n{number}" for number, node in enumerate(graph.nodes)}
    renamed = [
        replace(node, name=names[node.name], inputs=tuple(names[name] for name in node.inputs)) for node in graph.nodes
    ]
    again = memory(verify(Graph(tuple(renamed))))
    assert [
        replace(layer, layer=names[layer.layer], storage=names[layer.storage]) for layer in fused.per_layer
    ] == list(again.per_layer)
    assert tuple(replace(tensor, layer=names[tensor.layer]) for tensor in fused.alive) == again.alive


def test_weights() -> None:
    trace = verify(build(parse_spec(STUDY_CUT)))
    assert [weight_bytes(trace, dtype) for dtype in DTYPES] == [4 * 572_066, 2 * 572_066, 572_066]


def test_training() -> None:
    # conv 48, norm 48, relu 48, pad 75, window 12, pool 3, dropout 3, dense 5 behind an image of 32: 274 elements.
    # Weights: conv 54, norm 6 + 6 that no gradient trains, window 27, dense 20.
    assert training_memory(CHAIN, batch=10, optimizer_slots=2) == TrainingMemory(
        10, 10 * 274 * 4, 113 * 4, 107 * 4, 2 * 107 * 4
    )
    assert training_memory(CHAIN, batch=1).total_bytes == 4 * (274 + 113 + 107 + 107)
    viewed = network((2, 2, 1), flat=(Reshape(shape=(4,)), "image"), dense=(Dense(units=1, use_bias=False), "flat"))
    assert training_memory(viewed, batch=1, optimizer_slots=0).total_bytes == 4 * (4 + 1 + 4 + 4)
    with pytest.raises(TrainingError, match="batch 0 holds no image; take a batch of at least 1"):
        training_memory(CHAIN, batch=0)
    with pytest.raises(TrainingError, match="-1 optimizer slots"):
        training_memory(CHAIN, batch=1, optimizer_slots=-1)
