"""The weights of layers without a rule, as a `.keras` file records them: shapes alone, no values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archscope.configs.archive import layer_groups
from archscope.configs.model import Weights
from archscope.configs.stored import stored
from archscope.graph import Weight


def recorded_weights(path: Path, config: Mapping[str, Any]) -> Weights:
    """Looks up what the file holds for the layer at a path of names: every array as a trainable weight.

    Keras stores arrays under the layer's class, numbered in the order of the layers, and not under its name. The file
    is opened once, when the first layer is asked for. Raises RunError as `stored` does.
    """
    found: dict[tuple[str, ...], tuple[Weight, ...]] | None = None

    def weights(names: tuple[str, ...]) -> tuple[Weight, ...] | None:
        nonlocal found
        if found is None:
            groups = dict(layer_groups(config))
            arrays = _arrays(path, set(groups.values()))
            found = {layer: tuple(arrays[group]) for layer, group in groups.items()}
        return found.get(names)

    return weights


def _arrays(path: Path, groups: set[str]) -> dict[str, list[Weight]]:
    """For each group, all arrays in it and in the groups below it."""
    found: dict[str, list[Weight]] = defaultdict(list)
    with stored(path) as file:
        for place in file.datasets:
            parts = place.split("/")
            for depth in range(1, len(parts)):
                group = "/".join(parts[:depth])
                if group in groups:
                    name = "/".join(parts[depth:]).replace("vars/", "").replace("/", "_")
                    found[group].append(Weight(name, file.shape(place)))
    return found
