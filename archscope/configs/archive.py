"""The `.keras` archive as data: its table of contents is checked, its configuration read, its weights listed.

Nothing of it is run, and nothing is unpacked: sizes are bounded before they are read.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archscope.errors import RunError, reason_of

MAX_CONFIG_BYTES = 8 * 2**20  # NASNetLarge's is 1 MB
MAX_WEIGHTS_BYTES = 2**30
CONFIG, WEIGHTS = "config.json", "model.weights.h5"

_MEMBERS = {CONFIG: MAX_CONFIG_BYTES, "metadata.json": MAX_CONFIG_BYTES, WEIGHTS: MAX_WEIGHTS_BYTES}


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a `.keras` file as JSON values, after the archive's table of contents has been checked.

    Raises RunError where the file is missing, damaged, too large, or holds anything but a model.
    """
    if path.suffix != ".keras":
        raise RunError(f"{path} is not named .keras", "give a file that model.save('NAME.keras') wrote")
    try:
        # To open a pipe would wait for whoever writes into it.
        if path.exists() and not path.is_file():
            raise RunError(f"{path} is no file", "give the .keras file or the run folder that holds it")
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            config = json.loads(archive.read(CONFIG))
    except FileNotFoundError:
        raise RunError(f"no file {path}", "give the .keras file or the run folder that holds it") from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}") from error
    except zipfile.BadZipFile as error:
        raise RunError(
            f"{path} is not a .keras archive, or a truncated one ({error})", "take an undamaged copy"
        ) from error
    # zipfile raises the last two for an encrypted member and for an unknown compression.
    except (ValueError, RecursionError, RuntimeError, NotImplementedError) as error:
        raise RunError(f"{path}: config.json cannot be read: {error}", "take an undamaged copy") from error
    if not isinstance(config, dict) or "class_name" not in config:
        raise RunError(f"{path}: config.json describes no model", "save the whole model with model.save()")
    return config


def layer_groups(
    config: Mapping[str, Any], names: tuple[str, ...] = (), group: str = "layers"
) -> Iterator[tuple[tuple[str, ...], str]]:
    """For the layers of a model, and of the models in it, the group of the weight file that holds each."""
    used: dict[str, int] = {}
    for layer in config["config"]["layers"]:
        snake = snake_case(str(layer["class_name"]).split(">")[-1])
        number = used[snake] = used.get(snake, -1) + 1
        place = f"{group}/{snake}_{number}" if number else f"{group}/{snake}"
        inner = layer["config"]
        own = (*names, str(inner.get("name", layer.get("name"))))
        yield own, place
        if "layers" in inner:
            yield from layer_groups(layer, own, f"{place}/layers")


def snake_case(name: str) -> str:
    """Keras' own: `Conv2D` is `conv2d`, `LayerScale` is `layer_scale`. Source: keras.src.utils.naming.to_snake_case."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    names: Sequence[str] = [member.filename for member in archive.infolist()]
    if len(set(names)) != len(names):
        raise RunError(f"{path} holds two members of one name", "take a copy that Keras wrote")
    for member in archive.infolist():
        if member.filename not in _MEMBERS:
            raise RunError(
                f"{path} holds {member.filename!r:.100}, which no image network needs", "take a copy that Keras wrote"
            )
        if member.file_size > _MEMBERS[member.filename]:
            raise RunError(
                f"{path}: {member.filename} unpacks to {member.file_size:,} bytes, and "
                f"{_MEMBERS[member.filename]:,} is the limit",
                "take a copy that Keras wrote",
            )
    missing = sorted({CONFIG, WEIGHTS} - set(names))
    if missing:
        raise RunError(f"{path} lacks {' and '.join(missing)}", "save the whole model with model.save()")
