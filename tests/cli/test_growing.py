"""Small images at the beginning of a training: which networks take them."""

from __future__ import annotations

import pytest

from archscope.cli.growing import check_growing
from archscope.design import build, parse_spec
from archscope.errors import TrainingError
from archscope.graph import HEAD, Dense, Flatten, Graph, Node, verify
from archscope.train import Recipe


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
