"""What ran a training: versions and processor, for the record."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from archscope.cpus import usable_cpus

_PACKAGES = ("archscope-cnn", "keras", "tensorflow", "numpy", "ai-edge-litert")


def versions() -> dict[str, str]:
    """Python's version and those of the packages that matter to a figure; one that is not installed is left out.

    Where Keras is loaded and runs on another backend than TensorFlow, that is named too.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    keras = sys.modules.get("keras")
    backend = keras.backend.backend() if keras else "tensorflow"
    if backend != "tensorflow":
        found["keras backend"] = backend
    for package in dict.fromkeys((*_PACKAGES, backend)):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """`Linux x86_64, 2 CPUs, Intel Xeon ...`: no name of the host or its user."""
    system = f"{platform.system()} {platform.machine()}"
    return ", ".join(filter(None, [system, f"{usable_cpus()} CPUs", _processor()]))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
