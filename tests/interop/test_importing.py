"""Live models and `.keras` files become the graphs that they are; and graphs come back from what they lower to."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from imports import check_import

from archscope.design import build, parse_spec
from archscope.errors import ArchscopeError, GraphError
from archscope.graph import Opaque, Weight, digest, verify
from archscope.interop.importing import import_model
from archscope.interop.lower import lower
from archscope.zoo import find_model

# Keras reads a variable with np.array(copy=False), which TensorFlow's variables do not implement.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    import keras

    yield
    keras.backend.clear_session()


@pytest.mark.parametrize(
    "spec",
    [
        "mobilenet_v1@32,alpha=0.25,depth_multiplier=2",
        "mobilenet_v2@40x33x1,alpha=0.35",
        "mobilenet_v2@32,alpha=0.35+cut:block_5_add+head:16+stride:Conv1,to=1+upsample:2,by=transpose",
    ],
)
def test_what_we_lower_comes_back(spec: str, tmp_path: Path) -> None:
    graph = build(parse_spec(spec))
    model = lower(graph)
    assert digest(import_model(model)) == digest(graph)
    path = tmp_path / "net.keras"
    model.save(path)
    again = build(parse_spec(str(path)))
    assert digest(again) == digest(graph)
    assert [node.name for node in again.nodes] == [node.name for node in graph.nodes]


BLOCKS = {
    "MobileNetV3Small": ["input", "conv", "expanded_conv_depthwise", "expanded_conv_squeeze_excite_mul"],
    "EfficientNetB0": ["input", "stem_conv", "block1a", "block2a"],
    "ConvNeXtTiny": [
        "input",
        "convnext_tiny_stem_conv",
        "convnext_tiny_stage_0_block_0",
        "convnext_tiny_stage_0_block_1",
    ],
}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MobileNetV3Small", {"input_shape": (33, 47, 3), "minimalistic": False, "dropout_rate": 0.0}),
        ("EfficientNetB0", {"input_shape": (32, 32, 3), "classes": 7}),
        ("ConvNeXtTiny", {"input_shape": (32, 32, 3), "classes": 3}),
    ],
)
def test_keras_applications(name: str, arguments: dict[str, Any]) -> None:
    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(keras.applications, name)(weights=None, **arguments)
    check_import(model)
    blocks = list(import_model(model).blocks)
    assert blocks[:4] == BLOCKS[name]
    assert blocks[-1] == "head"


def odd_model() -> Any:
    """A network with a Lambda and a layer of the user's own, one of them in a model of its own."""
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Mine(keras.layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.scale = self.add_weight(name="scale", shape=(shape[-1],))
            self.shift = self.add_weight(name="shift", shape=(2, 3), trainable=False)

        def call(self, x: Any) -> Any:
            return x[:, ::2, ::2] * self.scale

        def compute_output_shape(self, shape: Any) -> Any:
            return (shape[0], -(-shape[1] // 2), -(-shape[2] // 2), shape[3])

    layers = keras.layers
    inner = keras.Sequential([layers.Input((16, 16, 4)), layers.Conv2D(4, 3, name="c"), Mine(name="own")], name="inner")
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="a")(image)
    x = layers.Lambda(lambda t: t * 2, output_shape=(16, 16, 4), name="twice")(x)
    x = inner(x)
    x = Mine(name="own2")(x)
    x = layers.Conv2D(5, 1, name="b")(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


def test_layers_without_a_rule_keep_their_shapes_and_weights(tmp_path: Path) -> None:
    model = odd_model()
    live = import_model(model)
    assert {node.name for node in live.nodes if isinstance(node.op, Opaque)} == {"twice", "own", "own2"}
    assert verify(live).params == model.count_params()
    own = live.node("own2").op
    assert isinstance(own, Opaque)
    assert own.weights == (Weight("scale", (4,)), Weight("shift", (2, 3), trainable=False))

    path = tmp_path / "odd.keras"
    model.save(path)
    read = build(parse_spec(str(path)))
    assert verify(read).params == model.count_params()
    assert [row.output for row in verify(read)] == [row.output for row in verify(live)]
    kinds = [row.node.kind for row in verify(read).uncounted]
    assert kinds == ["Lambda", "Mine", "Mine"]


def test_functions_of_live_models_keep_their_settings() -> None:
    """Each is the op that computes the same, or a layer without a rule; never a neighbour of its name."""
    import keras
    import numpy as np

    ops = keras.ops
    functions = {
        "softmax_of_rows": (lambda x: ops.softmax(x, axis=1), True),
        "softmax": (lambda x: ops.softmax(x), False),
        "gelu_approximated": (lambda x: ops.gelu(x), True),
        "gelu": (lambda x: ops.gelu(x, approximate=False), False),
        "elu": (lambda x: ops.elu(x, alpha=0.3), False),
        "leaky_relu": (lambda x: ops.leaky_relu(x, negative_slope=0.4), False),
        "celu": (lambda x: ops.celu(x, alpha=0.3), True),
        "log_softmax": (lambda x: ops.log_softmax(x), False),
        "hard_tanh": (lambda x: ops.hard_tanh(x), False),
        "tanh": (lambda x: ops.tanh(x), False),
        "mean": (lambda x: ops.mean(x, axis=(1, 2), keepdims=True), False),
        "mean_of_rows": (lambda x: ops.mean(x, axis=1, keepdims=True), True),
        "one_minus": (lambda x: 1.0 - x, False),
        "joined": (lambda x: ops.concatenate([x, ops.relu(x)], axis=-1), False),
    }
    pictures = np.random.default_rng(0).normal(0, 2, (2, 4, 4, 6)).astype("float32")
    for name, (function, opaque) in functions.items():
        image = keras.Input((4, 4, 6))
        model = keras.Model(image, keras.layers.Identity()(function(image)))
        graph = import_model(model)
        assert any(isinstance(node.op, Opaque) for node in graph.nodes) == opaque, name
        if not opaque:
            theirs, ours = (np.asarray(ops.convert_to_numpy(net(pictures))) for net in (model, lower(graph)))
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6, err_msg=name)


def test_a_subclassed_model_is_refused() -> None:
    import keras

    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(GraphError, match="a Own does not record what its layers read"):
        import_model(Own())


def test_a_file_has_its_own_size_and_classes(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    lower(build(parse_spec("mobilenet_v2@32x64x1,alpha=0.35,classes=7"))).save(path)
    model = find_model(str(path))
    assert model.input == (32, 64, 1)
    assert model.argument("classes").default == 7
    design = parse_spec(f"{path},classes=3")
    assert verify(build(design)).output == (3,)
    resized = parse_spec(f"{path}@64x32x1")
    expected = build(parse_spec("mobilenet_v2@64x32x1,alpha=0.35,classes=7"))
    assert digest(build(resized)) == digest(expected)
    assert verify(build(resized)).macs == verify(expected).macs


def test_a_file_without_a_size_is_read_for_any(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "net.keras"
    image = keras.Input((None, None, 1))
    keras.Model(image, keras.layers.Conv2D(4, 3)(image)).save(path)
    assert verify(build(parse_spec(str(path)))).output == (222, 222, 4)
    assert find_model(str(path)).any_size
    assert verify(build(parse_spec(f"{path}@32x16x1"))).output == (30, 14, 4)


def test_a_damaged_file_ends_in_a_sentence(tmp_path: Path) -> None:
    """Bits flipped, ends cut off, bytes of the configuration exchanged: a graph, or one clear error, never more."""
    whole, damaged = tmp_path / "odd.keras", tmp_path / "damaged.keras"
    odd_model().save(whole)
    content, random = whole.read_bytes(), Random(0)
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    said = []
    for number in range(300):
        if number % 3 == 0:
            flipped = bytearray(content)
            for _ in range(random.randint(1, 4)):
                flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
            damaged.write_bytes(flipped)
        elif number % 3 == 1:
            damaged.write_bytes(content[: random.randrange(len(content))])
        else:
            config = members["config.json"].decode()
            at = random.choice([match.start() for match in re.finditer(r'[\[{",:0-9]', config)])
            other = random.choice(["null", "-1", "1e99", '"x"', "[]", "{}", "9" * 30, "true", ""])
            end = at + len(re.match(r'[0-9]+|"[^"]*"|.', config[at:], re.DOTALL)[0])  # type: ignore[index]
            with zipfile.ZipFile(damaged, "w") as archive:
                for name, part in members.items():
                    archive.writestr(name, (config[:at] + other + config[end:]).encode() if "config" in name else part)
        try:
            verify(build(parse_spec(str(damaged))))
        except ArchscopeError as error:
            said.append(str(error))
    assert 100 < len(said) < 300
    assert max(map(len, said)) < 1000
