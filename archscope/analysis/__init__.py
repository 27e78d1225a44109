"""Readings of a trace: where the map collapses, what reads a 1x1 map, and layers grouped into blocks and stages."""

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

__all__ = [
    "BY",
    "BYTES",
    "DTYPES",
    "By",
    "Collapse",
    "Dtype",
    "Group",
    "LayerMemory",
    "Memory",
    "Share",
    "Tensor",
    "TrainingMemory",
    "collapse",
    "final_map",
    "gate_layers",
    "group",
    "last_before",
    "map_read",
    "memory",
    "share_on_1x1",
    "training_memory",
    "weight_bytes",
]
