"""Keras configurations as data <-> graphs: what a `.keras` file, a live model or keras.applications holds."""

from archscope.configs.archive import read_config
from archscope.configs.layers import ACTIVATIONS, UnknownLayerError, config_of, op_of
from archscope.configs.model import AnySizeError, graph_of
from archscope.configs.recorded import recorded_weights

__all__ = [
    "ACTIVATIONS",
    "AnySizeError",
    "UnknownLayerError",
    "config_of",
    "graph_of",
    "op_of",
    "read_config",
    "recorded_weights",
]
