"""The figures of a network that are neither good nor bad: how far it sees, and what memory it takes."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.analysis import border_layer, final_map, first_beyond, memory, receptive_fields
from archscope.graph import HEAD, Trace


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the body's last layer: output stride and receptive field, (height, width), None where it sees everything.

    `beyond`: the first layer whose receptive field exceeds the input. `border`: RFA-Toolbox's border layer, from which
    on nothing new comes into view (Richter et al. 2021, arXiv:2106.12307). `peak_bytes`: peak activation memory over
    the fused graph, in float32 and int8, and the layer at which it stands. `uncounted`: layers of unknown MACs.
    """

    final_map: tuple[int, ...]
    receptive_field: tuple[int, int] | None
    output_stride: tuple[str, str] | None
    beyond: str | None
    border: str | None
    peak_bytes: int
    peak_bytes_int8: int
    peak_layer: str
    layers: int
    uncounted: tuple[str, ...]


def facts(trace: Trace) -> Facts:
    """The facts of a traced network."""
    fields = receptive_fields(trace)
    last = next(row for row in reversed(trace.rows) if row.node.stage != HEAD)
    field = fields.get(last.name)
    peak = memory(trace)
    return Facts(
        final_map=final_map(trace),
        receptive_field=field.size if field else None,
        output_stride=(str(field.stride[0]), str(field.stride[1])) if field and field.stride else None,
        beyond=first_beyond(trace, fields),
        border=border_layer(trace, fields),
        peak_bytes=peak.peak_bytes,
        peak_bytes_int8=memory(trace, bytes_per_element=1).peak_bytes,
        peak_layer=peak.peak_layer,
        layers=len(trace.rows),
        uncounted=tuple(row.name for row in trace.uncounted),
    )
