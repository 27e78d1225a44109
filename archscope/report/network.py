"""Tables and sentences about a traced network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from archscope.analysis import By, Collapse, Group, Share, collapse, final_map, group, share_on_1x1, signals
from archscope.graph import HEAD, Trace, shape_text
from archscope.report.facts import BlockRow
from archscope.report.numbers import keras_size, map_text, share, si
from archscope.report.signals import signal_columns
from archscope.report.table import Column, Line, Table, Value, percent, thousands

SCHEMA_VERSION = 1
CROSS, CHECK = "✗", "✓"

_COLUMNS = (
    Column("output_shape", "output"),
    Column("stride", "stride", keep=4),
    Column("params", "params", thousands),
    Column("params_share", "params %", percent, keep=6),
    Column("macs", "MACs", thousands, keep=8),
    Column("macs_share", "MACs %", percent, keep=5),
)


def headline(spec: str, trace: Trace, source: str) -> tuple[str, str]:
    """The two halves of every command's first line: which network, from where; what it costs."""
    classes = f"{trace.output[-1]} classes" if trace.graph.has_head else "no head"
    return f"{spec} · {classes} · {source}", f"{trace.params:,} params · {si(trace.macs)} MACs"


def shape_table(trace: Trace, by: By, more: Sequence[str] = ()) -> Table:
    """Rows by layer, block or stage, with the collapse as a rule above the row in which it happens.

    `more` names columns of `report.signals`. Raises DesignError for a name that is none.
    """
    extra = signal_columns(more)
    found = signals(trace) if extra else {}
    fallen, params, macs = collapse(trace), trace.params, trace.macs
    lines, behind = [], False
    for row in group(trace, by):
        here = fallen is not None and fallen.layer in row
        behind = behind or here
        style = "dim" if behind and row.rows[0].node.stage != HEAD else ""
        layers = [found[layer.name] for layer in row.rows] if extra else []
        values = (*_values(row, by, params, macs), *(read(row, layers) for _, read in extra))
        lines.append(Line(values, style, collapse_text(fallen) if fallen and here else ""))
    total: tuple[Value, ...] = ("total", None, None, None, params, 1.0, macs, 1.0, *[None] * len(extra))
    second = (
        Column("kind", "kind", left=True, keep=3) if by == "layer" else Column("ends_at", "ends at", left=True, keep=1)
    )
    columns = (Column("name", by, left=True), second, *_COLUMNS, *(column for column, _ in extra))
    return Table(columns, tuple(lines), total)


def _values(row: Group, by: By, params: int, macs: int) -> tuple[Value, ...]:
    """The cells of a row; params and macs are those of the whole network."""
    height, width = row.stride
    return (
        row.name,
        row.last.node.kind if by == "layer" else row.last.name,
        shape_text(row.output),
        str(height) if height == width else f"{height}x{width}",
        row.params,
        row.params / params if params else 0.0,
        row.macs,
        row.macs / macs if macs else 0.0,
    )


def coverage_line(trace: Trace) -> str:
    """How many ops were counted, and which were not."""
    unknown = [row.name for row in trace.uncounted]
    named = f"; unknown: {', '.join(unknown)}" if unknown else ""
    return f"coverage: {len(trace.rows) - len(unknown)} of {len(trace.rows)} ops counted{named}"


def collapse_text(fallen: Collapse) -> str:
    """`✗ COLLAPSE block_13_depthwise 2x2 -> 1x1`."""
    return f"{CROSS} COLLAPSE {_fall(fallen)}"


def _fall(fallen: Collapse) -> str:
    return f"{fallen.layer} {map_text(fallen.before)} -> {map_text(fallen.after)}"


def verdict(trace: Trace) -> str:
    """What the table shows, in a sentence with its denominators."""
    fallen, on_1x1, end = collapse(trace), share_on_1x1(trace), map_text(final_map(trace))
    if fallen is None and not on_1x1.layers:
        return f"{CHECK} The map never collapses: the body ends {'in a vector' if end == '-' else f'at {end}'}."
    return f"{CROSS} {collapse_sentence(fallen, on_1x1)}"


def collapse_sentence(fallen: Collapse | None, on_1x1: Share) -> str:
    """Where the map collapses, and what works on the rest of it.

    None: nowhere. The image is 1x1, or a layer without a rule makes such a map, or the network ends inside a gate.
    """
    parts = (
        f"layers that read a 1x1 map hold {on_1x1.params:,} of {on_1x1.body_params:,} body parameters "
        f"({share(on_1x1.params, on_1x1.body_params)}) and {on_1x1.macs:,} of {on_1x1.body_macs:,} body MACs "
        f"({share(on_1x1.macs, on_1x1.body_macs)})."
    )
    if fallen is None:
        everything = on_1x1.params == on_1x1.body_params
        begin = "The map is 1x1 from the input on:" if everything else "No layer makes the map collapse, but"
        return f"{begin} {parts}"
    where = f"{fallen.layer} ({map_text(fallen.before)} -> {map_text(fallen.after)})"
    return f"The map collapses at {where}; {parts}"


def network_record(spec: str, digest: str, source: str, trace: Trace) -> dict[str, object]:
    """The figures of a network for machines, raw, with units in the keys."""
    fallen, on_1x1 = collapse(trace), share_on_1x1(trace)
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": spec,
        "digest": digest,
        "source": source,
        "input_shape": list(trace.input),
        "output_shape": list(trace.output),
        "final_map": list(final_map(trace)),
        "params": trace.params,
        "trainable_params": trace.trainable_params,
        "non_trainable_params": trace.non_trainable_params,
        "weight_bytes": 4 * trace.params,
        "macs": trace.macs,
        "collapse": None
        if fallen is None
        else {
            "layer": fallen.layer,
            "block": fallen.block,
            "map_before": list(fallen.before),
            "map_after": list(fallen.after),
        },
        "reads_1x1_map": {
            "layers": on_1x1.layers,
            "params": on_1x1.params,
            "body_params": on_1x1.body_params,
            "macs": on_1x1.macs,
            "body_macs": on_1x1.body_macs,
        },
    }


def layer_records(trace: Trace) -> list[dict[str, object]]:
    """Every layer for machines, raw, with its signals."""
    found = signals(trace)
    return [
        {
            "name": row.name,
            "kind": row.last.node.kind,
            "block": row.last.node.block,
            "stage": row.last.node.stage,
            "inputs": list(row.last.node.inputs),
            "output_shape": list(row.output),
            "stride": list(row.stride),
            "params": row.params,
            "trainable_params": row.last.trainable_params,
            "macs": row.macs,
            **asdict(found[row.name]),
        }
        for row in group(trace, "layer")
    ]


def param_table(trace: Trace, by: By) -> Table:
    """Rows with weights, by layer, block or stage: counts and shares."""
    columns = (
        Column("name", by, left=True),
        Column("params", "params", thousands),
        Column("trainable_params", "trainable", thousands, keep=5),
        Column("non_trainable_params", "non-trainable", thousands, keep=4),
        Column("params_share", "params %", percent, keep=6),
    )
    lines = [
        Line((row.name, row.params, row.trainable_params, row.params - row.trainable_params, row.params / trace.params))
        for row in group(trace, by)
        if row.params
    ]
    total = ("total", trace.params, trace.trainable_params, trace.non_trainable_params, 1.0)
    return Table(columns, tuple(lines), total)


def param_totals(trace: Trace) -> tuple[str, str, str]:
    """The three lines under Keras' summary, letter by letter."""
    return (
        f"Total params: {trace.params:,} ({keras_size(trace.params)})",
        f"Trainable params: {trace.trainable_params:,} ({keras_size(trace.trainable_params)})",
        f"Non-trainable params: {trace.non_trainable_params:,} ({keras_size(trace.non_trainable_params)})",
    )


def block_rows(trace: Trace) -> tuple[BlockRow, ...]:
    """The blocks as the run's page draws them."""
    fallen, behind, rows = collapse(trace), False, []
    for block in group(trace, "block"):
        here = fallen if fallen is not None and fallen.layer in block else None
        behind = behind or here is not None
        rows.append(
            BlockRow(
                name=block.name,
                map=map_text(block.output[:-1]),
                channels=block.output[-1],
                params=block.params,
                macs=block.macs,
                behind=behind and block.name != HEAD,
                collapse=_fall(here) if here else "",
            )
        )
    return tuple(rows)


def change_table(before: Trace, after: Trace) -> Table:
    """What an edit changes: parameters, MACs, final map, collapse."""
    columns = (
        Column("figure", "", left=True),
        Column("before", "before"),
        Column("after", "after"),
        Column("change", "change", keep=1),
    )
    falls = [collapse(trace) for trace in (before, after)]
    names = [fallen.layer if fallen else "none" for fallen in falls]
    glyphs = [f"{CROSS} {name}" if fallen else f"{CHECK} {name}" for fallen, name in zip(falls, names, strict=True)]
    return Table(
        columns,
        (
            Line(("params", f"{before.params:,}", f"{after.params:,}", _change(before.params, after.params))),
            Line(("MACs", f"{before.macs:,}", f"{after.macs:,}", _change(before.macs, after.macs))),
            Line(("final map", shape_text(final_map(before)), shape_text(final_map(after)), "")),
            Line(("collapse", glyphs[0], glyphs[1], "")),
        ),
    )


def _change(before: int, after: int) -> str:
    if before == after or not before:
        return "same" if before == after else ""
    factor = after / before
    return f"x{factor:.2f}" if factor >= 2 else f"{100 * (factor - 1):+.1f}%"
