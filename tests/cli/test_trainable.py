"""Which networks can be trained: by what they end in, and on small images at the beginning."""

from __future__ import annotations

import pytest

from archscope.cli.trainable import check_classifier, check_growing
from archscope.design import build, parse_spec
from archscope.errors import TrainingError
from archscope.graph import HEAD, Activation, Dense, Flatten, Graph, Node, Op, Softmax, verify
from archscope.train import Recipe
from archscope.zoo import MODELS


def test_a_network_that_pools_takes_any_size_that_its_windows_fit() -> None:
    trace = verify(build(parse_spec("mobilenet_v2@32+cut:block_5_add")))
    check_growing(trace, Recipe(epochs=4, start_size=0.25))
    whole = verify(build(parse_spec("mobilenet_v2@32")))
    check_growing(whole, Recipe(epochs=4))
    # The padding in front of block_13's window is that of a 2x2 map: on one of 1x1 the window finds no place.
    with pytest.raises(TrainingError, match=r"start size is 0\.5, and at 16x16 'block_13_depthwise'.*; set a larger"):
        check_growing(whole, Recipe(epochs=4, start_size=0.5))


def test_a_classifier_of_a_flattened_map_takes_one_size() -> None:
    body = build(parse_spec("mobilenet_v2@32+cut:block_5_add")).ancestors("block_5_add")
    flat = (
        Node("flat", Flatten(), ("block_5_add",), HEAD, HEAD),
        Node("classes", Dense(units=3), ("flat",), HEAD, HEAD),
    )
    with pytest.raises(TrainingError, match=r"at 16x16 'classes' would have other weights; set --start-size 1"):
        check_growing(verify(Graph((*body.nodes, *flat))), Recipe(epochs=4, start_size=0.5))


@pytest.mark.parametrize(
    ("ends", "trained"),
    [
        ((Dense(units=3, activation="softmax"),), True),
        ((Dense(units=3), Softmax()), True),
        ((Dense(units=3), Activation(function="softmax"), Activation(function="linear"), Flatten()), True),
        ((Dense(units=3),), False),
        ((Dense(units=3, activation="sigmoid"),), False),
        ((Dense(units=3), Activation(function="log_softmax")), False),
    ],
)
def test_what_gives_scores_and_no_chances_is_refused(ends: tuple[Op, ...], trained: bool) -> None:
    graph = build(parse_spec("mobilenet_v2@32+cut:block_5_add+head:none"))
    nodes, before = [Node("flat", Flatten(), (graph.output.name,), HEAD, HEAD)], "flat"
    for number, op in enumerate(ends):
        nodes.append(Node(f"end_{number}", op, (before,), HEAD, HEAD))
        before = nodes[-1].name
    trace = verify(Graph((*graph.nodes, *nodes)))
    if trained:
        check_classifier("net", trace, 3)
        return
    with pytest.raises(TrainingError, match=r"^net ends in 'end_\d' without a softmax, .*`archscope head plain`"):
        check_classifier("net", trace, 3)


def test_every_network_of_the_zoo_is_a_classifier() -> None:
    for model in MODELS:
        check_classifier(model, verify(build(parse_spec(f"{model}@96"))), 10)
