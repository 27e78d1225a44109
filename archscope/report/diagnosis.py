"""A diagnosis as sentences, a table of remedies, and a record."""

from __future__ import annotations

from dataclasses import asdict

from archscope.diagnose.facts import Facts
from archscope.diagnose.findings import Collapsed, Cramped, DeadWeights, Diagnosis, Finding, Foldable
from archscope.diagnose.remedies import Remedy
from archscope.graph import Trace, shape_text
from archscope.report.commands import short_commands
from archscope.report.network import CHECK, CROSS, collapse_sentence, coverage_line
from archscope.report.numbers import listed, map_text, share
from archscope.report.signals import pair_text
from archscope.report.table import Column, Line, Table, thousands

COMMAND_WIDTH = 34
"""Of a remedy's commands so much is shown before columns are."""


def finding_line(finding: Finding) -> str:
    """One finding with its evidence: layers, numbers, denominators."""
    match finding:
        case Collapsed(at, of):
            return f"{CROSS} {collapse_sentence(at, of)}"
        case DeadWeights(layers, weights, params):
            named = [f"{name} {dead} of {taps} taps" for name, dead, taps, _ in layers]
            return (
                f"{CROSS} Dead weights: {weights:,} of {params:,} body parameters ({share(weights, params)}) only ever "
                f"multiply zeros, their gradient is exactly zero: {listed(named)}."
            )
        case Foldable(layers, weights):
            return (
                f"! Scales in disguise: spatial kernels with {weights:,} weights read a 1x1 map, where each channel's "
                f"kernel is one number and could be folded: {listed(layers)}."
            )
        case Cramped(layers, padding, macs):
            named = [f"{name} {100 * part:.0f}%" for name, part in layers]
            return (
                f"! Cramped: at least half of a layer's MACs multiply padding ({padding:,} of the network's {macs:,} "
                f"in all): {listed(named)}."
            )


def clean_bill(trace: Trace) -> str:
    size = shape_text(trace.input)
    unknown = [row.name for row in trace.uncounted]
    but = f"; nothing is known of {listed(unknown)}" if unknown else ""
    good = "the map never collapses, every kernel tap sees the image, no layer is cramped"
    return f"{CHECK} Healthy at {size}: {good}{but}."


def fact_lines(known: Facts, trace: Trace) -> list[str]:
    """Receptive field, memory and coverage, one sentence each."""
    lines = []
    if known.receptive_field and known.output_stride:
        beyond = f", beyond the input from {known.beyond} on" if known.beyond else ", within the input"
        border = f"; border layer (RFA-Toolbox): {known.border}" if known.border else ""
        seen, stride = map_text(known.receptive_field), pair_text(known.output_stride)
        lines.append(f"receptive field {seen}, output stride {stride}{beyond}{border}")
    lines.append(
        f"peak activation memory {known.peak_bytes:,} bytes in float32, {known.peak_bytes_int8:,} in int8, "
        f"at {known.peak_layer} (alive: {', '.join(known.alive)}); {known.peak_bytes_unfused:,} in float32 unfused"
    )
    weights = ", ".join(f"{size:,} in {dtype}" for dtype, size in known.weight_bytes.items())
    lines.append(
        f"weight bytes {weights}; training in batches of {known.batch} keeps about {known.training_bytes:,} bytes"
    )
    return [*lines, coverage_line(trace)]


def remedy_table(diagnosis: Diagnosis, before: Trace) -> Table:
    """The remedies with their exact prices, numbered as `--apply` takes them."""
    columns = (
        Column("remedy", " K remedy", left=True),
        Column("final_map", "final map"),
        Column("collapse", "collapse", left=True, keep=3),
        Column("params", "params", thousands, keep=8),
        Column("macs", "MACs", thousands, keep=7),
        Column("macs_factor", "MACs x", lambda value: f"{value:.2f}"),
        Column("params_factor", "params x", lambda value: f"{value:.2f}", keep=4),
        Column("dead_weights", "dead", thousands, keep=2),
    )
    singles = len(diagnosis.remedies.single)
    lines = []
    for number, remedy in enumerate(diagnosis.remedies, 1):
        first = "combinations" if number == singles + 1 else ""
        lines.append(Line(_remedy_values(number, remedy, before), rule=first))
    return Table(columns, tuple(lines), name_min=COMMAND_WIDTH)


def _remedy_values(number: int, remedy: Remedy, before: Trace) -> tuple[str | int | float, ...]:
    after, left = remedy.after, remedy.left
    return (
        f"{number:>2} {short_commands(remedy.edits)}",
        shape_text(remedy.final_map),
        f"{CROSS} {remedy.collapse.layer}" if remedy.collapse else f"{CHECK} none",
        after.params,
        after.macs,
        after.macs / before.macs if before.macs else 0.0,
        after.params / before.params if before.params else 0.0,
        left.dead_weights,
    )


def diagnosis_record(diagnosis: Diagnosis, known: Facts, before: Trace, lines: dict[int, str]) -> dict[str, object]:
    """Findings, facts and remedies for machines, raw."""
    return {
        "healthy": not diagnosis.findings,
        "findings": [
            {"kind": _KINDS[type(finding)], "sentence": finding_line(finding)[2:], **asdict(finding)}
            for finding in diagnosis.findings
        ],
        "facts": asdict(known),
        "remedies": [
            {
                "number": number,
                "command": lines[number],
                "final_map": list(remedy.final_map),
                "collapse": remedy.collapse.layer if remedy.collapse else None,
                "params": remedy.after.params,
                "params_change": remedy.after.params - before.params,
                "macs": remedy.after.macs,
                "macs_change": remedy.after.macs - before.macs,
                "dead_weights": remedy.left.dead_weights,
                "params_on_1x1_map": remedy.left.params_on_1x1,
            }
            for number, remedy in enumerate(diagnosis.remedies, 1)
        ],
    }


_KINDS: dict[type[Finding], str] = {
    Collapsed: "collapse",
    DeadWeights: "dead_weights",
    Foldable: "foldable_kernels",
    Cramped: "cramped",
}
