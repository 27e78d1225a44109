"""Readings of a trace: collapse, taps, receptive fields, memory, channel groups, and layers by block and stage."""

from archscope.analysis.channels import (
    ChannelGroup,
    ChannelGroups,
    Segment,
    Segments,
    channel_groups,
)
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
from archscope.analysis.ties import is_depthwise

__all__ = [
    "BY",
    "BYTES",
    "DTYPES",
    "By",
    "ChannelGroup",
    "ChannelGroups",
    "Collapse",
    "Dtype",
    "Field",
    "Group",
    "LayerMemory",
    "Memory",
    "Part",
    "Segment",
    "Segments",
    "Share",
    "Signals",
    "Taps",
    "Tensor",
    "TrainingMemory",
    "border_layer",
    "channel_groups",
    "collapse",
    "final_map",
    "first_beyond",
    "gate_layers",
    "group",
    "is_depthwise",
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
