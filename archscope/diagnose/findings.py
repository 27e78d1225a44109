"""What is wrong with a network at its input size, most serious first, each finding with its evidence."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.analysis import Collapse, Share, Taps, collapse, gate_layers, map_read, share_on_1x1, taps
from archscope.diagnose.remedies import Remedies, remedies
from archscope.graph import HEAD, Trace, Windowed


@dataclass(frozen=True, slots=True)
class Collapsed:
    """The map falls to 1x1 (`at` is None where the image itself is 1x1), and what works behind that point."""

    at: Collapse | None
    share: Share


@dataclass(frozen=True, slots=True)
class DeadWeights:
    """Kernel weights that can never matter: (layer, dead taps, taps, dead weights), the most weights first."""

    layers: tuple[tuple[str, int, int, int], ...]
    weights: int
    of_params: int


@dataclass(frozen=True, slots=True)
class Foldable:
    """Spatial kernels on a 1x1 map: only one tap per channel is live, so that each is a scale and could be folded."""

    layers: tuple[str, ...]
    weights: int


@dataclass(frozen=True, slots=True)
class Cramped:
    """Layers of which at least half of the MACs multiply padding: (layer, that share), the most cramped first."""

    layers: tuple[tuple[str, float], ...]
    padding_macs: int
    of_macs: int


Finding = Collapsed | DeadWeights | Foldable | Cramped


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings, and the remedies for them; both empty for a healthy network."""

    findings: tuple[Finding, ...]
    remedies: Remedies


def diagnose(trace: Trace, classes: int) -> Diagnosis:
    """Examine a traced network. `classes` is what the heads of its remedies tell apart."""
    return Diagnosis(tuple(_findings(trace)), remedies(trace, classes))


def _findings(trace: Trace) -> list[Finding]:
    found: list[Finding] = []
    at, share, kernels = collapse(trace), share_on_1x1(trace), taps(trace)
    if at is not None or share.params:
        found.append(Collapsed(at, share))
    dead = [(name, kernel) for name, kernel in kernels.items() if kernel.dead_weights]
    if dead:
        found.append(_dead_weights(trace, dead))
    foldable = _foldable(trace)
    if foldable:
        found.append(Foldable(foldable, sum(kernels[name].weights for name in foldable)))
    cramped = [(name, kernel) for name, kernel in kernels.items() if kernel.cramped]
    if cramped:
        found.append(
            Cramped(
                tuple(sorted(((name, kernel.padding_share) for name, kernel in cramped), key=lambda item: -item[1])),
                sum(kernel.padding_macs for _, kernel in cramped),
                trace.macs,
            )
        )
    return found


def _dead_weights(trace: Trace, dead: list[tuple[str, Taps]]) -> DeadWeights:
    rows = [(name, kernel.dead, kernel.kernel[0] * kernel.kernel[1], kernel.dead_weights) for name, kernel in dead]
    rows.sort(key=lambda row: -row[3])
    body = sum(row.params for row in trace if row.node.stage != HEAD)
    return DeadWeights(tuple(rows), sum(row[3] for row in rows), body)


def _foldable(trace: Trace) -> tuple[str, ...]:
    gates = gate_layers(trace)
    return tuple(
        row.name
        for row in trace
        if isinstance(row.node.op, Windowed)
        and row.params
        and row.name not in gates
        and max(row.node.op.kernel) > 1
        and map_read(trace, row) == (1, 1)
    )
