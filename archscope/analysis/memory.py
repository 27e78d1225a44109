"""Memory: what the activations need at once by liveness, what the weights need, and what a training needs.

Figures are for one image unless a batch is given, in bytes, and hold tensors alone: scratch space of kernels, alignment
and the runtime itself come on top.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from archscope.errors import TrainingError
from archscope.graph import (
    Conv2D,
    DepthwiseConv2D,
    Flatten,
    Graph,
    Identity,
    Node,
    Reshape,
    Row,
    SeparableConv2D,
    Shape,
    Trace,
    ZeroPadding2D,
)

Dtype = Literal["float32", "float16", "int8"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
BYTES: Mapping[Dtype, int] = {"float32": 4, "float16": 2, "int8": 1}
"""Bytes of one element."""


_CONVOLUTIONS = (Conv2D, DepthwiseConv2D, SeparableConv2D)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A piece of memory at one moment, named after the layer that wrote to it last."""

    layer: str
    shape: Shape
    bytes: int


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """What one layer takes.

    `bytes` is the memory it adds: 0 where its output lies in the memory of `storage`, an earlier layer (its own name
    otherwise). `alive_bytes` is all that lives while it runs: what it reads, what it writes, and what waits for others.
    """

    layer: str
    storage: str
    bytes: int
    alive_bytes: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Activation memory of a network: per layer in the trace's order, the peak, and the tensors alive there."""

    fused: bool
    bytes_per_element: int
    per_layer: tuple[LayerMemory, ...]
    peak_bytes: int
    peak_layer: str
    alive: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """What a training step holds, in bytes: activations for a batch, weights, gradients, optimizer slots."""

    batch: int
    activation_bytes: int
    weight_bytes: int
    gradient_bytes: int
    slot_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.activation_bytes + self.weight_bytes + self.gradient_bytes + self.slot_bytes


def memory(trace: Trace, *, fused: bool = True, bytes_per_element: int = 4) -> Memory:
    """Activation memory by liveness over the execution order, which is the graph's; of equal peaks the first.

    A tensor lives from the layer that writes it to the last layer that reads it; while a layer runs, what it reads and
    what it writes are both alive. The image counts until its last reader; the output lives to the end. Dropout (at
    inference) and Reshape are views.

    Unfused, every other layer has a tensor of its own. Fused:

    - A norm, an activation or a rescaling is folded into the layer it alone reads: one tensor. Where someone else reads
      that layer too, as a residual around a pre-activation does, both tensors exist. The image is never written over.
    - Zero padding that convolutions alone read is folded: they pad while they read. Any other padding is a copy.
    - Add and Multiply write over their first input of the output's size that nobody else reads, except where they
      are the network's output. That is LiteRT's rule (tensorflow/lite/arena_planner.cc, InputTensorCanBeShared), and
      why a gated map lives twice: the gate's branch read it as well.

    LiteRT keeps the image alive to the end, so its tensors take this peak and the image. It also gives an activation
    beyond ReLU and ReLU6 a tensor of its own, and copies for padding that is not what "same" would pad.
    """
    values = _values(trace.graph, fused)
    storage = _storage(trace, values, fused)
    sizes = {row.name: prod(row.output) * bytes_per_element for row in trace if storage[row.name] == row.name}
    born, dies = _lifetimes(trace.graph, storage)
    layers = [
        LayerMemory(row.name, storage[row.name], sizes.get(row.name, 0), alive)
        for row, alive in zip(trace, _alive(trace, sizes, dies), strict=True)
    ]

    peak = max(range(len(layers)), key=lambda step: layers[step].alive_bytes)
    writers = {storage[row.name]: row for row in trace.rows[: peak + 1] if values[row.name] == row.name}
    tensors = tuple(
        Tensor(writers[name].name, writers[name].output, sizes[name])
        for name in born
        if born[name] <= peak <= dies[name]
    )
    return Memory(fused, bytes_per_element, tuple(layers), layers[peak].alive_bytes, layers[peak].layer, tensors)


def alive_bytes(trace: Trace, *, bytes_per_element: int = 4) -> list[int]:
    """The bytes that live while each layer runs, fused, in the trace's order; their maximum is `memory`'s peak.

    This alone may be asked of a trace over NumPy arrays.
    """
    storage = _storage(trace, _values(trace.graph, True), True)
    sizes = {row.name: prod(row.output) * bytes_per_element for row in trace if storage[row.name] == row.name}
    return list(_alive(trace, sizes, _lifetimes(trace.graph, storage)[1]))


def _alive(trace: Trace, sizes: Mapping[str, int], dies: Mapping[str, int]) -> Iterator[int]:
    freed: defaultdict[int, int] = defaultdict(int)
    for name, step in dies.items():
        freed[step] += sizes[name]
    alive = 0
    for step, row in enumerate(trace):
        alive = alive + sizes.get(row.name, 0)
        yield alive
        # No `-=`: an array that was handed out is not to change.
        alive = alive - freed[step]


def weight_bytes(trace: Trace, dtype: Dtype = "float32") -> int:
    """Every parameter, moving statistics included, as one element of `dtype`.

    A deployed file differs a little: norms are folded into their convolutions, and int8 files keep biases as int32.
    """
    return trace.params * BYTES[dtype]


def training_memory(trace: Trace, batch: int, optimizer_slots: int = 1) -> TrainingMemory:
    """An estimate in float32 for one step of plain backpropagation, without recomputation or fusing.

    Assumed: every layer's output is kept from the forward pass for the backward pass, for the whole batch (Chen et al.
    2016, arXiv:1604.06174: memory linear in the number of layers); Dropout keeps one too, Reshape is a view.
    A gradient of an activation takes the place of the activation it has used up, so it is not counted again. Gradients
    and `optimizer_slots` (SGD with momentum 1, Adam 2) are as large as the trainable weights each.

    Raises TrainingError for a batch below 1 or a negative number of slots.
    """
    if batch < 1:
        raise TrainingError(f"batch {batch} holds no image", "take a batch of at least 1")
    if optimizer_slots < 0:
        raise TrainingError(f"{optimizer_slots} optimizer slots", "an optimizer has 0 (plain SGD) or more, Adam has 2")
    kept = sum(prod(row.output) for row in trace if not isinstance(row.node.op, (Reshape, Flatten, Identity)))
    trainable = trace.trainable_params * BYTES["float32"]
    return TrainingMemory(
        batch=batch,
        activation_bytes=batch * kept * BYTES["float32"],
        weight_bytes=weight_bytes(trace),
        gradient_bytes=trainable,
        slot_bytes=trainable * optimizer_slots,
    )


def _values(graph: Graph, fused: bool) -> dict[str, str]:
    """For each layer the layer whose values its readers get: itself, or what it is a view of."""
    views = _folded_padding(graph) if fused else frozenset()
    values: dict[str, str] = {}
    for node in graph.nodes:
        is_view = node.op.role == "views" or node.name in views
        values[node.name] = values[node.inputs[0]] if is_view else node.name
    return values


def _folded_padding(graph: Graph) -> frozenset[str]:
    """Padding layers that convolutions, or other such padding layers, alone read."""
    readers: defaultdict[str, list[Node]] = defaultdict(list)
    folded: set[str] = set()
    for node in reversed(graph.nodes):
        # Pooling does not count padded positions: zeros in the map are not the same to it.
        pads = [isinstance(reader.op, _CONVOLUTIONS) or reader.name in folded for reader in readers[node.name]]
        if isinstance(node.op, ZeroPadding2D) and pads and all(pads):
            folded.add(node.name)
        for name in node.inputs:
            readers[name].append(node)
    return frozenset(folded)


def _storage(trace: Trace, values: Mapping[str, str], fused: bool) -> dict[str, str]:
    """For each layer the layer whose memory its output lies in."""
    written = [row for row in trace if values[row.name] == row.name]
    reads = Counter(values[name] for row in written for name in row.node.inputs)
    free = frozenset(name for name, count in reads.items() if count == 1) - {trace.rows[0].name}
    output = values[trace.rows[-1].name]
    storage: dict[str, str] = {}
    for row in trace:
        value = values[row.name]
        if value != row.name:
            storage[row.name] = storage[value]
            continue
        role = row.node.op.role
        overwrites = fused and (role == "folds" or (role == "in place" and row.name != output))
        over = _first_of_its_size(row, values, free) if overwrites else None
        storage[row.name] = row.name if over is None else storage[over]
    return storage


def _first_of_its_size(row: Row, values: Mapping[str, str], free: frozenset[str]) -> str | None:
    """The first of a layer's inputs that is free to be written over and as large as its output."""
    for name, shape in zip(row.node.inputs, row.inputs, strict=True):
        if values[name] in free and _same(prod(shape), prod(row.output)):
            return values[name]
    return None


def _same(size: int, other: int) -> bool:
    """Whether two tensors are as large as each other. Over arrays, all candidates agree: they share their maps, and
    what may be written over has the channels of the output or another map."""
    same = size == other
    return same if isinstance(same, bool) else bool(same.all())


def _lifetimes(graph: Graph, storage: Mapping[str, str]) -> tuple[dict[str, int], dict[str, int]]:
    """The step that first writes each storage, and the last that writes or reads it."""
    born: dict[str, int] = {}
    dies: dict[str, int] = {}
    for step, node in enumerate(graph.nodes):
        born.setdefault(storage[node.name], step)
        for name in (*node.inputs, node.name):
            dies[storage[name]] = step
    return born, dies
