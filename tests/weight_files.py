"""Weight files made without Keras: random arrays for every layer of a graph, in Keras' own layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from archscope.graph import Trace
from archscope.interop.source import Source

Arrays = dict[str, tuple[np.ndarray[Any, Any], ...]]


def random_arrays(trace: Trace, seed: int = 0) -> Arrays:
    """An array for each weight; variances are positive."""
    rng = np.random.default_rng(seed)
    return {
        row.name: tuple(
            (
                rng.uniform(0.5, 1.5, weight.shape) if "variance" in weight.name else rng.normal(size=weight.shape)
            ).astype("float32")
            for weight in row.weights
        )
        for row in trace
        if row.weights
    }


def source_of(trace: Trace, arrays: Arrays | None = None, whole: bool = True) -> Source:
    """A source that never was a file; without `whole`, one of weights alone."""
    return Source(Path("source.keras"), "0" * 64, arrays or random_arrays(trace), trace if whole else None)


def write_legacy(path: Path, trace: Trace, arrays: Arrays) -> Path:
    """As Keras 2 wrote weights, and keras.applications still fetches them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [row.name.encode() for row in trace]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.4.0"
        for row in trace:
            group = file.create_group(row.name)
            names = [f"{row.name}/{weight.name}:0" for weight in row.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays.get(row.name, ()), strict=True):
                group[name] = array
    return path


def write_keras_3(path: Path, arrays: Arrays) -> Path:
    """As `save_weights("NAME.weights.h5")` writes them: layers by their class and number, their names beside."""
    with h5py.File(path, "w") as file:
        for number, (name, values) in enumerate(arrays.items()):
            group = file.create_group(f"layers/layer_{number}/vars")
            group.attrs["name"] = name
            for place, array in enumerate(values):
                group[str(place)] = array
    return path
