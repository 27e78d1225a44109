"""Take the head off, put another on."""

from __future__ import annotations

from collections.abc import Iterable

from archscope.errors import SurgeryError
from archscope.graph import (
    HEAD,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    Node,
    Op,
    ReLU,
    verify,
)

DEFAULT_DROPOUT = 0.2


def without_head(graph: Graph) -> Graph:
    """The bare body."""
    body = graph.body
    return graph.ancestors(body[-1].name) if graph.has_head else graph


def plain_head(graph: Graph, classes: int) -> Graph:
    """The body with global pooling and a dense softmax of `classes` units."""
    return _with_head(graph, [("head_pool", GlobalAveragePooling2D()), *_classifier(classes)])


def conv_head(graph: Graph, units: int, classes: int, dropout: float = DEFAULT_DROPOUT) -> Graph:
    """The body with the study's head: 1x1 conv of `units` (with bias), BN, ReLU, global pooling, dropout, dense.

    A dropout of 0 leaves the dropout layer out. Raises SurgeryError for units or dropout out of range.
    """
    if units < 1:
        raise SurgeryError(f"units={units}: a head has at least 1 unit", "the study's has 1000")
    if not 0 <= dropout < 1:
        raise SurgeryError(f"dropout={dropout}: dropout is from 0 up to, not including, 1", "the default is 0.2")
    layers: list[tuple[str, Op]] = [
        ("head_conv", Conv2D(filters=units, kernel=(1, 1), use_bias=True)),
        ("head_bn", BatchNormalization()),
        ("head_relu", ReLU()),
        ("head_pool", GlobalAveragePooling2D()),
    ]
    if dropout:
        layers.append(("head_dropout", Dropout(rate=dropout)))
    return _with_head(graph, [*layers, *_classifier(classes)])


def _classifier(classes: int) -> list[tuple[str, Op]]:
    return [("head_dense", Dense(units=classes, activation="softmax"))]


def _with_head(graph: Graph, layers: Iterable[tuple[str, Op]]) -> Graph:
    body = without_head(graph)
    nodes, before = [], body.output.name
    for name, op in layers:
        nodes.append(Node(name, op, (before,), HEAD, HEAD))
        before = name
    return verify(body.extended(nodes)).graph
