"""Differential tests: the zoo's networks beside MobileNetV1 and V2 against those that Keras itself builds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from keras_twins import TOLERANCE, copy_weights, of_graph, of_keras, pixels, randomise

from archscope.design import build, parse_spec
from archscope.graph import digest, verify
from archscope.interop.importing import import_model
from archscope.interop.lower import lower

if TYPE_CHECKING:
    import keras

Build = Callable[[Any], "keras.Model"]


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    """Names that Keras numbers start anew, as in a fresh session."""
    import keras

    keras.backend.clear_session()
    yield
    keras.backend.clear_session()


def efficientnet(width: float, depth: float, **arguments: Any) -> keras.Model:
    """Keras' own builder, with coefficients that none of B0 to B7 has."""
    from keras.src.applications.efficientnet import EfficientNet

    return EfficientNet(width, depth, 224, weights=None, weights_name=None, **arguments)


NETWORKS: list[tuple[str, Build]] = [
    (
        "mobilenet_v3_small@33x47,alpha=0.35,classes=7",
        lambda known: known.MobileNetV3Small((33, 47, 3), alpha=0.35, classes=7, weights=None),
    ),
    (
        "mobilenet_v3_large@32x40x1,alpha=1.25,classes=3,dropout=0.0",
        lambda known: known.MobileNetV3Large((32, 40, 1), alpha=1.25, classes=3, dropout_rate=0.0, weights=None),
    ),
    (
        "mobilenet_v3_small@32,minimalistic=true,alpha=0.5,top=false",
        lambda known: known.MobileNetV3Small(
            (32, 32, 3), minimalistic=True, alpha=0.5, include_top=False, weights=None
        ),
    ),
    (
        "efficientnet_b0@33x32,alpha=0.35,depth=0.6,dropout=0.4,classes=5",
        lambda known: efficientnet(0.35, 0.6, dropout_rate=0.4, input_shape=(33, 32, 3), classes=5),
    ),
    ("xception@71", lambda known: known.Xception(input_shape=(71, 71, 3), classes=10, weights=None)),
    (
        "inception_v3@75x80,top=false",
        lambda known: known.InceptionV3(input_shape=(75, 80, 3), include_top=False, weights=None),
    ),
]
SMALL = NETWORKS[0], NETWORKS[3]


@pytest.mark.parametrize(("spec", "in_keras"), NETWORKS, ids=[spec for spec, _ in NETWORKS])
def test_they_are_layer_for_layer_keras(spec: str, in_keras: Build) -> None:
    import keras

    theirs, graph = in_keras(keras.applications), build(parse_spec(spec))
    assert of_graph(graph) == of_keras(theirs)
    assert verify(graph).params == theirs.count_params()
    # The others read pixels from -1 to 1 in Keras, and from 0 to 255 here.
    if spec.startswith(("mobilenet_v3", "efficientnet")):
        assert digest(import_model(theirs)) == digest(graph)


@pytest.mark.parametrize(("spec", "in_keras"), SMALL, ids=[spec for spec, _ in SMALL])
def test_copied_weights_give_the_same_outputs(spec: str, in_keras: Build) -> None:
    import keras

    keras.utils.set_random_seed(5)
    rng = np.random.default_rng(5)
    theirs, graph = in_keras(keras.applications), build(parse_spec(spec))
    ours = lower(graph)
    assert digest(import_model(ours)) == digest(graph)
    randomise(theirs, rng)
    copy_weights(theirs, ours)
    images = pixels(ours, rng)
    a, b = (keras.ops.convert_to_numpy(model(images, training=False)) for model in (ours, theirs))
    assert np.ptp(b, axis=-1).min() > 0.01
    assert np.abs(a - b).max() <= TOLERANCE * np.abs(b).max()
