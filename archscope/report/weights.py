"""What became of a network's weights, as a table and as sentences: exact, adapted or new, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.report.numbers import listed
from archscope.report.table import Column, Line, Table, thousands

if TYPE_CHECKING:
    from archscope.interop.carry import Carriage

_STYLES = {"exact": "", "adapted": "", "new": "yellow"}
_MARKS = {"exact": "✓ exact", "adapted": "~ adapted", "new": "+ new"}


def weights_table(carriage: Carriage, every: bool) -> Table:
    """A row for each layer with weights; without `every`, for those that are not exact."""
    columns = (
        Column("layer", "layer", left=True),
        Column("outcome", "weights", lambda value: _MARKS[str(value)], left=True),
        Column("params", "params", thousands, keep=8),
        Column("how", "how", left=True),
    )
    shown = [one for one in carriage.transplant.layers if every or one.outcome != "exact"]
    return Table(
        columns, tuple(Line((one.layer, one.outcome, one.params, one.how), _STYLES[one.outcome]) for one in shown)
    )


def weights_records(carriage: Carriage) -> list[dict[str, object]]:
    """Every layer for machines."""
    return [
        {
            "layer": one.layer,
            "kind": one.kind,
            "block": one.block,
            "params": one.params,
            "outcome": one.outcome,
            "how": one.how,
            "source_layer": one.source,
            "untouched": one.layer in carriage.prefix.layers,
        }
        for one in carriage.transplant.layers
    ]


def weights_sentence(carriage: Carriage) -> str:
    """`exact 52 layers (2,223,872 params) · adapted 3 (1,204) · new 2 (12,810): head_conv, head_dense`."""
    parts = []
    for outcome in ("exact", "adapted", "new"):
        layers = carriage.transplant.having(outcome)
        if not layers and outcome != "exact":
            continue
        params = sum(one.params for one in layers)
        names = f": {listed([one.layer for one in layers])}" if outcome == "new" else ""
        unit = (" layer" if len(layers) == 1 else " layers") if outcome == "exact" else ""
        parts.append(f"{outcome} {len(layers):,}{unit} ({params:,} params){names}")
    return " · ".join(parts)


def kept_sentence(carriage: Carriage) -> list[str]:
    """Which channels adapted layers keep, where there are any."""
    adapted = bool(carriage.transplant.having("adapted"))
    chosen = "the channels whose filters have the largest L1 norm, the same in all layers that share them"
    return [f"Kept are {chosen}; what is not from there starts fresh."] if adapted else []


def prefix_sentences(carriage: Carriage) -> list[str]:
    """How far the network computes what the source's does, and how that was found out; what differs before it."""
    prefix = carriage.prefix
    said = []
    if not prefix.ends:
        said.append("no layer is untouched: the first one with weights is changed, or takes new ones")
    else:
        upto = f"up to {listed(prefix.ends)} {'nothing is changed' if prefix.known else 'all weights are exact'}"
        if prefix.difference is not None:
            images = "1 random image" if prefix.images == 1 else f"{prefix.images} random images"
            said.append(f"✓ {upto}: the same activations as before on {images} (max|a - b| {prefix.difference:.0e})")
        else:
            said.append(f"{upto} (not computed{f': {prefix.why}' if prefix.why else ''})")
    if prefix.reading:
        said.append(prefix.reading)
    return said


def frozen_sentence(carriage: Carriage) -> str:
    """What stays as it is."""
    frozen = [one for one in carriage.transplant.layers if one.layer in carriage.prefix.layers]
    params = sum(one.params for one in frozen)
    return f"frozen: {len(frozen):,} layers ({params:,} params), up to {listed(carriage.prefix.ends)}"
