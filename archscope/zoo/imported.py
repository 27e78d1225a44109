"""Models that come from elsewhere: a `.keras` file, by its path, and keras.applications, as `keras:NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from archscope.configs import AnySizeError, graph_of, read_config, recorded_weights
from archscope.configs.applications import NATIVE, application_config, canonical
from archscope.errors import DesignError, GraphError
from archscope.graph import (
    HEAD,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalPooling2D,
    Graph,
    Identity,
    Input,
    LayerNormalization,
    Op,
    ReLU,
    Reshape,
    Shape,
    Softmax,
    verify,
)
from archscope.zoo.mobilenet_v3 import MINIMALISTIC
from archscope.zoo.model import ALPHA, CLASSES, TOP, Argument, Model, Value, count_argument

PREFIX, SUFFIX = "keras:", ".keras"
_SIDE = 224
"""Of the images that a file is read for which takes those of any size."""

# What some of the functions take beside classes and include_top.
_MULTIPLIER = count_argument("depth_multiplier")
_OWN: Mapping[str, tuple[Argument, ...]] = {
    "MobileNet": (ALPHA, _MULTIPLIER),
    "MobileNetV2": (ALPHA,),
    "MobileNetV3Small": (ALPHA, MINIMALISTIC),
    "MobileNetV3Large": (ALPHA, MINIMALISTIC),
}


# What may stand behind a classifier, and has as many channels as it.
_HANDS_ON = (
    Activation,
    BatchNormalization,
    Dropout,
    Flatten,
    GlobalPooling2D,
    Identity,
    LayerNormalization,
    ReLU,
    Reshape,
    Softmax,
)


def is_imported(name: str) -> bool:
    """Whether the name of a model says that it comes from elsewhere."""
    return name.startswith(PREFIX) or name.endswith(SUFFIX)


def imported_model(name: str) -> Model:
    """The model behind `keras:NAME` or the path of a `.keras` file. Raises DesignError, RunError, GraphError."""
    return _application(name[len(PREFIX) :]) if name.startswith(PREFIX) else _file(name)


def _application(name: str) -> Model:
    name = canonical(name)
    side = NATIVE[name]
    return Model(
        f"{PREFIX}{name}",
        name,
        "keras.applications",
        (*_OWN.get(name, ()), CLASSES, TOP),
        lambda shape, arguments: _application_graph(name, shape, tuple(arguments.items())),
        (side, side, 3),
    )


@lru_cache(maxsize=64)
def _application_graph(name: str, shape: tuple[int, int, int], arguments: tuple[tuple[str, Value], ...]) -> Graph:
    values = dict(arguments)
    values["include_top"] = values.pop("top")
    try:
        return graph_of(application_config(name, shape, values))
    except DesignError:
        native = (NATIVE[name], NATIVE[name], shape[2])
        if native == shape:
            raise
    # Keras has a smallest input for some, below which shapes may well exist: there its native layers read the image.
    return graph_of(application_config(name, native, values), shape)


def _file(name: str) -> Model:
    return _file_model(name, _stamp(Path(name)))


@lru_cache(maxsize=16)
def _file_model(name: str, stamp: tuple[int, int]) -> Model:
    any_size = False
    try:
        own = _file_graph(name, stamp, None)
    except AnySizeError as error:
        any_size, own = True, _file_graph(name, stamp, (_SIDE, _SIDE, error.channels))
    image = own.nodes[0].op
    assert isinstance(image, Input)
    told_apart = classes_of(own)
    classes = replace(CLASSES, default=told_apart or CLASSES.default)
    own_shape = height, width, channels = image.shape

    def graph(shape: Shape, arguments: Mapping[str, Value]) -> Graph:
        read = own if shape == own_shape else _file_graph(name, stamp, shape)
        wanted = int(arguments["classes"])
        return read if told_apart in (None, wanted) else _with_classes(read, wanted)

    return Model(
        name,
        Path(name).stem,
        name,
        (classes,),
        graph,
        (height, width, channels),
        any_size,
    )


def _stamp(path: Path) -> tuple[int, int]:
    """What tells a file from the one that stood there before."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=16)
def _file_graph(name: str, stamp: tuple[int, int], shape: Shape | None) -> Graph:
    path = Path(name)
    config = read_config(path)
    try:
        return graph_of(config, shape, recorded_weights(path, config))
    except AnySizeError:
        raise
    except GraphError as error:
        raise GraphError(f"{path}: {error.message}", error.remedy) from error


def classes_of(graph: Graph) -> int | None:
    """How many classes a network tells apart; None for one that ends in a map or in bare features."""
    end = verify(graph).output
    weighs = any(node.stage == HEAD and isinstance(node.op, (Dense, Conv2D)) for node in graph.nodes)
    return end[0] if len(end) == 1 and graph.has_head and (weighs or _chances(graph.output.op)) else None


def _chances(op: Op) -> bool:
    """Whether an op makes chances of scores."""
    return isinstance(op, Softmax) or (isinstance(op, Activation) and op.function in ("softmax", "sigmoid"))


def _with_classes(graph: Graph, classes: int) -> Graph:
    """The graph whose last layer with units tells `classes` classes apart."""
    node = graph.output
    while isinstance(node.op, _HANDS_ON):
        if isinstance(node.op, Reshape):
            graph = graph.with_node(replace(node, op=Reshape(shape=(*node.op.shape[:-1], classes))))
        node = graph.node(node.inputs[0])
    if isinstance(node.op, Dense):
        return graph.with_node(replace(node, op=replace(node.op, units=classes)))
    if isinstance(node.op, Conv2D):
        return graph.with_node(replace(node, op=replace(node.op, filters=classes)))
    raise DesignError(
        f"classes={classes}: the file's network ends in the classes of a {node.kind}, which has no units to change",
        "save it up to the layer before, or with that many",
    )
