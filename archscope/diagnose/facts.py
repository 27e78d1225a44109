"""The figures of a network that are neither good nor bad: how far it sees, and what memory it takes."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.analysis import (
    DTYPES,
    Dtype,
    border_layer,
    final_map,
    first_beyond,
    memory,
    receptive_fields,
    training_memory,
    weight_bytes,
)
from archscope.graph import HEAD, Trace


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the body's last layer: output stride and receptive field, (height, width), None where it sees everything.

    `beyond`: the first layer whose receptive field exceeds the input. `border`: RFA-Toolbox's border layer, from which
    on nothing new comes into view (Richter et al. 2021, arXiv:2106.12307). `peak_bytes`: peak activation memory over
    the fused graph, in float32 and int8, the layer at which it stands and the layers whose tensors
    are alive there; `peak_bytes_unfused` with every op's tensor
    its own. `training_bytes`: an estimate for batches of `batch`: kept activations, weights, gradients and one
    optimizer slot. `uncounted`: layers of unknown MACs.
    """

    final_map: tuple[int, ...]
    receptive_field: tuple[int, int] | None
    output_stride: tuple[str, str] | None
    beyond: str | None
    border: str | None
    peak_bytes: int
    peak_bytes_int8: int
    peak_bytes_unfused: int
    peak_layer: str
    alive: tuple[str, ...]
    weight_bytes: dict[Dtype, int]
    batch: int
    training_bytes: int
    uncounted: tuple[str, ...]


def facts(trace: Trace, batch: int = 128) -> Facts:
    """The facts of a traced network. Raises TrainingError for a batch below 1."""
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
        peak_bytes_unfused=memory(trace, fused=False).peak_bytes,
        peak_layer=peak.peak_layer,
        alive=tuple(tensor.layer for tensor in peak.alive),
        weight_bytes={dtype: weight_bytes(trace, dtype) for dtype in DTYPES},
        batch=batch,
        training_bytes=training_memory(trace, batch).total_bytes,
        uncounted=tuple(row.name for row in trace.uncounted),
    )
