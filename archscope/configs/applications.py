"""The networks of keras.applications: built once by Keras in a process of its own, kept as configurations in a cache.

The cache is keyed by Keras' version and the arguments, and holds what Keras refuses to build as well. Who finds an
entry there needs no Keras; where none is installed, the newest entry of the same arguments counts.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from archscope.errors import ArchscopeError, DesignError, did_you_mean
from archscope.files import write_atomic

NATIVE: Mapping[str, int] = {
    **{f"ConvNeXt{size}": 224 for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    **{f"DenseNet{depth}": 224 for depth in (121, 169, 201)},
    **{f"EfficientNetB{n}": side for n, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600))},
    **{f"EfficientNetV2B{n}": side for n, side in enumerate((224, 240, 260, 300))},
    **{f"EfficientNetV2{size}": side for size, side in (("S", 384), ("M", 480), ("L", 480))},
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "MobileNet": 224,
    "MobileNetV2": 224,
    "MobileNetV3Large": 224,
    "MobileNetV3Small": 224,
    "NASNetLarge": 331,
    "NASNetMobile": 224,
    **{f"ResNet{depth}{again}": 224 for depth in (50, 101, 152) for again in ("", "V2")},
    "VGG16": 224,
    "VGG19": 224,
    "Xception": 299,
}
"""Every network of keras.applications, and the side of the images that it was made for."""


REFUSED_EXIT = 3
"""How the process that builds ends where Keras refuses the arguments, rather than fails."""
_REFUSED = "refused"
_USUAL = ("name", "input_shape", "classes", "include_top")


class KerasRefusesError(DesignError):
    """Keras takes no such arguments, and never will."""


def canonical(name: str) -> str:
    """The name as Keras spells it; case does not matter. Raises DesignError, with the nearest names."""
    for known in NATIVE:
        if known.lower() == name.lower():
            return known
    remedy = did_you_mean(name, NATIVE, f"it has {', '.join(NATIVE)}")
    raise DesignError(f"keras.applications has no network {name!r}", remedy)


def application_config(name: str, shape: tuple[int, int, int], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of keras.applications' `name` for that input: from the cache, else built by Keras and kept.

    `arguments` are the function's own. Raises KerasRefusesError where Keras refuses them or the input, and
    DesignError where it fails.
    """
    wanted = {"name": name, "input_shape": list(shape), **arguments}
    path = cached_as(wanted, ".json")
    try:
        entry = _checked(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        entry = _checked(_built(wanted))
        # A cache that cannot be written costs time, nothing else.
        with suppress(ArchscopeError):
            write_atomic(path, json.dumps(entry).encode())
    if _REFUSED in entry:
        raise KerasRefusesError(entry[_REFUSED])
    return entry


def cache_folder() -> Path:
    """`$ARCHSCOPE_CACHE`, else `archscope` in the user's cache folder."""
    own = os.environ.get("ARCHSCOPE_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "archscope"


def cached_as(wanted: Mapping[str, Any], suffix: str) -> Path:
    """Where the cache keeps what this Keras builds of these arguments; without a Keras, what the last one built."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return _entry(version("keras"), wanted, suffix)
    except PackageNotFoundError:
        pass
    beginning = f"{wanted['name']}-keras-"
    entries = []
    with suppress(OSError):
        for path in cache_folder().glob(f"{beginning}*{suffix}"):
            keras = path.name.removeprefix(beginning).rpartition("-")[0]
            if path == _entry(keras, wanted, suffix):
                entries.append((path.stat().st_mtime_ns, path))
    return max(entries)[1] if entries else _entry("none", wanted, suffix)


def _entry(keras: str, wanted: Mapping[str, Any], suffix: str) -> Path:
    key = sha256(json.dumps([keras, wanted], sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / f"{wanted['name']}-keras-{keras}-{key}{suffix}"


def _built(wanted: Mapping[str, Any]) -> object:
    """What Keras builds, or the sentence with which it refuses, as the cache keeps either."""
    try:
        return json.loads(_build(wanted))
    except KerasRefusesError as error:
        return {_REFUSED: error.message}


def _build(wanted: Mapping[str, Any]) -> str:
    # Without a word, some seconds of nothing look like a hang; where nobody has set up logging, it goes to stderr.
    sides = "x".join(map(str, wanted["input_shape"]))
    given = "".join(f", {name} {value}" for name, value in wanted.items() if name not in _USUAL)
    logging.getLogger(__name__).warning(
        "Keras builds keras:%s at %s%s, once; from then on it is read from a cache", wanted["name"], sides, given
    )
    with tempfile.TemporaryDirectory(prefix="archscope-keras-") as folder:
        target = Path(folder) / "config.json"
        built_by_keras(wanted, target)
        return target.read_text(encoding="utf-8")


def built_by_keras(wanted: Mapping[str, Any], target: Path) -> None:
    """Let a process with Keras write what it builds: its configuration; with `weights` among what is wanted, a `.keras`
    file. Raises DesignError where Keras refuses.
    """
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    # -P: a keras.py in the user's working directory is not the Keras that is meant.
    command = [sys.executable, "-P", "-m", "archscope.interop.applications", json.dumps(wanted), str(target)]
    environment = os.environ | {"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it ended without a word"]
        kind = KerasRefusesError if done.returncode == REFUSED_EXIT else DesignError
        raise kind(f"Keras does not build keras:{wanted['name']}: {said[-1][:400]}")


def _checked(config: object) -> dict[str, Any]:
    if not isinstance(config, dict) or not ("config" in config or isinstance(config.get(_REFUSED), str)):
        raise ValueError("no configuration")
    return config
