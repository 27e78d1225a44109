"""The process that builds a network of keras.applications: its arguments are what to build, as JSON, and the file to
write its configuration to; with `weights` among what to build, the file holds the weights as well, as a `.keras` file
does. What goes wrong is the last line on stderr, and exit code 1; where Keras refuses what it is asked for, 3.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def main(wanted: str, target: str) -> None:
    from archscope.configs.applications import REFUSED_EXIT
    from archscope.interop.framework import load_framework

    load_framework()
    import keras

    arguments = json.loads(wanted)
    build = getattr(keras.applications, arguments.pop("name"))
    shape = tuple(arguments.pop("input_shape"))
    weights = arguments.pop("weights", None)
    try:
        model = build(weights=weights, input_shape=shape, **arguments)
    except Exception as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        # Keras refuses arguments by a ValueError; a download or the memory fails with others.
        sys.exit(REFUSED_EXIT if isinstance(error, ValueError) else 1)
    if weights is None:
        Path(target).write_text(model.to_json(), encoding="utf-8")
    else:
        _write_whole(model, Path(target))


def _write_whole(model: keras.Model, target: Path) -> None:
    """A `.keras` file without the time of day, so that the same weights are the same bytes."""
    from archscope.configs.archive import CONFIG, WEIGHTS

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / WEIGHTS
        model.save_weights(weights)
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr(zipfile.ZipInfo(CONFIG), model.to_json())
            with archive.open(zipfile.ZipInfo(WEIGHTS), "w") as member, weights.open("rb") as stream:
                while block := stream.read(2**20):
                    member.write(block)


if __name__ == "__main__":
    main(*sys.argv[1:])
