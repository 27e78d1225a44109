"""Single-image CPU latency: the protocol, the runtimes, and the fresh process that measures them."""

from archscope.latency.measure import measure
from archscope.latency.worker import RUNTIMES

__all__ = ["RUNTIMES", "measure"]
