"""A network held against its limits, and where what is over comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from archscope.analysis import Group, collapse, final_map, gate_layers, group
from archscope.analysis.memory import BYTES, memory, weight_bytes
from archscope.analysis.taps import taps
from archscope.budget.limits import Limits
from archscope.budget.verdict import Verdict
from archscope.graph import HEAD, Trace


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive blocks, `first` to `last`, and what they hold of a whole."""

    first: str
    last: str
    part: int
    whole: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """One limit (`key` as in `Limits`), the verdict, and, where it is broken, what to blame.

    `stretch` is where most of the figure is. `layers` are those at which it happens: the collapse, the first map that
    is too small, the layers with dead taps, the layer at the memory's peak and then those whose outputs wait there.
    `unknown` are layers that the figure leaves out, since nobody knows theirs: it is at least what it says.
    """

    key: str
    verdict: Verdict
    stretch: Stretch | None = None
    layers: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def judge(trace: Trace, limits: Limits) -> tuple[Judgement, ...]:
    """A judgement for each limit that is set, in the order of `Limits`."""
    judgements = []
    for key, make in _JUDGES.items():
        limit = getattr(limits, key)
        if limit is not None and limit is not False:
            judgements.append(make(trace, limits, key))
    return tuple(judgements)


def stretch(trace: Trace, figure: Callable[[Group], int]) -> Stretch | None:
    """The shortest run of consecutive blocks that holds more than half of a figure; of equals the one that holds most.

    None where the figure is 0.
    """
    blocks = group(trace, "block")
    sums = [0, *accumulate(figure(block) for block in blocks)]
    whole = sums[-1]
    for length in range(1, len(blocks) + 1):
        part, start = max((sums[i + length] - sums[i], -i) for i in range(len(blocks) - length + 1))
        if 2 * part > whole:
            first, last = blocks[-start], blocks[-start + length - 1]
            return Stretch(first.name or first.rows[0].name, last.name or last.last.name, part, whole)
    return None


def _params(trace: Trace, limits: Limits, key: str) -> Judgement:
    verdict = Verdict(trace.params, getattr(limits, key))
    return Judgement(key, verdict, _blamed(trace, verdict, lambda block: block.params))


def _trainable(trace: Trace, limits: Limits, key: str) -> Judgement:
    verdict = Verdict(trace.trainable_params, getattr(limits, key))
    return Judgement(key, verdict, _blamed(trace, verdict, lambda block: block.trainable_params))


def _macs(trace: Trace, limits: Limits, key: str) -> Judgement:
    verdict = Verdict(trace.macs, getattr(limits, key))
    unknown = tuple(row.name for row in trace.uncounted)
    return Judgement(key, verdict, _blamed(trace, verdict, lambda block: block.macs), unknown=unknown)


def _weights(trace: Trace, limits: Limits, key: str) -> Judgement:
    verdict = Verdict(weight_bytes(trace, limits.dtype), getattr(limits, key))
    return Judgement(key, verdict, _blamed(trace, verdict, lambda block: block.params * BYTES[limits.dtype]))


def _peak_ram(trace: Trace, limits: Limits, key: str) -> Judgement:
    """Over the fused graph; to blame are the layer at the peak and what else is alive there."""
    found = memory(trace, bytes_per_element=BYTES[limits.dtype])
    verdict = Verdict(found.peak_bytes, getattr(limits, key))
    alive = (found.peak_layer, *(tensor.layer for tensor in found.alive if tensor.layer != found.peak_layer))
    return Judgement(key, verdict, layers=() if verdict.holds else alive)


def _blamed(trace: Trace, verdict: Verdict, figure: Callable[[Group], int]) -> Stretch | None:
    return None if verdict.holds else stretch(trace, figure)


def _map(trace: Trace, limits: Limits, key: str) -> Judgement:
    """The smaller side of the body's final map; a body that ends in a vector has one of 1."""
    end, least = final_map(trace), getattr(limits, key)
    verdict = Verdict(min(end[:2]) if len(end) == 3 else 1, least, least=True)
    gates = gate_layers(trace)
    small = (
        row.name
        for row in trace
        if row.node.stage != HEAD and row.name not in gates and (len(row.output) != 3 or min(row.output[:2]) < least)
    )
    return Judgement(key, verdict, layers=() if verdict.holds else (next(small),))


def _collapse(trace: Trace, limits: Limits, key: str) -> Judgement:
    fallen = collapse(trace)
    return Judgement(key, Verdict(int(fallen is not None), 0), layers=(fallen.layer,) if fallen else ())


def _dead_taps(trace: Trace, limits: Limits, key: str) -> Judgement:
    """The weights at dead taps, and the layers that have some."""
    dead = {name: kernel.dead_weights for name, kernel in taps(trace).items() if kernel.dead_weights}
    return Judgement(key, Verdict(sum(dead.values()), 0), layers=tuple(dead))


_JUDGES: dict[str, Callable[[Trace, Limits, str], Judgement]] = {
    "max_params": _params,
    "max_trainable_params": _trainable,
    "max_macs": _macs,
    "max_weights": _weights,
    "max_peak_ram": _peak_ram,
    "min_map": _map,
    "no_collapse": _collapse,
    "no_dead_taps": _dead_taps,
}
