"""Readings of a trace: where the map collapses, what reads a 1x1 map, and layers grouped into blocks and stages."""

from archscope.analysis.collapse import Collapse, Share, collapse, final_map, last_before, map_read, share_on_1x1
from archscope.analysis.groups import BY, By, Group, group

__all__ = [
    "BY",
    "By",
    "Collapse",
    "Group",
    "Share",
    "collapse",
    "final_map",
    "group",
    "last_before",
    "map_read",
    "share_on_1x1",
]
