"""What the analyses say about single layers, brought together: one value per layer, ready for a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archscope.analysis.collapse import gate_layers, map_read
from archscope.analysis.memory import memory
from archscope.analysis.receptive import receptive_fields
from archscope.analysis.taps import taps
from archscope.graph import Trace


@dataclass(frozen=True, slots=True)
class Signals:
    """One layer's signals. Pairs are (height, width); sizes are bytes in float32; taps count kernel positions.

    `activation_bytes` is the layer's own tensor and `alive_bytes` all that is alive while it runs, over the fused
    graph; a layer that is folded into its producer has 0 of its own. `receptive_field` and `output_stride` are None
    behind a global op.
    """

    output_stride: tuple[str, str] | None
    receptive_field: tuple[int, int] | None
    taps: int
    dead_taps: int
    dead_weights: int
    padding_macs: int
    reads_1x1: bool
    activation_bytes: int
    alive_bytes: int


def signals(trace: Trace) -> Mapping[str, Signals]:
    """The signals of every layer, in the graph's order."""
    fields, kernels, gates = receptive_fields(trace), taps(trace), gate_layers(trace)
    held = {layer.layer: layer for layer in memory(trace).per_layer}
    found = {}
    for row in trace:
        field, kernel = fields[row.name], kernels.get(row.name)
        found[row.name] = Signals(
            output_stride=(str(field.stride[0]), str(field.stride[1])) if field.stride else None,
            receptive_field=field.size,
            taps=kernel.kernel[0] * kernel.kernel[1] if kernel else 0,
            dead_taps=kernel.dead if kernel else 0,
            dead_weights=kernel.dead_weights if kernel else 0,
            padding_macs=kernel.padding_macs if kernel else 0,
            reads_1x1=map_read(trace, row) == (1, 1) and row.name not in gates,
            activation_bytes=held[row.name].bytes,
            alive_bytes=held[row.name].alive_bytes,
        )
    return found
