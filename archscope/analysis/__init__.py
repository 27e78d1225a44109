"""Readings of a trace: collapse, taps, receptive fields, memory, and layers grouped into blocks and stages."""

from archscope.analysis.collapse import (
    Collapse,
    Share,
    collapse,
    final_map,
    gate_layers,
    last_before,
    map_read,
    share_on_1x1,
)
from archscope.analysis.groups import BY, By, Group, group
from archscope.analysis.memory import (
    BYTES,
    DTYPES,
    Dtype,
    LayerMemory,
    Memory,
    Tensor,
    TrainingMemory,
    memory,
    training_memory,
    weight_bytes,
)
from archscope.analysis.receptive import Field, border_layer, first_beyond, receptive_fields, seen
from archscope.analysis.signals import Signals, signals
from archscope.analysis.taps import Part, Taps, taps

__all__ = [
    "BY",
    "BYTES",
    "DTYPES",
    "By",
    "Collapse",
    "Dtype",
    "Field",
    "Group",
    "LayerMemory",
    "Memory",
    "Part",
    "Share",
    "Signals",
    "Taps",
    "Tensor",
    "TrainingMemory",
    "border_layer",
    "collapse",
    "final_map",
    "first_beyond",
    "gate_layers",
    "group",
    "last_before",
    "map_read",
    "memory",
    "receptive_fields",
    "seen",
    "share_on_1x1",
    "signals",
    "taps",
    "training_memory",
    "weight_bytes",
]
