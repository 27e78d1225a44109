"""archscope: see where a small-image CNN loses its image, repair it, price it, prove the repair by training.

    import archscope

    net = archscope.build("mobilenet_v2", input=32, alpha=0.9)   # or a spec, keras:NAME, the path of a .keras file
    net = archscope.from_keras(model)                            # or a live model, with what it has learnt
    net.diagnose()
    repaired = net.cut("block_12_add", head=1000).stride("Conv1", to=1)
    repaired.params, repaired.macs
    model = repaired.lower()

Nothing is imported before it is asked for; only `from_keras` and `lower` need Keras.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archscope.api import Diagnosis, Network, build, from_keras
    from archscope.errors import ArchscopeError

__version__ = "0.1.0"

__all__ = ["ArchscopeError", "Diagnosis", "Network", "__version__", "build", "from_keras"]

_HOMES = {
    "ArchscopeError": "archscope.errors",
    "Diagnosis": "archscope.api",
    "Network": "archscope.api",
    "build": "archscope.api",
    "from_keras": "archscope.api",
}


def __getattr__(name: str) -> object:
    # The command line imports this package first, and must not pay for what it does not use (PEP 562).
    if name not in _HOMES:
        raise AttributeError(f"module 'archscope' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
