"""Models that come from elsewhere, wherever a model is named: without Keras once they are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
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
    with pytest.raises(ArchscopeError, match=r"Conv2D needs .*, and got 2x2x3") as refused:
        build(parse_spec(f"{path}@2"))
    assert refused.value.remedy == "the smallest square input that works is 3, and at 2x2 it works with +upsample:2"
    # Another count of classes is set although nothing fits before the edit that makes room.
    assert verify(build(parse_spec(f"{path}@2,classes=4+upsample:2"))).output == (4,)


def test_a_file_can_be_operated_on(tmp_path: Path) -> None:
    path = write(tmp_path / "net.keras", config())
    edited = verify(build(parse_spec(f"{path}@32,classes=3+stride:block1_conv,to=1+head:5")))
    assert [edited.row(name).output for name in ("block1_conv", "head_conv", "head_dense")] == [
        (30, 30, 4),
        (30, 30, 5),
        (3,),
    ]


def ending(*ends: dict[str, Any]) -> dict[str, Any]:
    """The network of `config` with other layers behind its convolution, in a chain."""
    whole = config()
    whole["config"]["layers"][2:] = [
        layer(**{**end, "reads": before})
        for end, before in zip(ends, ("block1_conv", *(end["name"] for end in ends)), strict=False)
    ]
    whole["config"]["output_layers"] = [whole["config"]["layers"][-1]["config"]["name"], 0, 0]
    return whole


POOL = {"kind": "GlobalAveragePooling2D", "name": "pool"}
SOFTMAX = {"kind": "Softmax", "name": "chances", "axis": -1}


@pytest.mark.parametrize("ends", [(), (POOL,), ({"kind": "Flatten", "name": "flat"},)])
def test_a_file_without_a_classifier_takes_a_head_of_any_count(
    tmp_path: Path, ends: tuple[dict[str, Any], ...]
) -> None:
    path = write(tmp_path / "net.keras", ending(*ends))
    assert find_model(str(path)).argument("classes").default == 10
    bare = build(parse_spec(str(path)))
    assert verify(build(parse_spec(f"{path}+head:plain"))).output == (10,)
    # The count is that of the head to come, whatever the body ends in.
    for classes in (7, 10, 4, 64):
        assert digest(build(parse_spec(f"{path},classes={classes}"))) == digest(bare)
        for head in ("plain", "5"):
            assert verify(build(parse_spec(f"{path},classes={classes}+head:{head}"))).output == (classes,)


def test_bare_features_are_not_trained_as_if_they_were_classes(tmp_path: Path) -> None:
    from archscope.cli.trainable import check_classes

    design = parse_spec(str(write(tmp_path / "net.keras", ending(POOL))))
    data: Any = SimpleNamespace(name="data", classes=range(10))
    with pytest.raises(ArchscopeError, match="ends in 4, which is no classifier of 10 classes; `archscope head"):
        check_classes("net.keras", verify(build(design)), design.classes, data)
    headed = parse_spec(f"{design.model}+head:plain")
    check_classes("", verify(build(headed)), headed.classes, data)


@pytest.mark.parametrize(
    "ends",
    [
        (POOL, SOFTMAX),
        ({"kind": "Flatten", "name": "flat"}, {"kind": "Dense", "name": "dense", "units": 4}, SOFTMAX),
        (
            {**POOL, "keepdims": True},
            {"kind": "Conv2D", "name": "last", "filters": 4, "kernel_size": 1},
            {"kind": "Reshape", "name": "reshape", "target_shape": [4]},
            {"kind": "Dropout", "name": "drop", "rate": 0.1},
            {"kind": "Activation", "name": "chances", "activation": "softmax"},
        ),
    ],
)
def test_the_classes_of_a_classifier_are_found_and_changed(tmp_path: Path, ends: tuple[dict[str, Any], ...]) -> None:
    path = write(tmp_path / "net.keras", ending(*ends))
    assert find_model(str(path)).argument("classes").default == 4
    assert verify(build(parse_spec(str(path)))).output == (4,)
    assert verify(build(parse_spec(f"{path},classes=7"))).output == (7,)


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
    "-c import sys, subprocess; sys.modules.update(keras=None, tensorflow=None); subprocess.run = None; "
    "from archscope.cli.main import main; main()"
)


def test_a_file_of_any_size_says_at_which_it_is_read_unless_it_is_told(tmp_path: Path) -> None:
    path = str(write(tmp_path / "net.keras", config(side=None)))
    said = f"{path} says no size of its images; it is read for 224x224, or for what --input says\n"
    assert archscope("shapes", path).stderr == said
    assert archscope("scale", path, "--max-params", "10k").stderr == said
    for words in (("shapes", path, "--input", "9"), ("scale", path, "--max-params", "10k", "--input", "9")):
        assert (done := archscope(*words)).stderr == ""
        assert "net.keras@9" in "".join(done.stdout.split())


def test_keras_builds_it_once_and_refuses_once(tmp_path: Path) -> None:
    # Keras' MobileNet takes images from 32 on: it refuses these, and the network of its native size reads them.
    words = ("shapes", "keras:mobilenet,alpha=0.25", "--input", "31")
    first = archscope(*words, ARCHSCOPE_CACHE=str(tmp_path / "cache"))
    assert first.returncode == 0, first.stderr
    refused, kept = sorted((tmp_path / "cache").iterdir(), key=lambda path: path.stat().st_size)
    assert list(json.loads(refused.read_bytes())) == ["refused"]
    again = archscope(*words, ARCHSCOPE_CACHE=str(tmp_path / "cache"), code=WITHOUT_KERAS)
    assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr
    ours = build(parse_spec("mobilenet_v1@31,alpha=0.25"))
    assert f"{verify(ours).params:,} params" in first.stdout
    # What damaged the cache is built again.
    kept.write_bytes(kept.read_bytes()[:1000])
    assert archscope(*words, ARCHSCOPE_CACHE=str(tmp_path / "cache")).stdout == first.stdout


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The inputs for which a Keras is started that refuses images below 75 and fails at 99; with an empty cache."""
    inputs: list[tuple[int, ...]] = []

    def keras(wanted: dict[str, Any]) -> str:
        inputs.append(tuple(wanted["input_shape"]))
        if wanted["input_shape"][0] < 75:
            raise applications.KerasRefusesError("Input size must be at least 75x75")
        if wanted["input_shape"][0] == 99:
            raise DesignError("out of memory")
        return json.dumps(config(wanted["input_shape"][0]))

    monkeypatch.setenv("ARCHSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(applications, "_build", keras)
    return inputs


def test_a_refusal_is_kept_and_a_failure_is_not(asked: list[tuple[int, ...]], tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(applications.KerasRefusesError, match="Input size must be at least 75x75"):
            applications.application_config("Xception", (48, 48, 3), {})
        assert applications.application_config("Xception", (80, 80, 3), {}) == config(80)
    assert asked == [(48, 48, 3), (80, 80, 3)]
    for _ in range(2):
        with pytest.raises(DesignError, match="out of memory"):
            applications.application_config("Xception", (99, 99, 3), {})
    assert asked[2:] == [(99, 99, 3)] * 2
    # An entry that is neither is no entry.
    for path in (tmp_path / "cache").iterdir():
        path.write_text('{"refused": 7}')
    assert applications.application_config("Xception", (80, 80, 3), {}) == config(80)


def test_without_keras_the_newest_entry_counts(asked: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(version: str | None) -> None:
        def keras(name: str) -> str:
            if version is None:
                raise PackageNotFoundError(name)
            return version

        monkeypatch.setattr("importlib.metadata.version", keras)

    wanted = {"name": "VGG16", "input_shape": [80, 80, 3], "classes": 6}
    kept = {}
    for version, time in (("3.9.0", 1), ("3.15.1", 9), ("3.8.0", 2)):
        installed(version)
        for classes in (6, 7):
            applications.application_config("VGG16", (80, 80, 3), {"classes": classes})
        kept[version] = applications.cached_as(wanted, ".json")
        os.utime(kept[version], (time, time))
    asked.clear()
    installed(None)
    assert applications.cached_as(wanted, ".json") == kept["3.15.1"]
    assert applications.application_config("VGG16", (80, 80, 3), {"classes": 6}) == config(80)
    assert asked == []
    applications.application_config("VGG16", (90, 90, 3), {})
    assert asked == [(90, 90, 3)]


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
