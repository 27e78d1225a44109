"""Designs beside one another: their costs, what their runs measured, and what was forecast of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from string import ascii_uppercase

from archscope.design import Design
from archscope.diagnose.expect import Expectation, Outcome, expect, outcome
from archscope.graph import Trace
from archscope.runs import Predictions, Run
from archscope.runs.mean import Mean, mean_of, mean_share
from archscope.runs.paired import Paired, paired


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A finished run, where it lies, and each image's answer where the run kept them."""

    folder: Path
    run: Run
    predictions: Predictions | None


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """One of the designs. `label`: A, B, ...; `source`: where the design came from, in words."""

    label: str
    design: Design
    spec: str
    source: str
    trace: Trace
    runs: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Accuracy of a contender less that of another, with its 95% interval.

    `test`: McNemar's, for one run each, whose interval covers the choice of images. None for several seeds: then the
    interval is Student's over the differences seed by seed, and covers training anew.
    """

    value: float
    low: float
    high: float
    seeds: int
    test: Paired | None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """One contender against its reference: forecast before training, measured after it."""

    contender: Contender
    reference: Contender
    expectation: Expectation
    difference: Difference | None

    @property
    def outcome(self) -> Outcome:
        found = self.difference
        # Seeds that agree to the last image (as at chance level) have shown no spread to judge by.
        if found is None or (found.test is None and found.low == found.high):
            return Outcome.open
        return outcome(self.expectation.forecast, found.low, found.high)


def label(number: int) -> str:
    """A, B, ..., Z, then A2, B2, ...; `number` from 0."""
    turn, letter = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[letter] + (str(turn + 1) if turn else "")


def verdicts(contenders: Sequence[Contender]) -> tuple[Verdict, ...]:
    """Each contender that has a reference against it: the first that is listed of the same model."""
    firsts: dict[str, Contender] = {}
    found = []
    for contender in contenders:
        reference = firsts.setdefault(contender.design.model, contender)
        if reference is not contender:
            expectation = expect(reference.trace, contender.trace)
            found.append(Verdict(contender, reference, expectation, difference(contender, reference)))
    return tuple(found)


def accuracy(contender: Contender) -> Mean | None:
    """The mean over the contender's runs; None for none."""
    return mean_share([measured.run.headline.accuracy for measured in contender.runs]) if contender.runs else None


def difference(a: Contender, b: Contender) -> Difference | None:
    """A less B, run by run in order (equal seeds); None where the runs were not scored on the same images."""
    if not a.runs or len(a.runs) != len(b.runs):
        return None
    pairs = list(zip(a.runs, b.runs, strict=True))
    if any(unlike(one, other) for one, other in pairs):
        return None
    if len(pairs) == 1:
        test = _test(*pairs[0])
        return Difference(test.difference, test.low, test.high, 1, test)
    mean = mean_of([one.run.headline.accuracy - other.run.headline.accuracy for one, other in pairs])
    assert mean.low is not None
    assert mean.high is not None
    return Difference(mean.mean, mean.low, mean.high, len(pairs), None)


def paired_tests(contenders: Sequence[Contender]) -> tuple[tuple[Contender, Contender, Paired | str], ...]:
    """The paired test of every two contenders with a single run, or in words why there can be none."""
    single = [contender for contender in contenders if len(contender.runs) == 1]
    found: list[tuple[Contender, Contender, Paired | str]] = []
    for a, b in combinations(single, 2):
        reason = unlike(a.runs[0], b.runs[0])
        found.append((a, b, reason or _test(a.runs[0], b.runs[0])))
    return tuple(found)


def unlike(a: Measured, b: Measured) -> str:
    """Why two runs cannot be compared image by image, with the remedy; empty where they can."""
    if a.run.data.sha256 != b.run.data.sha256 or a.run.headline.split != b.run.headline.split:
        named = [f"the {one.run.headline.split} set of {one.run.data.name}" for one in (a, b)]
        other = "another copy of it" if named[0] == named[1] else f"the other on {named[1]}"
        return f"one was scored on {named[0]}, {other}"
    if any(one.predictions is None for one in (a, b)):
        lacking = [str(one.folder) for one in (a, b) if one.predictions is None]
        return "; ".join(f"`archscope evaluate {folder} --predictions` first" for folder in lacking)
    assert a.predictions is not None
    assert b.predictions is not None
    if (a.run.headline.split == "validation" and _held_out(a.run) != _held_out(b.run)) or not _same_labels(a, b):
        return "their validation images are not the same: another seed or fraction"
    return ""


def _held_out(run: Run) -> tuple[object, ...]:
    """What the choice of the validation images follows from."""
    return run.seed, run.recipe.get("validation_fraction")


def _same_labels(a: Measured, b: Measured) -> bool:
    import numpy as np

    assert a.predictions is not None
    assert b.predictions is not None
    return np.array_equal(a.predictions.labels, b.predictions.labels)


def _test(a: Measured, b: Measured) -> Paired:
    assert a.predictions is not None
    assert b.predictions is not None
    return paired(a.predictions.hits, b.predictions.hits)
