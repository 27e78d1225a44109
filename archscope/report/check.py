"""Judgements as lines for people, as records, as JUnit XML, and as GitHub workflow commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from xml.etree import ElementTree

from rich.text import Text

from archscope.budget import Judgement, Limits
from archscope.report.network import CHECK, CROSS
from archscope.report.numbers import listed, share

# Per limit: what the row is called (with the figure's unit), and what its blame counts.
_TITLES = {
    "max_params": ("parameters", "parameters"),
    "max_trainable_params": ("trainable parameters", "trainable parameters"),
    "max_macs": ("MACs", "MACs"),
    "max_weights": ("weights ({dtype}), bytes", "bytes"),
    "max_peak_ram": ("peak activations ({dtype}), bytes", "bytes"),
    "min_map": ("final map, least side", ""),
    "no_collapse": ("collapse", ""),
    "no_dead_taps": ("weights at dead taps", ""),
}
_STYLES = {CHECK: "green", "!": "yellow", CROSS: "red"}
_BLAME_MIN = 36


def title(judgement: Judgement, limits: Limits) -> str:
    return _TITLES[judgement.key][0].format(dtype=limits.dtype)


def glyph(judgement: Judgement) -> str:
    """The verdict in a sign: a figure that leaves layers out does not earn the tick."""
    verdict = judgement.verdict
    return CROSS if not verdict.holds else "!" if verdict.near or judgement.unknown else CHECK


def reason(judgement: Judgement) -> str:
    """What a verdict without a tick is about, in words; empty where all is well."""
    verdict, unit = judgement.verdict, _TITLES[judgement.key][1]
    parts = []
    if verdict.limit and not verdict.holds:
        parts.append(f"{'under' if verdict.least else 'over'} by {-verdict.margin:,} {unit}".rstrip())
    elif verdict.near:
        parts.append(f"near the limit: {verdict.margin:,} {unit} to spare")
    if judgement.stretch:
        run = judgement.stretch
        where = run.first if run.first == run.last else f"{run.first}..{run.last}"
        parts.append(f"{share(run.part, run.whole)} of all {unit} are in {where}")
    if judgement.layers:
        parts.append(_where(judgement))
    if judgement.unknown:
        parts.append(f"at least: nobody knows those of {listed(judgement.unknown)}")
    return "; ".join(parts)


def _where(judgement: Judgement) -> str:
    first, *others = judgement.layers
    if judgement.key == "max_peak_ram":
        return f"the peak is at {first}" + (f", while {listed(others)} is alive" if others else "")
    return f"{'first below it ' if judgement.key == 'min_map' else ''}at {listed(judgement.layers)}"


def sentence(judgement: Judgement, limits: Limits) -> str:
    """One verdict on one line: `✗ parameters: 2,270,794 of 600,000 (378.5%): over by ...`."""
    told = reason(judgement)
    return f"{glyph(judgement)} {title(judgement, limits)}: {_measure(judgement)}{f': {told}' if told else ''}"


def _measure(judgement: Judgement) -> str:
    verdict = judgement.verdict
    if not verdict.limit:
        return f"{verdict.figure:,}, and none is allowed" if verdict.figure else "none"
    if verdict.least:
        return f"{verdict.figure:,}, and {verdict.limit:,} is the least"
    return f"{verdict.figure:,} of {verdict.limit:,} ({share(verdict.figure, verdict.limit)})"


def verdict_lines(judgements: Sequence[Judgement], limits: Limits, width: int) -> Iterator[Text]:
    """A verdict a line in columns, the reason behind it or, where there is no room, below."""
    cells = [("limit", "figure", "allowed", "share"), *(_cells(judgement, limits) for judgement in judgements)]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    if sum(widths) + 8 > width:
        # The share is in the figures; then the name gives way.
        cells, widths = [row[:3] for row in cells], widths[:3]
        widths[0] = max(min(widths[0], width - sum(widths[1:]) - 6), 1)
    lines = [_row(row, widths) for row in cells]
    yield Text(f"  {lines[0]}"[:width].rstrip(), style="bold")
    for judgement, line in zip(judgements, lines[1:], strict=True):
        sign, told = glyph(judgement), reason(judgement)
        room = width - len(line) - 4
        beside = bool(told) and (room >= len(told) or room >= _BLAME_MIN)
        wrapped = wrap(told, room if beside else max(width - 4, 10))
        head = f"{sign} {line}" + (f"  {wrapped.pop(0)}" if beside else "")
        yield Text(head[:width].rstrip(), style=_STYLES[sign])
        indent = " " * (len(line) + 4 if beside else 4)
        for rest in wrapped:
            yield Text(indent + rest, style=_STYLES[sign])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = cells
    name = name if len(name) <= widths[0] else name[: widths[0] - 1] + "…"
    aligned = (f"{figure:>{width}}" for figure, width in zip(figures, widths[1:], strict=True))
    return "  ".join([f"{name:<{widths[0]}}", *aligned])


def _cells(judgement: Judgement, limits: Limits) -> tuple[str, ...]:
    verdict = judgement.verdict
    allowed = "none" if not verdict.limit else f"{'>= ' if verdict.least else ''}{verdict.limit:,}"
    counts = verdict.limit and not verdict.least
    of_limit = share(verdict.figure, verdict.limit) if counts else ""
    return title(judgement, limits), f"{verdict.figure:,}" if verdict.figure else "none", allowed, of_limit


def summary(judgements: Sequence[Judgement]) -> str:
    """`✗ 2 of 4 limits are broken.`"""
    broken, count = sum(not judgement.verdict.holds for judgement in judgements), len(judgements)
    noun = "limit" if count == 1 else "limits"
    if broken:
        return f"{CROSS} {broken} of {count} {noun} {'is' if broken == 1 else 'are'} broken."
    return f"{CHECK} {'The limit holds' if count == 1 else f'All {count} limits hold'}."


def check_records(judgements: Sequence[Judgement], limits: Limits) -> list[dict[str, object]]:
    """Raw figures for machines; weights and peak RAM are bytes."""
    return [
        {
            "limit": judgement.key,
            "title": title(judgement, limits),
            "holds": judgement.verdict.holds,
            "near": judgement.verdict.near,
            "figure": judgement.verdict.figure,
            "allowed": judgement.verdict.limit,
            "share": judgement.verdict.share if judgement.verdict.limit else None,
            "margin": judgement.verdict.margin,
            "reason": reason(judgement),
            "blocks": None
            if judgement.stretch is None
            else {
                "first": judgement.stretch.first,
                "last": judgement.stretch.last,
                "figure": judgement.stretch.part,
                "total": judgement.stretch.whole,
            },
            "layers": list(judgement.layers),
            "uncounted_layers": list(judgement.unknown),
        }
        for judgement in judgements
    ]


def junit(judgements: Sequence[Judgement], limits: Limits, spec: str) -> str:
    """One test case a limit, in the dialect that Jenkins and GitLab share."""
    broken = str(sum(not judgement.verdict.holds for judgement in judgements))
    counts = {"tests": str(len(judgements)), "failures": broken, "errors": "0", "skipped": "0", "time": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "archscope check", **counts})
    for judgement in judgements:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": _printable(spec), "name": judgement.key, "time": "0"}
        )
        told = _printable(sentence(judgement, limits))
        if judgement.verdict.holds:
            ElementTree.SubElement(case, "system-out").text = told
        else:
            ElementTree.SubElement(case, "failure", {"type": judgement.key, "message": told}).text = told
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def github(judgements: Sequence[Judgement], limits: Limits, heading: str) -> str:
    """GitHub workflow commands: an error for each broken limit, a warning for one that is near, plain lines else.

    Source of the escapes: actions/toolkit, packages/core/src/command.ts.
    """
    lines = [_printable(heading)]
    for judgement in judgements:
        told = sentence(judgement, limits)
        command = {CROSS: "error", "!": "warning"}.get(glyph(judgement))
        name = _escaped(f"archscope check {judgement.key}").replace(":", "%3A").replace(",", "%2C")
        # A plain line must not be able to become a command.
        lines.append(f"::{command} title={name}::{_escaped(told)}" if command else _printable(told))
    return "".join(f"{line}\n" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _printable(text: str) -> str:
    """Layers may carry any name; XML and logs take no control characters."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)
