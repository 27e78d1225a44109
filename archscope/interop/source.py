"""Where a network's weights come from: a file, read as data, with the network that they belong to where it says that.

A `.keras` file says it; a `.weights.h5` file names its layers, and nothing of how they are wired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.configs.archive import layer_groups, read_config
from archscope.configs.model import layer_paths
from archscope.configs.stored import Stored, file_sha256, stored, unique
from archscope.errors import ArchscopeError, RunError
from archscope.graph import Opaque, Shape, Trace, verify
from archscope.zoo.imported import imported_model

if TYPE_CHECKING:
    from archscope.configs.stored import Arrays


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Arrays by layer, in Keras' order. `trace`: the network at its own input size; None for weights alone."""

    path: Path
    sha256: str
    layers: Mapping[str, Arrays]
    trace: Trace | None = None

    def trace_at(self, shape: Shape) -> Trace | None:
        """The file's network at another input size; None where it has none for that, or is not known."""
        if self.trace is None or self.trace.input == shape:
            return self.trace
        try:
            return _trace(self.path, shape)
        except ArchscopeError:
            return None


def read_source(path: Path) -> Source:
    """The weights in a `.keras` file, or in an HDF5 file that `save_weights` wrote (Keras 2's layout, too).

    Raises RunError where it is missing, damaged, too large or does not name its layers.
    """
    checksum = file_sha256(path)
    if path.suffix == ".keras":
        return _of_archive(path, checksum)
    if path.suffix not in (".h5", ".hdf5"):
        raise RunError(f"{path} is not named .keras or .h5", "give a .keras file, a .weights.h5 file or a run folder")
    with stored(path) as file:
        named = unique(file.layers())
        layers = {name: tuple(file.read(one) for one in paths) for name, paths in named.items()}
    if not layers:
        raise RunError(f"{path} does not name its layers", "save the whole model with model.save('NAME.keras')")
    return Source(path, checksum, layers)


def _of_archive(path: Path, checksum: str) -> Source:
    trace = _trace(path)
    places = _places(path, trace.input)
    layers = {}
    with stored(path) as file:
        for row in trace:
            if row.weights and not isinstance(row.node.op, Opaque) and row.name in places:
                layers[row.name] = _arrays(file, places[row.name], row.name, [w.shape for w in row.weights])
    return Source(path, checksum, layers, trace)


def _trace(path: Path, shape: Shape | None = None) -> Trace:
    model = imported_model(str(path))
    return verify(model.build(shape or model.input, {one.name: one.default for one in model.arguments}))


def _places(path: Path, shape: Shape) -> dict[str, str]:
    """For each layer of the file's graph, the group that holds its arrays.

    Two layers of one name in one model, which Keras never writes, are left out.
    """
    config = read_config(path)
    found = list(layer_groups(config))
    times = Counter(names for names, _ in found)
    groups = {names: group for names, group in found if times[names] == 1}
    return {name: groups[names] for name, names in layer_paths(config, shape).items() if names in groups}


def _arrays(file: Stored, group: str, layer: str, shapes: list[Shape]) -> Arrays:
    """The arrays of one layer. Raises RunError where they are not those that the configuration says."""
    paths = file.of_layer(group)
    stands = [file.shape(path) for path in paths]
    if stands != shapes:
        raise RunError(
            f"{file.path}: the arrays of {layer!r} are shaped {stands}, and its configuration makes that {shapes}",
            "take an undamaged copy",
        )
    return tuple(file.read(path) for path in paths)
