"""Models that come from elsewhere, wherever a model is named: without Keras once they are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from archscope.configs import applications
from archscope.design import build, format_spec, parse_spec
from archscope.errors import ArchscopeError, DesignError
from archscope.graph import digest, verify
from archscope.zoo import find_model, imported


def layer(kind: str, name: str, reads: str = "", **config: Any) -> dict[str, Any]:
    wire = {"class_name": "__keras_tensor__", "config": {"shape": [None, 9, 9, 3], "keras_history": [reads, 0, 0]}}
    calls = [{"args": [wire], "kwargs": {}}] if reads else []
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "inbound_nodes": calls}


def config(side: int | None = 9, classes: int = 6) -> dict[str, Any]:
    layers = [
        layer("InputLayer", "image", batch_shape=[None, side, side, 3]),
        layer("Conv2D", "block1_conv", "image", filters=4, kernel_size=3, strides=[2, 2], padding="valid"),
        layer("GlobalAveragePooling2D", "pool", "block1_conv", keepdims=False),
        layer("Dense", "predictions", "pool", units=classes, activation="softmax"),
    ]
    ends = {"input_layers": ["image", 0, 0], "output_layers": ["predictions", 0, 0]}
    return {"module": "keras", "class_name": "Functional", "config": {"name": "net", "layers": layers, **ends}}


def write(path: Path, what: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(what))
        archive.writestr("model.weights.h5", b"")
    return path


@pytest.mark.parametrize("name", ["net.keras", "my nets+more,@2.keras", "naïve.keras", "a:b~c.keras"])
def test_a_file_is_a_model_wherever_it_lies(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, config())
    design = parse_spec("mobilenet_v2").having(model=str(path), input=(9, 9, 3))
    spec = format_spec(design)
    assert not set(spec) & set(' "$`\\')
    assert parse_spec(spec) == design
    assert verify(build(design)).output == (6,)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "net.keras", config())
    assert verify(build(parse_spec(str(path)))).output == (6,)
    write(path, config(classes=11))
    assert verify(build(parse_spec(str(path)))).output == (11,)


def test_an_open_size_is_filled_in_and_another_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "net.keras", config(side=None))
    assert find_model(str(path)).input == (224, 224, 3)
    assert verify(build(parse_spec(f"{path}@12x8"))).row("block1_conv").output == (5, 3, 4)
    with pytest.raises(ArchscopeError, match=r"Conv2D needs .*, and got 2x2x3"):
        build(parse_spec(f"{path}@2"))


def test_a_file_can_be_operated_on(tmp_path: Path) -> None:
    path = write(tmp_path / "net.keras", config())
    edited = verify(build(parse_spec(f"{path}@32,classes=3+stride:block1_conv,to=1+head:5")))
    assert [edited.row(name).output for name in ("block1_conv", "head_conv", "head_dense")] == [
        (30, 30, 4),
        (30, 30, 5),
        (3,),
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("none.keras", "no file none.keras"),
        ("keras:EfficentNetB0", "no network 'EfficentNetB0'; did you mean 'EfficientNetB0'"),
        ("keras:VGG16,alpha=2", "keras:VGG16 has no argument 'alpha'; it takes input, classes, top"),
        ("mobilenet_v9", "no model 'mobilenet_v9'; did you mean"),
    ],
)
def test_what_is_no_model_is_said(spec: str, said: str) -> None:
    with pytest.raises(ArchscopeError, match=said):
        build(parse_spec(spec))


def archscope(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *environment.pop("code", "-m archscope.cli.main").split(" ", 1), *words]
    variables = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True)


WITHOUT_KERAS = (
    "-c import sys; sys.modules.update(keras=None, tensorflow=None); from archscope.cli.main import main; main()"
)


def test_keras_builds_it_once(tmp_path: Path) -> None:
    words = ("shapes", "keras:mobilenet,alpha=0.25", "--input", "40")
    first = archscope(*words, ARCHSCOPE_CACHE=str(tmp_path / "cache"))
    assert first.returncode == 0, first.stderr
    (kept,) = (tmp_path / "cache").iterdir()
    again = archscope(*words, ARCHSCOPE_CACHE=str(tmp_path / "cache"), code=WITHOUT_KERAS)
    assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr
    ours = build(parse_spec("mobilenet_v1@40,alpha=0.25"))
    assert f"{verify(ours).params:,} params" in first.stdout
    # What damaged the cache is built again.
    kept.write_bytes(kept.read_bytes()[:1000])
    assert archscope(*words, ARCHSCOPE_CACHE=str(tmp_path / "cache")).stdout == first.stdout


def test_the_smallest_input_is_found_without_a_build_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def application(name: str, shape: tuple[int, int, int], arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(shape)
        return config(shape[0])

    monkeypatch.setattr(imported, "application_config", application)
    imported._application_graph.cache_clear()
    with pytest.raises(DesignError, match="the smallest square input that works is 3"):
        build(parse_spec("keras:VGG19@2"))
    assert asked == [(2, 2, 3), (3, 3, 3)]
    imported._application_graph.cache_clear()


def test_below_keras_smallest_input_the_native_layers_read_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def application(name: str, shape: tuple[int, int, int], arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(shape)
        if shape[0] < 75:
            raise DesignError("Input size must be at least 75x75")
        return config(shape[0], arguments["classes"])

    monkeypatch.setattr(imported, "application_config", application)
    imported._application_graph.cache_clear()
    small = build(parse_spec("keras:InceptionV3@20"))
    assert asked == [(20, 20, 3), (299, 299, 3)]
    assert verify(small).row("block1_conv").output == (9, 9, 4)
    imported._application_graph.cache_clear()
    assert digest(small) == digest(build(parse_spec("keras:InceptionV3@20")))


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARCHSCOPE_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(applications, "_build", lambda wanted: json.dumps(config()))
    assert applications.application_config("VGG16", (9, 9, 3), {}) == config()
