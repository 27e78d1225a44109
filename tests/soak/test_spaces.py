"""Every default space: a thousand random members against the trace of the built graph, a hundred against Keras' count.

Not part of the default suite: `pytest tests/soak/test_spaces.py` (half an hour on two quiet cores).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archscope.design import build, parse_spec
from archscope.graph import verify
from archscope.search.search import plan
from archscope.search.vary import default_space
from archscope.zoo import MODELS

sys.path.append(str(Path(__file__).parents[1] / "search"))
from test_price import check, members

SPECS = [f"{model}@96" if model == "inception_v3" else model for model in MODELS]
"""InceptionV3's windows do not fit into 32x32."""


@pytest.mark.parametrize("spec", SPECS)
def test_members_cost_what_their_networks_cost(spec: str) -> None:
    space = default_space(parse_spec(spec))
    assert 10**6 <= plan(space).size <= 10**8
    for one in members(space, 1000, 20):
        check(space, one)


@pytest.mark.parametrize("spec", SPECS)
def test_keras_counts_the_same(spec: str) -> None:
    import keras

    from archscope.interop.lower import lower

    space = default_space(parse_spec(spec))
    for one in members(space, 100, 20):
        model = lower(verify(build(parse_spec(one.spec(space)))).graph)
        trainable = sum(weight.value.shape.num_elements() for weight in model.trainable_weights)
        assert (model.count_params(), trainable) == (one.figures["params"], one.figures["trainable_params"])
        keras.backend.clear_session()
