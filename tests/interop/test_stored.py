"""Weight files are data: nothing outside the file is read, nothing large is believed, each fault is one sentence."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_files import random_arrays, write_keras_3, write_legacy

from archscope.configs import stored as module
from archscope.design import build, parse_spec
from archscope.errors import RunError
from archscope.graph import verify
from archscope.interop.source import read_source
from archscope.zoo.imported import imported_model

TRACE = verify(build(parse_spec("mobilenet_v2@32,alpha=0.05")))


def named_group(file: h5py.File, name: str = "conv") -> h5py.Group:
    group = file.create_group("layers/conv2d/vars")
    group.attrs["name"] = name
    return group


def made(path: Path, fill: Callable[[h5py.Group], None]) -> Path:
    with h5py.File(path, "w") as file:
        fill(named_group(file))
    return path


@pytest.mark.parametrize("layout", ["keras 3", "keras 2", "keras 2, whole model"])
def test_every_layout_gives_every_array_by_its_layer(layout: str, tmp_path: Path) -> None:
    arrays, path = random_arrays(TRACE), tmp_path / "net.weights.h5"
    if layout == "keras 3":
        write_keras_3(path, arrays)
    else:
        write_legacy(path, TRACE, arrays)
    if layout.endswith("whole model"):
        with h5py.File(path, "r") as plain, h5py.File(tmp_path / "whole.h5", "w") as whole:
            plain.copy("/", whole, "model_weights")
        path = tmp_path / "whole.h5"
    found = read_source(path)
    assert found.trace is None
    assert found.layers.keys() == arrays.keys()
    for name, values in arrays.items():
        assert all(np.array_equal(a, b) for a, b in zip(found.layers[name], values, strict=True)), name


def test_two_layers_of_one_name_stand_for_neither(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "two.weights.h5", "w") as file:
        for place, name in (("a", "same"), ("b", "same"), ("c", "other")):
            group = file.create_group(f"layers/{place}/vars")
            group.attrs["name"] = name
            group["0"] = np.ones(2, "float32")
    assert list(read_source(tmp_path / "two.weights.h5").layers) == ["other"]


def test_links_out_of_the_file_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.ones(4, "float32")

    def links(group: h5py.Group) -> None:
        group["0"] = h5py.ExternalLink("secret.h5", "/secret")
        group["1"] = h5py.SoftLink("/layers/conv2d/vars/0")

    with pytest.raises(RunError, match=r"does not name its layers; save the whole model"):
        read_source(made(tmp_path / "evil.weights.h5", links))


def external(path: Path) -> Callable[[h5py.Group], None]:
    return lambda group: group.create_dataset("0", (4,), "float32", external=[(str(path), 0, 16)])


def virtual(path: Path) -> Callable[[h5py.Group], None]:
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource(path, "secret", (4,))
    return lambda group: group.create_virtual_dataset("0", layout)


@pytest.mark.parametrize("elsewhere", [external, virtual])
def test_values_in_other_files_are_refused(elsewhere: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"secretsecretsecret")
    with pytest.raises(RunError, match=r"the values of layers/conv2d/vars/0 lie in other files"):
        read_source(made(tmp_path / "evil.weights.h5", elsewhere(secret)))


def test_what_is_declared_and_not_stored_takes_no_memory(tmp_path: Path) -> None:
    def huge(group: h5py.Group) -> None:
        group.create_dataset("0", (2**14, 2**14), "float32", chunks=(2**10, 2**10), compression="gzip")

    path = made(tmp_path / "huge.weights.h5", huge)
    tracemalloc.start()
    with pytest.raises(
        RunError, match=r"would take 1,073,741,824 bytes, and the file stores 0; take a copy that Keras wrote"
    ):
        read_source(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_many_arrays_have_one_budget(tmp_path: Path) -> None:
    """Each alone is small enough to be believed; as float32 they are four times what they declare."""

    def many(group: h5py.Group) -> None:
        for number in range(60):
            group.create_dataset(str(number), (2**22,), "uint8", chunks=(2**18,), compression="gzip")

    path = made(tmp_path / "many.weights.h5", many)
    tracemalloc.start()
    with pytest.raises(RunError, match=r"vars/1 and what was read before it would take 33,554,432 bytes, and the file"):
        read_source(path)
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


def test_one_array_named_many_times_is_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        group = file.create_group("conv")
        group.attrs["weight_names"] = [b"kernel"] * 40
        group["kernel"] = np.ones(2**18, "float32")
    with pytest.raises(RunError, match="kernel and what was read before it would take"):
        read_source(path)


def test_a_chunk_may_not_be_larger_than_what_is_stored(tmp_path: Path) -> None:
    """HDF5 unpacks a whole chunk for one number of it."""

    def wide(group: h5py.Group) -> None:
        group.create_dataset("0", (1,), "float32", maxshape=(None,), chunks=(2**24,), compression="gzip")[0] = 1

    with pytest.raises(RunError, match=r"vars/0 would take 67,108,864 bytes, and the file stores 6"):
        read_source(made(tmp_path / "chunk.weights.h5", wide))


def test_groups_are_followed_to_a_depth_and_each_object_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "deep.weights.h5", "w") as file:
        group = named_group(file)
        group["0"] = np.ones(2, "float32")
        group["again"] = group  # a hard link to itself
    assert list(read_source(tmp_path / "deep.weights.h5").layers) == ["conv"]
    with h5py.File(tmp_path / "deep.weights.h5", "a") as file:
        inner: h5py.Group = file
        for _ in range(module.MAX_DEPTH + 2):
            inner = inner.create_group("a")
    with pytest.raises(RunError, match=r"nests more than 100 groups; take a copy that Keras wrote"):
        read_source(tmp_path / "deep.weights.h5")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([1.0, np.nan], "float32"), "numbers that are not finite"),
        (np.array([1.0, np.inf], "float32"), "numbers that are not finite"),
        (np.array([b"ab", b"cd"]), "and weights are numbers"),
        (np.zeros(2, [("a", "f4")]), "and weights are numbers"),
    ],
)
def test_what_are_no_weights(values: np.ndarray[Any, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=said):
        read_source(made(tmp_path / "odd.weights.h5", lambda group: group.create_dataset("0", data=values)))


def test_names_that_the_file_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv"]
    with pytest.raises(RunError, match="names a layer 'conv' that it does not hold"):
        read_source(path)
    with h5py.File(path, "a") as file:
        file.create_group("conv").attrs["weight_names"] = [b"../../secret"]
    with pytest.raises(RunError, match=r"names an array 'conv/../../secret' that it does not hold"):
        read_source(path)


def test_a_file_of_too_many_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MAX_OBJECTS", 10)
    with pytest.raises(RunError, match="holds more than 10 groups and arrays"):
        read_source(write_keras_3(tmp_path / "many.weights.h5", random_arrays(TRACE)))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.h5", None, "no file"),
        ("text.weights.h5", b"hello", "its weights cannot be read"),
        ("empty.h5", b"", "its weights cannot be read"),
        ("model.pt", b"hello", r"is not named \.keras or \.h5"),
        ("model.keras", b"hello", "is not a .keras archive"),
    ],
)
def test_other_files(name: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=said):
        read_source(tmp_path / name)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    small = dict(list(random_arrays(TRACE).items())[:6])
    return write_keras_3(tmp_path_factory.mktemp("good") / "good.weights.h5", small).read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(data: st.DataObject, good: bytes, tmp_path_factory: Any) -> None:
    """Truncated anywhere, and with bytes changed anywhere."""
    changed = bytearray(good[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else good)
    for _ in range(data.draw(st.integers(0, 8))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.weights.h5"
    path.write_bytes(changed)
    with suppress(RunError):
        read_source(path)


def test_a_bomb_in_an_archive_is_not_unpacked(tmp_path: Path) -> None:
    path, weights = tmp_path / "bomb.keras", io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["zeros"] = np.zeros(2**24, "float32")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", '{"class_name": "Sequential", "config": {"layers": []}}')
        archive.writestr("model.weights.h5", weights.getvalue())
    with pytest.raises(RunError, match=r"model\.weights\.h5 unpacks from [0-9,]+ bytes to 67,"), module.stored(path):
        pass


def lambdas(path: Path, count: int, fill: Callable[[h5py.File], None]) -> Path:
    """An archive of layers without a rule, in a row, and of one with a rule, which reads the last."""
    names = ["x", *(f"l{number}" for number in range(count)), "end"]
    kinds = ["InputLayer", *["Lambda"] * count, "ReLU"]
    layers = []
    for number, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        wire = {"shape": [None, 8, 8, 3], "keras_history": [names[number - 1], 0, 0]}
        call = {"args": [{"class_name": "__keras_tensor__", "config": wire}], "kwargs": {}}
        config = {"name": name} | ({} if number else {"batch_shape": [None, 8, 8, 3]})
        layers.append({"module": "keras.layers", "class_name": kind, "name": name, "config": config})
        layers[-1]["inbound_nodes"] = [call] if number else []
    inner = {"layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["end", 0, 0]]}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        fill(file)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "module": "keras", "config": inner}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def test_layers_without_a_rule_are_looked_up_by_one_opening(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = []

    def fill(file: h5py.File) -> None:
        file["layers/lambda/vars/0"], file["layers/lambda_2/vars/0"] = np.ones(5), np.ones((2, 3))
        file["layers/lambda_2/inner/vars/0"] = np.ones(7)

    path = lambdas(tmp_path / "many.keras", 3, fill)
    real = h5py.File
    monkeypatch.setattr(h5py, "File", lambda *args: opened.append(args) or real(*args))
    network = imported_model(str(path))
    assert len(opened) == 1
    trace = verify(network.build((8, 8, 3), {"classes": 3}))
    assert [[weight.shape for weight in row.weights] for row in trace] == [[], [(5,)], [], [(7,), (2, 3)], []]


def test_layers_without_a_rule_follow_no_links_and_unpack_no_bomb(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["stuff/vars/0"] = np.ones(777)

    def link(file: h5py.File) -> None:
        file["layers/lambda"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/stuff")

    network = imported_model(str(lambdas(tmp_path / "link.keras", 1, link)))
    assert verify(network.build((8, 8, 3), {"classes": 3})).params == 0

    def bomb(file: h5py.File) -> None:
        file["zeros"] = np.zeros(2**24, "float32")

    with pytest.raises(RunError, match="unpacks from"):
        imported_model(str(lambdas(tmp_path / "bomb.keras", 1, bomb)))
