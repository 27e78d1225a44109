"""The Python interface: networks as values, for scripts and notebooks."""

from archscope.api.diagnosis import Diagnosis
from archscope.api.network import Network, build, from_keras

__all__ = ["Diagnosis", "Network", "build", "from_keras"]
