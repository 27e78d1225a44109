"""The process that builds a network of keras.applications: its arguments are what to build, as JSON, and the file to
write its configuration to. What goes wrong is the last line on stderr, and exit code 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(wanted: str, target: str) -> None:
    from archscope.interop.framework import load_framework

    load_framework()
    import keras

    arguments = json.loads(wanted)
    build = getattr(keras.applications, arguments.pop("name"))
    shape = tuple(arguments.pop("input_shape"))
    try:
        model = build(weights=None, input_shape=shape, **arguments)
    except Exception as error:  # Keras refuses with nearly any type.
        sys.exit(" ".join(str(error).split()))
    Path(target).write_text(model.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
