"""Arrays in an HDF5 file, as data: nothing outside the file is followed, and nothing large is read on its word alone.

HDF5 can point elsewhere: by soft and external links, by datasets whose values lie in another file, by virtual ones that
are put together from others. A walk over what the file itself holds meets none of the links; the datasets are refused.
It can also declare an array, or a chunk, of any size without storing it; so what is declared is held against what is
stored, over all that is read from a file together.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.configs.archive import MAX_WEIGHTS_BYTES, WEIGHTS, read_config
from archscope.errors import RunError, reason_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Arrays = tuple[npt.NDArray[np.float32], ...]

MAX_OBJECTS = 100_000
"""A guard: the largest network of keras.applications has a tenth of the groups and arrays."""
MAX_DEPTH = 100
"""A guard: each model inside a model nests two groups deeper, and archscope reads twenty of those."""
MAX_EXPANSION, FLOOR = 20, 2**24
"""Compressed weights are not much smaller than plain ones: a file that unpacks to more than this is no network's."""

_UNDAMAGED = "take an undamaged copy"
_BLOCK = 2**20
_FLOAT32 = 4


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes. Raises RunError where it cannot be read."""
    found = sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                found.update(block)
    except FileNotFoundError:
        raise RunError(f"no file {path}", "give a .keras file, a .weights.h5 file or a run folder") from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}") from error
    return found.hexdigest()


@dataclass(slots=True)
class Stored:
    """An open weight file: its datasets by their path, and its groups.

    `_taken`: the bytes of all that was read so far, as float32. `_held`: what the file stores of it, each array once.
    """

    path: Path
    file: Any
    datasets: Mapping[str, Any]
    groups: Mapping[str, Any]
    _read: set[str] = field(default_factory=set)
    _taken: int = 0
    _held: int = 0

    def of_layer(self, group: str) -> list[str]:
        """The paths of what Keras 3 keeps of one layer, in its order: `GROUP/vars/0`, `1` ..."""
        found: list[str] = []
        while (path := f"{group}/vars/{len(found)}") in self.datasets:
            found.append(path)
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, unread."""
        return tuple(self.datasets[name].shape)

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One array, as float32. Raises RunError where it holds something else than finite numbers."""
        import numpy as np

        dataset = self.datasets[name]
        if dataset.dtype.kind not in "fiu":
            raise RunError(f"{self.path}: {name} holds {dataset.dtype}, and weights are numbers", _UNDAMAGED)
        self._charge(name, dataset)
        values: npt.NDArray[np.float32] = np.asarray(dataset[()], dtype=np.float32)
        if not np.isfinite(values).all():
            raise RunError(
                f"{self.path}: {name} holds numbers that are not finite", "take weights that did not diverge"
            )
        return values

    def _charge(self, name: str, dataset: Any) -> None:
        """Count an array before it is read. HDF5 unpacks whole chunks, which may be larger than the array is."""
        numbers = max(prod(dataset.shape), prod(dataset.chunks or ()))
        self._taken += numbers * max(dataset.dtype.itemsize, _FLOAT32)
        if name not in self._read:
            self._held += dataset.id.get_storage_size()
        together = " and what was read before it" if self._read else ""
        self._read.add(name)
        if self._taken > MAX_EXPANSION * self._held + FLOOR or self._taken > MAX_WEIGHTS_BYTES:
            raise RunError(
                f"{self.path}: {name}{together} would take {self._taken:,} bytes, and the file stores {self._held:,}",
                "take a copy that Keras wrote",
            )

    def layers(self) -> Iterator[tuple[str, list[str]]]:
        """Each layer's name and the paths of its arrays, where the file itself says so: as Keras 3 and Keras 2 do."""
        if self.groups.get("model_weights") is not None or "layer_names" in self.file.attrs:
            yield from self._legacy()
            return
        for place, group in self.groups.items():
            paths = self.of_layer(place.removesuffix("/vars")) if place.endswith("/vars") else []
            if paths and "name" in group.attrs:
                yield _text(group.attrs["name"]), paths

    def _legacy(self) -> Iterator[tuple[str, list[str]]]:
        lead = "" if "layer_names" in self.file.attrs else "model_weights/"
        root = self.groups["model_weights"] if lead else self.file
        for layer in _names(root, "layer_names"):
            group = self.groups.get(f"{lead}{layer}")
            if group is None:
                raise RunError(f"{self.path} names a layer {layer!r:.100} that it does not hold", _UNDAMAGED)
            paths = [f"{lead}{layer}/{name}" for name in _names(group, "weight_names")]
            if missing := [path for path in paths if path not in self.datasets]:
                raise RunError(f"{self.path} names an array {missing[0]!r:.100} that it does not hold", _UNDAMAGED)
            if paths:
                yield layer, paths


@contextmanager
def stored(path: Path) -> Iterator[Stored]:
    """The weights of a `.keras` archive or an HDF5 file, open while this is.

    Raises RunError where the file is missing, damaged or too large, or points to other files.
    """
    with _as_file(path) as source, _opened(path, source) as file:
        datasets, groups = _contents(path, file)
        try:
            yield Stored(path, file, datasets, groups)
        except RunError:
            raise
        except Exception as error:  # A damaged file makes h5py raise nearly any type.
            raise _damaged(path, error) from error


def unique(pairs: Iterator[tuple[str, list[str]]]) -> dict[str, list[str]]:
    """The layers whose names stand for one alone: of two of one name nobody knows which is meant."""
    known = list(pairs)
    times = Counter(name for name, _ in known)
    return {name: paths for name, paths in known if times[name] == 1}


@contextmanager
def _as_file(path: Path) -> Iterator[Any]:
    """What h5py can open: the path, or a temporary file with what a `.keras` archive holds."""
    if path.suffix != ".keras":
        yield path
        return
    read_config(path)  # checks the archive's table of contents
    with tempfile.TemporaryFile() as unpacked:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(WEIGHTS) as stream:
                member = archive.getinfo(WEIGHTS)
                if member.file_size > MAX_EXPANSION * member.compress_size + FLOOR:
                    raise RunError(
                        f"{path}: {WEIGHTS} unpacks from {member.compress_size:,} bytes to {member.file_size:,}",
                        "take a copy that Keras wrote",
                    )
                while block := stream.read(_BLOCK):
                    unpacked.write(block)
        except RunError:
            raise
        except Exception as error:  # zipfile and zlib have many words for damage.
            raise _damaged(path, error) from error
        unpacked.seek(0)
        yield unpacked


@contextmanager
def _opened(path: Path, source: Any) -> Iterator[Any]:
    import h5py

    try:
        if isinstance(source, Path) and source.stat().st_size > MAX_WEIGHTS_BYTES:
            raise RunError(
                f"{path} has {source.stat().st_size:,} bytes, and {MAX_WEIGHTS_BYTES:,} is the limit", "take another"
            )
        file = h5py.File(source, "r")
    except FileNotFoundError:
        raise RunError(f"no file {path}", "give a .keras file, a .weights.h5 file or a run folder") from None
    except RunError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    with file:
        yield file


def _contents(path: Path, file: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The datasets and the groups that the file itself holds, each once, in the order of their names."""
    walk = _Walk(path)
    try:
        walk.into(file, "", 0)
    except RunError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    return walk.datasets, walk.groups


@dataclass(slots=True)
class _Walk:
    """Goes from group to group by the links that stay in the file, opening each object from the group that holds it."""

    path: Path
    datasets: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    met: int = 0
    seen: set[object] = field(default_factory=set)

    def into(self, group: Any, place: str, depth: int) -> None:
        """Meet all that a group holds. Raises RunError for what is too much, too deep or elsewhere."""
        import h5py

        if depth > MAX_DEPTH:
            raise RunError(f"{self.path} nests more than {MAX_DEPTH} groups", "take a copy that Keras wrote")
        for name in group:
            self.met += 1
            if self.met > MAX_OBJECTS:
                raise RunError(
                    f"{self.path} holds more than {MAX_OBJECTS:,} groups and arrays", "take a copy that Keras wrote"
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item, inner = group[name], f"{place}{name}"
            address = h5py.h5o.get_info(item.id).addr
            if address in self.seen:
                continue
            self.seen.add(address)
            if isinstance(item, h5py.Group):
                self.groups[inner] = item
                self.into(item, f"{inner}/", depth + 1)
            elif isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external:
                    raise RunError(
                        f"{self.path}: the values of {inner} lie in other files", "take a copy that holds them itself"
                    )
                self.datasets[inner] = item


def _damaged(path: Path, error: Exception) -> RunError:
    reason = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return RunError(f"{path}: its weights cannot be read: {reason[:160]}", _UNDAMAGED)


def _names(group: Any, key: str) -> list[str]:
    """A list of names among a group's attributes; Keras splits a long one into `key0`, `key1` ..."""
    if key in group.attrs:
        return [_text(name) for name in group.attrs[key]]
    found: list[str] = []
    number = 0
    while f"{key}{number}" in group.attrs:
        found.extend(_text(name) for name in group.attrs[f"{key}{number}"])
        number += 1
    return found


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
