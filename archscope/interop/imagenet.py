"""The weights of keras.applications, learnt on ImageNet: fetched once by Keras itself, and kept as a `.keras` file.

Keras downloads them into its own cache (`$KERAS_HOME/models`, else `~/.keras/models`), with the checksums that it has
for them; a file that lies there already is used. What is kept beside it holds the network too, so that channels can be
told apart when they are narrowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from archscope.configs.applications import NATIVE, built_by_keras, cached_as, canonical
from archscope.design import Design
from archscope.errors import DesignError, RunError
from archscope.files import atomic_path
from archscope.interop.named import IMAGENET

_CLASSES = 1000

# The widths that there are weights for. Source: keras.applications.
_ALPHAS: Mapping[str, tuple[float, ...]] = {
    "MobileNet": (0.25, 0.5, 0.75, 1.0),
    "MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "MobileNetV3Small": (0.75, 1.0),
    "MobileNetV3Large": (0.75, 1.0),
}


def imagenet_file(design: Design) -> Path:
    """A `.keras` file of the network that `design` is based on, with ImageNet's weights.

    For a width that there are none for, it is the next wider network, else the widest. Raises DesignError for a model
    that keras.applications does not have, RunError where Keras cannot fetch the weights.
    """
    name = application_of(design.model)
    wanted = _arguments(name, design)
    path = cached_as(wanted, ".keras")
    if path.is_file():
        return path
    try:
        with atomic_path(path) as temporary:
            built_by_keras(wanted, temporary)
    except DesignError as error:
        raise _unfetched(name, error) from error
    return path


def application_of(model: str) -> str:
    """The network of keras.applications that a model is. Raises DesignError where it is none."""
    if model.startswith("keras:"):
        return canonical(model.removeprefix("keras:"))
    wanted = {"mobilenet_v1": "mobilenet"}.get(model, model.replace("_", ""))
    for name in NATIVE:
        if name.lower() == wanted:
            return name
    raise DesignError(
        f"{model} is no network of keras.applications, and has no weights of ImageNet", "give a file: --weights FILE"
    )


def _arguments(name: str, design: Design) -> dict[str, object]:
    """What Keras is to build: at the native size with the classifier, which is what the weights were learnt with."""
    side, given = NATIVE[name], design.arguments
    wanted: dict[str, object] = {"name": name, "input_shape": [side, side, 3], "weights": IMAGENET, "classes": _CLASSES}
    if given.get("depth_multiplier", 1) != 1:
        raise DesignError(f"{name} has no weights of ImageNet for another depth_multiplier than 1")
    if name in _ALPHAS:
        minimalistic = bool(given.get("minimalistic", False))
        if minimalistic:
            wanted["minimalistic"] = True
        alphas = (1.0,) if minimalistic else _ALPHAS[name]
        wanted["alpha"] = next((alpha for alpha in alphas if alpha >= given.get("alpha", 1.0)), alphas[-1])
    return wanted


def _unfetched(name: str, error: DesignError) -> RunError:
    failed = re.search(r"URL fetch failure on (\S+/(\S+)): (?:None -- )?(.*)", error.message)
    if failed is None:
        return RunError(
            f"Keras cannot load the weights of {name}: {error.message}", f"remove its damaged file from {_models()}"
        )
    url, file, reason = failed.groups()
    return RunError(
        f"Keras cannot download the weights of {name} ({reason[:80]})", f"put {url} at {_models() / file}, or try again"
    )


def _models() -> Path:
    """Where Keras keeps weights."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
