"""The inverse of pricing: how wide a design may be under its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from archscope.budget import Judgement, Limits, judge
from archscope.design import Design, Edit, Head, Width, build
from archscope.errors import DesignError
from archscope.graph import Trace, digest, verify
from archscope.surgery import DEFAULT_DROPOUT
from archscope.zoo.imported import is_imported

KNOBS = ("alpha", "width", "head")
STEP = Decimal("0.001")
"""The widths are gone through in steps of this, and where networks change in steps of `FINE`."""
FINE = Decimal("0.000001")
"""Finer than the 1/1024 of a layer of 1024 channels; networks that lie closer than this may be passed over, and the
ends of an interval are told to this."""
GAP = 400
"""So many steps may lie between two numbers that build; where more do not, a design ends."""
WIDEST = {"alpha": Decimal(20), "width": Decimal(20), "head": Decimal(1_000_000)}
"""Guards: nothing wider is looked at."""


_AMOUNTS = {
    "max_params": "parameters",
    "max_trainable_params": "trainable parameters",
    "max_macs": "MACs",
    "max_weights": "bytes of weights",
    "max_peak_ram": "bytes of activations",
}


class NothingFitsError(DesignError):
    """No width of a design keeps its limits: a finding, not a mistake."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Scaled:
    """The widest network that fits: the knob's values that build it, from `least` to `most`, and the shortest of them.

    `beyond` is the next wider network, which breaks `broken`; None where the knob ends before the limits do, or where
    `WIDEST` is reached.
    """

    knob: str
    least: Decimal
    most: Decimal
    value: Decimal
    design: Design
    trace: Trace
    beyond: Design | None
    broken: tuple[Judgement, ...]


def own_knob(design: Design) -> str:
    """What makes a design wider: its model's alpha, or, where it has none or Keras would build each one, a width."""
    has = any(argument.name == "alpha" for argument in design.family.arguments)
    return "alpha" if has and not is_imported(design.model) else "width"


def scale(design: Design, limits: Limits, knob: str) -> Scaled:
    """The widest distinct network of `design` that keeps the limits. Costs grow with the knob, so bisection finds it.
    Where a step does not build, what may lie between it and the next one that does is not looked at.

    Raises DesignError for a knob that the design does not have, NothingFitsError where not even the narrowest fits.
    """
    if knob == "alpha" and not any(argument.name == "alpha" for argument in design.family.arguments):
        raise DesignError(f"{design.model} has no alpha", "scale its width: --by width")
    step, fine = (Decimal(1), Decimal(1)) if knob == "head" else (STEP, FINE)
    parts = int(step / fine)
    top = int(WIDEST[knob] / fine)

    # Numbers count in `fine`, and `parts` of them are a step.
    @cache
    def traced(number: int) -> Trace:
        return verify(build(_turned(design, knob, number * fine)))

    def fits(number: int) -> bool:
        return not _broken(traced(number), limits)

    def builds(number: int) -> bool:
        try:
            traced(number)
        except DesignError:
            return False
        return True

    def step_builds(number: int) -> bool:
        return builds(number * parts)

    start = parts * _first_that_builds(lambda number: traced(number * parts), step_builds, top // parts)
    first = _first(builds, start - parts + 1, start)
    if not fits(first):
        broken = _broken(traced(first), limits)[0]
        alike = digest(traced(first).graph) == digest(traced(start).graph)
        amount, flag = _AMOUNTS.get(broken.key, broken.key), f"--{broken.key.replace('_', '-')}"
        raise NothingFitsError(
            f"the narrowest network, {knob}={digits(_shortest(first * fine, (start if alike else first) * fine))}, has"
            f" {broken.verdict.figure:,} {amount}, and {flag} allows {broken.verdict.limit:,}",
            "`archscope search` looks for other designs that fit",
        )
    seen, beyond = start // parts, None
    if fits(start):
        seen, beyond = _last(lambda number: fits(number * parts), step_builds, seen, top // parts)
    else:
        seen, beyond = seen - 1, seen
    # Between two steps there can be networks that neither builds.
    ahead = min((seen + 1) * parts, top + 1)
    last = _first(lambda number: not (builds(number) and fits(number)), max(first, seen * parts) + 1, ahead) - 1
    over = last + 1 if last + 1 < ahead and builds(last + 1) else beyond * parts if beyond else None
    same = digest(traced(last).graph)
    least = _first(lambda number: builds(number) and digest(traced(number).graph) == same, first, last)
    value = _shortest(least * fine, last * fine)
    return Scaled(
        knob,
        least * fine,
        last * fine,
        value,
        _turned(design, knob, value),
        traced(last),
        _turned(design, knob, over * fine) if over else None,
        _broken(traced(over), limits) if over else (),
    )


def digits(value: Decimal) -> str:
    """`0.9`, and `20` for 20.000000."""
    return f"{value.normalize():f}"


def _turned(design: Design, knob: str, value: Decimal) -> Design:
    if knob == "alpha":
        return design.having(arguments={"alpha": float(value)})
    if knob == "width":
        whole = [edit for edit in design.edits if isinstance(edit, Width) and edit.group is None]
        kept: list[Edit] = [edit for edit in design.edits if edit not in whole]
        own = replace(whole[-1], factor=float(value)) if whole else Width(float(value))
        return design.having(edits=[*kept, own])
    heads = [edit for edit in design.edits if isinstance(edit, Head)]
    dropout = heads[-1].dropout if heads and isinstance(heads[-1].units, int) else DEFAULT_DROPOUT
    kept = [edit for edit in design.edits if not isinstance(edit, Head)]
    return design.having(edits=[*kept, Head(int(value), dropout)])


def _broken(trace: Trace, limits: Limits) -> tuple[Judgement, ...]:
    return tuple(judgement for judgement in judge(trace, limits) if not judgement.verdict.holds)


def _first_that_builds(traced: Callable[[int], Trace], builds: Callable[[int], bool], top: int) -> int:
    """Below some width a layer may be left without a channel. Raises what the widest one raises where none builds."""
    number = _next(builds, 1, top) or min(GAP, top)
    while not builds(number):
        if number >= top:
            traced(number)
        number = min(2 * number, top)
    return _first(builds, number // 2 + 1, number) if number > GAP else number


def _next(builds: Callable[[int], bool], number: int, top: int) -> int | None:
    """The first number from `number` on that builds, of the next GAP up to `top`.

    In another width a layer that an edit names may not exist: an Add that is there where channels happen to agree, say.
    """
    return next((found for found in range(number, min(number + GAP, top + 1)) if builds(found)), None)


def _last(fits: Callable[[int], bool], builds: Callable[[int], bool], low: int, top: int) -> tuple[int, int | None]:
    """The last number from `low`, which fits, to `top` that builds and fits; and the next that builds, if one does."""
    high, beyond, stride = top + 1, None, 1
    while low < top:
        probe = min(low + stride, top)
        found = _next(builds, probe, top)
        if found is None or not fits(found):
            high, beyond = probe, found
            break
        low, stride = found, 2 * stride
    while high - low > 1:
        middle = (low + high) // 2
        found = _next(builds, middle, high - 1)
        if found is not None and fits(found):
            low = found
        else:
            high, beyond = middle, found or beyond
    return low, beyond


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first number from `low` to `high`, where it holds, at which it does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _shortest(least: Decimal, most: Decimal) -> Decimal:
    """The number with the fewest decimals from `least` to `most`; of equally short ones the largest."""
    for places in range(7):
        unit = Decimal(1).scaleb(-places)
        largest = most // unit * unit
        if largest >= least and largest > 0:
            return largest
    return most
