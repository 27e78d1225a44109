"""Spaces of a person's own network, from a file."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest
from test_price import check, members

from archscope.design import parse_spec, quoted
from archscope.errors import DesignError
from archscope.search.search import plan
from archscope.search.vary import default_space, space_of


def layer(kind: str, name: str, reads: str = "", shape: tuple[int, ...] = (), **config: Any) -> dict[str, Any]:
    wire = {"shape": [None, *shape], "dtype": "float32", "keras_history": [reads, 0, 0]}
    calls = [{"args": [{"class_name": "__keras_tensor__", "config": wire}], "kwargs": {}}] if reads else []
    whole = {"module": "keras.layers", "class_name": kind, "name": name, "inbound_nodes": calls}
    return {**whole, "config": {"name": name, **config}}


def conv(name: str, reads: str, shape: tuple[int, ...], filters: int, strides: int = 1) -> dict[str, Any]:
    settings = {"filters": filters, "kernel_size": [3, 3], "strides": [strides, strides], "padding": "same"}
    return layer("Conv2D", name, reads, shape, **settings)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A chain with a layer in the middle that nobody but its writer knows."""
    layers = [
        layer("InputLayer", "image", batch_shape=[None, 16, 24, 3]),
        conv("first", "image", (16, 24, 3), 16),
        layer("Lambda", "odd", "first", (16, 24, 16)),
        conv("second", "odd", (16, 24, 16), 24, 2),
        conv("third", "second", (8, 12, 24), 32, 2),
        layer("GlobalAveragePooling2D", "pool", "third", (4, 6, 32)),
        layer("Dense", "classes", "pool", (32,), units=5, activation="softmax"),
    ]
    inner = {"layers": layers, "input_layers": [["image", 0, 0]], "output_layers": [["classes", 0, 0]]}
    weights = io.BytesIO()
    h5py.File(weights, "w").close()
    where = tmp_path / "my own.keras"
    with zipfile.ZipFile(where, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "module": "keras", "config": inner}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return where


def test_what_a_layer_without_a_rule_forbids_is_left_out(path: Path) -> None:
    design = parse_spec(quoted(str(path)))
    space = default_space(design)
    planned = plan(space)
    assert {trunk.upsample for _, trunk in planned.trunks} == {None}
    assert any("'odd': Lambda needs the inputs" in reason for reason, _ in planned.left_out)
    assert planned.size > 1_000
    for one in members(space, 12, 2):
        check(space, one)


def test_its_inputs_and_strides(path: Path) -> None:
    space = space_of(parse_spec(quoted(str(path))), {"second.stride": "1,2", "head": "plain,7", "cut": "none,second"})
    for one in members(space, 12, 2):
        check(space, one)
    with pytest.raises(DesignError, match=r"my own\.keras has nothing of that name"):
        space_of(parse_spec(quoted(str(path))), {"alpha": "0.5,1"})
