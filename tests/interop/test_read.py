"""A .keras file is data: what would run code, fill the memory or name foreign modules never reaches Keras."""

from __future__ import annotations

import copy
import json
import marshal
import zipfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from archscope.configs.archive import MAX_CONFIG_BYTES, MAX_WEIGHTS_BYTES
from archscope.errors import RunError
from archscope.interop.export import export_keras
from archscope.interop.read import read_keras

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members(small_model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Members:
    path = tmp_path_factory.mktemp("read") / "good.keras"
    export_keras(small_model, path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: Members, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_config(members: Members, change: Callable[[Any], None]) -> Members:
    config = copy.deepcopy(json.loads(members["config.json"]))
    change(config)
    return {**members, "config.json": json.dumps(config).encode()}


def test_the_unchanged_file_is_read(members: Members, tmp_path: Path) -> None:
    assert read_keras(write(tmp_path / "good.keras", members)).count_params() == 216 + 32 + 80 + 45


def run_code(mark: Path) -> Callable[[Any], None]:
    """Put a Lambda layer with marshalled code into the network: it writes `mark` if it is ever run."""
    code = compile(f"lambda x: open({str(mark)!r}, 'w') and x", "evil", "eval").co_consts[0]
    function = {
        "class_name": "__lambda__",
        "config": {"code": b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None},
    }

    def change(config: Any) -> None:
        layer = config["config"]["layers"][1]
        layer["class_name"], layer["config"] = "Lambda", {"name": "evil", "function": function}

    return change


def test_lambda_is_refused_and_its_code_not_run(members: Members, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = write(tmp_path / "evil.keras", with_config(members, run_code(mark)))
    with pytest.raises(RunError, match=r"layer 'rescaling[_0-9]*' asks for 'keras\.layers\.Lambda'.*data, not code"):
        read_keras(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name", "registered"),
    [
        ("os", "system", None),
        ("builtins", "exec", None),
        ("keras.utils", "get_file", None),
        ("keras.config", "enable_unsafe_deserialization", None),
        ("keras.initializers", "deserialize", None),
        ("keras.layers", "TorchModuleWrapper", None),
        ("keras.layers", "TFSMLayer", None),
        ("keras.layers", "StringLookup", None),
        ("keras.layers", "Conv2D", "custom>Conv2D"),
        ("keras_evil.layers", "Conv2D", None),
        (None, "Lambda", None),
        (["keras.layers"], "Conv2D", None),
        ("keras.layers", {"class_name": "Conv2D"}, None),
    ],
)
@pytest.mark.parametrize("place", ["layer", "initializer", "activation", "deep", "model"])
def test_what_is_not_a_keras_image_layer_is_refused_anywhere(
    members: Members, tmp_path: Path, place: str, module: object, name: object, registered: object
) -> None:
    evil = {"module": module, "class_name": name, "config": {"name": "x"}, "registered_name": registered}

    def change(config: Any) -> None:
        convolution = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Conv2D")
        if place == "layer":
            convolution.update(evil)
        elif place == "initializer":
            convolution["config"]["kernel_initializer"] = evil
        elif place == "activation":
            convolution["config"]["activation"] = evil
        elif place == "deep":
            convolution["inbound_nodes"][0]["kwargs"] = {"a": [{"b": [evil]}]}
        else:
            config.update(evil)

    with pytest.raises(RunError, match="data, not code"):
        read_keras(write(tmp_path / "evil.keras", with_config(members, change)))


def test_a_compiled_file_is_read_but_its_optimizer_is_not_built(members: Members, tmp_path: Path) -> None:
    def change(config: Any) -> None:
        config["compile_config"] = {"optimizer": {"module": "os", "class_name": "system", "config": {}}, "loss": "mse"}

    model = read_keras(write(tmp_path / "compiled.keras", with_config(members, change)))
    assert not model.compiled


def test_mobilenet_v3_with_its_operations_is_read(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "v3.keras"
    keras.applications.MobileNetV3Small((32, 32, 3), weights=None, classes=3).save(path)
    assert read_keras(path).count_params() > 900_000


def test_layers_and_functions_that_keras_applications_are_made_of_are_read(tmp_path: Path) -> None:
    import keras
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    image = keras.Input((4, 4, 3))
    x = StochasticDepth(0.2)(LayerScale(0.1, 3)(image))
    x = keras.ops.tanh(keras.ops.hard_silu(keras.ops.relu6(CustomScaleLayer(0.5)([image, x]))))
    keras.Model(image, x).save(tmp_path / "own.keras")
    assert read_keras(tmp_path / "own.keras").count_params() == 3


def test_missing_truncated_and_foreign_files(members: Members, tmp_path: Path) -> None:
    good = write(tmp_path / "good.keras", members).read_bytes()
    cases = {
        "empty.keras": (b"", "not a .keras archive"),
        "text.keras": (b"hello", "not a .keras archive"),
        "half.keras": (good[: len(good) // 2], "truncated"),
        "tail.keras": (good[:-10], "truncated"),
    }
    for name, (content, said) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RunError, match=said):
            read_keras(tmp_path / name)
    with pytest.raises(RunError, match="no file"):
        read_keras(tmp_path / "absent.keras")
    with pytest.raises(RunError, match=r"not named \.keras"):
        read_keras(tmp_path / "model.h5")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(RunError, match="is no file"):
        read_keras(tmp_path / "folder.keras")


def test_damaged_inside(members: Members, tmp_path: Path) -> None:
    def refused(said: str, changed: Members) -> None:
        with pytest.raises(RunError, match=said):
            read_keras(write(tmp_path / "bad.keras", changed))

    refused("lacks model.weights.h5", {name: members[name] for name in ("config.json", "metadata.json")})
    refused("lacks config.json", {"model.weights.h5": members["model.weights.h5"]})
    refused("config.json cannot be read", {**members, "config.json": b"{"})
    refused("config.json cannot be read", {**members, "config.json": b"[" * 100_000})
    refused("config.json cannot be read", {**members, "config.json": b"\xff\xfe\xff"})
    refused("describes no model", {**members, "config.json": b"[]"})
    refused("Keras cannot rebuild", {**members, "model.weights.h5": members["model.weights.h5"][:3000]})
    refused("Keras cannot rebuild", with_config(members, lambda config: config["config"].pop("layers")))
    refused("holds '../evil.py', which no image network needs", {**members, "../evil.py": b"import os"})


def test_weights_of_another_network(members: Members, tmp_path: Path) -> None:
    def change(config: Any) -> None:
        next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")["config"]["units"] = 7

    with pytest.raises(RunError, match="Keras cannot rebuild"):
        read_keras(write(tmp_path / "other.keras", with_config(members, change)))


def test_zip_bombs(members: Members, tmp_path: Path) -> None:
    bomb = {**members, "config.json": b" " * (MAX_CONFIG_BYTES + 1)}
    path = write(tmp_path / "bomb.keras", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(RunError, match=r"config\.json unpacks to 8,388,609 bytes, and 8,388,608 is the limit"):
        read_keras(path)

    path = tmp_path / "weights.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", members["config.json"])
        with archive.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(MAX_WEIGHTS_BYTES // 2**24 + 1):
                member.write(bytes(2**24))
    with pytest.raises(RunError, match=r"model\.weights\.h5 unpacks to"):
        read_keras(path)


def test_two_members_of_one_name(members: Members, tmp_path: Path) -> None:
    path = write(tmp_path / "twice.keras", members)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", members["config.json"])
    with pytest.raises(RunError, match="two members of one name"):
        read_keras(path)
