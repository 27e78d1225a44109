"""The process that makes a LiteRT file where Keras does not run on TensorFlow: its arguments are a `.keras` file and
the `.tflite` file to write. What goes wrong is the last line on stderr, and exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from archscope.errors import ArchscopeError


def main(source: str, target: str) -> None:
    from archscope.interop.export import litert_bytes
    from archscope.interop.framework import load_framework
    from archscope.interop.read import read_keras

    try:
        load_framework()
        Path(target).write_bytes(litert_bytes(read_keras(Path(source))))
    except ArchscopeError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main(*sys.argv[1:])
