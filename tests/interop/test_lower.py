"""Differential tests: our graphs, and the models they lower to, against keras.applications and hand-made Keras surgery.

A configuration is drawn by its number alone, so that a failure can be repeated: `pytest -k chunk_07`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from keras_twins import TOLERANCE, copy_weights, difference, of_graph, of_keras, randomise

from archscope.design import DEFAULT, Design, build, format_spec, parse_spec
from archscope.errors import GraphError
from archscope.graph import Op, verify
from archscope.interop import lower as lower_module
from archscope.interop.lower import lower

if TYPE_CHECKING:
    import keras

CHUNKS, CHUNK_SIZE = 20, 11


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    import keras

    yield
    keras.backend.clear_session()


def configuration(number: int) -> Design:
    """The design of that number: any width, size and head that Keras takes."""
    random = Random(number)
    model = random.choice(["mobilenet_v1", "mobilenet_v2"])
    height = random.randint(32, 256)
    width = height if random.random() < 0.4 else random.randint(32, 256)
    arguments: dict[str, object] = {
        "alpha": random.choice([round(random.uniform(0.05, 2), 3), random.choice([0.25, 0.35, 0.5, 0.75, 1.0, 1.4])]),
        "classes": random.choice([1, 2, 10, 100, 1000]),
        "top": random.random() < 0.7,
    }
    if model == "mobilenet_v1":
        arguments["depth_multiplier"] = random.choice([1, 1, 2, 3])
        arguments["dropout"] = random.choice([0.001, 0.2, 0.5])
    return DEFAULT.having(model, (height, width, random.choice([1, 3, 3, 4])), arguments)


def in_keras(design: Design) -> keras.Model:
    """The same configuration from keras.applications, with fresh weights."""
    import keras

    arguments: dict[str, Any] = dict(design.arguments)
    top = arguments.pop("top")
    if design.model == "mobilenet_v2":
        arguments.pop("dropout")
    build_model = {"mobilenet_v1": keras.applications.MobileNet, "mobilenet_v2": keras.applications.MobileNetV2}
    with warnings.catch_warnings():
        # Keras remarks on four channels, and builds them.
        warnings.filterwarnings(
            "ignore", message="This model usually expects 1 or 3 input channels", category=UserWarning
        )
        return build_model[design.model](input_shape=design.input, weights=None, include_top=top, **arguments)


@pytest.mark.parametrize("chunk", [pytest.param(n, id=f"chunk_{n:02}") for n in range(CHUNKS)])
def test_random_configurations_are_layer_for_layer_keras(chunk: int) -> None:
    for number in range(chunk * CHUNK_SIZE, (chunk + 1) * CHUNK_SIZE):
        design = configuration(number)
        theirs, graph = in_keras(design), build(design)
        assert of_graph(graph) == of_keras(theirs), format_spec(design)
        assert verify(graph).params == theirs.count_params()


def test_the_configurations_cover_what_they_should() -> None:
    designs = [configuration(number) for number in range(CHUNKS * CHUNK_SIZE)]
    assert len(set(designs)) >= 200
    assert {design.input[2] for design in designs} == {1, 3, 4}
    assert any(design.input[0] != design.input[1] for design in designs)
    assert any(design.input[0] % 2 and design.input[1] % 2 for design in designs)
    alphas = [design.arguments["alpha"] for design in designs]
    assert min(alphas) < 0.1
    assert max(alphas) > 1.9
    for name, values in {"top": {True, False}, "depth_multiplier": {1, 2, 3}}.items():
        assert {design.arguments[name] for design in designs if name in design.arguments} == values
    assert {design.model for design in designs} == {"mobilenet_v1", "mobilenet_v2"}


@pytest.mark.parametrize("number", range(1000, 1012))
def test_copied_weights_give_the_same_outputs(number: int) -> None:
    import keras

    keras.utils.set_random_seed(number)
    rng = np.random.default_rng(number)
    drawn = configuration(number)
    design = drawn.having(input=(drawn.input[0] % 65 + 32, drawn.input[1] % 65 + 32, drawn.input[2]))
    theirs, ours = in_keras(design), lower(build(design))
    assert of_keras(ours) == of_keras(theirs)
    randomise(theirs, rng)
    copy_weights(theirs, ours)
    assert difference(ours, theirs, rng) <= TOLERANCE, format_spec(design)


@pytest.mark.parametrize("spec", ["mobilenet_v2@64,alpha=0.35", "mobilenet_v1@64,alpha=0.25"])
def test_every_weight_matters_to_the_comparison(spec: str) -> None:
    """A positive control: every other channel of any weight, moved by a half, is more than the tolerance takes."""
    import keras

    keras.utils.set_random_seed(0)
    design = parse_spec(spec)
    theirs, ours = in_keras(design), lower(build(design))
    rng = np.random.default_rng(0)
    randomise(theirs, rng)
    copy_weights(theirs, ours)
    for weight in list(ours.weights)[::11]:
        before = weight.numpy()
        changed = before.copy()
        changed[..., ::2] += 0.5
        weight.assign(changed)
        assert difference(ours, theirs, rng) > TOLERANCE, weight.path
        weight.assign(before)
    assert difference(ours, theirs, rng) <= TOLERANCE


# Surgery by hand, with Keras alone.


def with_changes(model: keras.Model, changes: dict[str, dict[str, object]]) -> keras.Model:
    """The model rebuilt from its own configuration with some layers' arguments changed."""
    config = model.get_config()
    changed = [layer["config"].update(changes[layer["name"]]) for layer in config["layers"] if layer["name"] in changes]
    assert len(changed) == len(changes)
    return type(model).from_config(config)


def cut_at(model: keras.Model, layer: str, units: int | None = None, dropout: float = 0.0) -> keras.Model:
    """The model up to `layer`, and a head on it: the study's where there are units."""
    from keras import Model, layers

    x = model.get_layer(layer).output
    if units:
        x = layers.Conv2D(units, 1, padding="same", name="head_conv")(x)
        x = layers.BatchNormalization(name="head_bn")(x)
        x = layers.ReLU(name="head_relu")(x)
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="head_dropout")(x)
    return Model(model.input, layers.Dense(10, activation="softmax", name="head_dense")(x))


SYMMETRIC: dict[str, object] = {"padding": ((1, 1), (1, 1))}
STRIDE_1: dict[str, object] = {"strides": (1, 1)}
STEM = {"Conv1": STRIDE_1}
BLOCK_1 = {"block_1_pad": SYMMETRIC, "block_1_depthwise": STRIDE_1}
BLOCK_13 = {"block_13_pad": SYMMETRIC, "block_13_depthwise": STRIDE_1}
V1_LAST = {"conv_pad_12": SYMMETRIC, "conv_dw_12": STRIDE_1}


@pytest.mark.parametrize(
    ("spec", "by_hand"),
    [
        ("mobilenet_v2@32+cut:block_12_add", lambda m: cut_at(m, "block_12_add")),
        ("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000", lambda m: cut_at(m, "block_12_add", 1000, 0.2)),
        (
            "mobilenet_v2@33x47x1,alpha=0.35+cut:block_7_expand_relu+head:9,dropout=0.0",
            lambda m: cut_at(m, "block_7_expand_relu", 9),
        ),
        ("mobilenet_v1@32,alpha=0.5+cut:block_11+head:64", lambda m: cut_at(m, "conv_pw_11_relu", 64, 0.2)),
        ("mobilenet_v2@32,alpha=0.5+stride:stem,to=1", lambda m: with_changes(m, STEM)),
        ("mobilenet_v2@32,alpha=0.5+stride:block_13,to=1", lambda m: with_changes(m, BLOCK_13)),
        ("mobilenet_v2@35x50,alpha=0.35+stride:block_1,to=1", lambda m: with_changes(m, BLOCK_1)),
        ("mobilenet_v1@32,alpha=0.25+stride:conv_dw_12,to=1", lambda m: with_changes(m, V1_LAST)),
        (
            "mobilenet_v2@32,alpha=0.9+stride:stem,to=1+stride:block_1,to=1+cut:block_12_add+head:1000",
            lambda m: cut_at(with_changes(m, STEM | BLOCK_1), "block_12_add", 1000, 0.2),
        ),
    ],
)
def test_surgery_is_what_one_does_by_hand_in_keras(spec: str, by_hand: Callable[[keras.Model], keras.Model]) -> None:
    import keras

    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    design = parse_spec(spec)
    base, graph = in_keras(design.having(edits=[])), build(design)
    theirs, ours = by_hand(base), lower(graph)
    assert of_keras(theirs) == of_keras(ours) == of_graph(graph)
    randomise(theirs, rng)
    copy_weights(theirs, ours)
    assert difference(ours, theirs, rng) <= TOLERANCE


# Lowering itself.


def test_the_preprocessing_is_inside() -> None:
    import keras

    model = lower(build(parse_spec("mobilenet_v2@32,alpha=0.1")), name="mine")
    assert model.name == "mine"
    assert [layer.name for layer in model.layers[:2]] == ["input", "preprocess"]
    pixels = np.arange(256, dtype="float32")
    rescaled = keras.ops.convert_to_numpy(model.get_layer("preprocess")(pixels))
    np.testing.assert_allclose(rescaled, pixels / 127.5 - 1, atol=2e-7)


def test_a_bare_body_keeps_its_map() -> None:
    model = lower(build(parse_spec("mobilenet_v2@32,alpha=0.1+cut:block_3+head:none")))
    assert model.output_shape == (None, 4, 4, 8)


def test_a_dropout_that_keras_lacks_stands_before_the_classifier() -> None:
    model = lower(build(parse_spec("mobilenet_v2@32,alpha=0.1,dropout=0.5")))
    assert [layer.name for layer in model.layers[-2:]] == ["dropout", "predictions"]
    assert model.get_layer("dropout").rate == 0.5


def test_sizes_that_keras_refuses_build_too() -> None:
    assert lower(build(parse_spec("mobilenet_v2@5x3x2,alpha=0.1"))).output_shape == (None, 10)


def test_a_layer_that_is_not_what_the_op_table_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = lower_module.config_of

    def wrong(op: Op) -> tuple[str, str, dict[str, Any]]:
        module, kind, entries = right(op)
        return module, kind, entries | ({"use_bias": True} if kind == "Conv2D" else {})

    monkeypatch.setattr(lower_module, "config_of", wrong)
    with pytest.raises(GraphError, match=r"'Conv1': Keras builds the weights .*bias.*, the op table says"):
        lower(build(parse_spec("mobilenet_v2@32,alpha=0.1")))
