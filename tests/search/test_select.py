"""Limits, fronts and nearest misses against brute force."""

from __future__ import annotations

from collections import Counter
from math import floor, log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archscope.budget import Limits
from archscope.design import parse_spec
from archscope.errors import DesignError
from archscope.report.search import space_sentence
from archscope.search.candidates import Candidate, candidate
from archscope.search.price import priced
from archscope.search.search import Plan, plan, search
from archscope.search.select import Answer, Objective, Question, excess, figure_of, front, set_limits
from archscope.search.vary import parse_axes, read_axes, space_of

AXES = {
    "alpha": "0.35..1:0.05",
    "Conv1.stride": "2,1",
    "block_6.stride": "2,1",
    "upsample": "none,2",
    "cut": "block_3..block_14",
    "head": "plain,10,100",
}


@given(arrays(np.int64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.integers(0, 5)))
def test_the_front_is_what_nothing_dominates(points: np.ndarray) -> None:
    found = set(front(points).tolist())
    for number, point in enumerate(points):
        dominated = ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
        first_of_equals = int(np.flatnonzero((points == point).all(axis=1))[0]) == number
        assert (number in found) == (not dominated and first_of_equals)


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(space_of(parse_spec("mobilenet_v2"), AXES))


@pytest.fixture(scope="module")
def every(planned: Plan) -> list[Candidate]:
    return [
        candidate((place, *part), one, row, column)
        for place, trunk in planned.trunks
        for part, one in priced(planned.space, trunk)
        for row, column in np.ndindex(one.figures["params"].shape)
    ]


def last(planned: Plan, question: Question, processes: int = 1) -> Answer:
    *_, answer = search(planned, question, processes=processes)
    return answer


def holds(one: Candidate, limits: Limits) -> bool:
    return all(excess(one, key, limit) <= 0 for key, limit in set_limits(limits).items())


LIMITS = Limits(max_params=400_000, max_macs=20_000_000, min_map=2, no_collapse=True)


def test_the_space_is_counted_without_doubles(planned: Plan, every: list[Candidate]) -> None:
    assert planned.size == planned.planned == len(every)
    assert len({one.spec(planned.space) for one in every}) == len(every)


def test_the_largest_of_each_map_are_those_of_brute_force(planned: Plan, every: list[Candidate]) -> None:
    answer = last(planned, Question(LIMITS, most=2))
    fitting = [one for one in every if holds(one, LIMITS)]
    assert (answer.searched, answer.fitting) == (len(every), len(fitting))
    for size in {one.geometry.final_map for one in fitting}:
        params = sorted((one.figures["params"] for one in fitting if one.geometry.final_map == size), reverse=True)
        assert [one.figures["params"] for one in answer.kept if one.geometry.final_map == size] == params[:2]


@pytest.mark.parametrize(
    "aims",
    [
        [("params", True)],
        [("params", True), ("macs", False)],
        [("params", True), ("macs", False), ("final_map", True), ("dead_weights", False)],
    ],
)
def test_the_front_is_that_of_brute_force(planned: Plan, every: list[Candidate], aims: list[tuple[str, bool]]) -> None:
    answer = last(planned, Question(LIMITS, tuple(Objective(*aim) for aim in aims)))

    def values(one: Candidate) -> tuple[int, ...]:
        figures = dict(one.figures) | {"final_map": min(one.geometry.final_map)}
        return tuple(figures[column] * (-1 if maximise else 1) for column, maximise in aims)

    points = {values(one) for one in every if holds(one, LIMITS)}

    def beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    expected = {one for one in points if not any(beats(other, one) for other in points)}
    assert sorted(map(values, answer.kept)) == sorted(expected)


def test_the_nearest_miss_breaks_one_limit_least(planned: Plan, every: list[Candidate]) -> None:
    limits = Limits(max_params=5_000, min_map=4, no_collapse=True)
    answer = last(planned, Question(limits))
    assert answer.fitting == 0
    assert not answer.kept
    bounds = set_limits(limits)
    for (key,), one in answer.near:
        others = [known for known in every if all(excess(known, k, v) <= 0 for k, v in bounds.items() if k != key)]
        assert excess(one, key, bounds[key]) == min(excess(known, key, bounds[key]) for known in others) > 0
        assert figure_of(one, "max_params") == one.figures["params"]
    assert [keys for keys, _ in answer.near] == [("max_params",)]


def test_where_one_limit_is_not_enough_two_are_loosened(planned: Plan, every: list[Candidate]) -> None:
    limits = Limits(max_params=5_000, max_macs=1_000_000, min_map=16)
    answer = last(planned, Question(limits))
    bounds = set_limits(limits)
    broken = {one.place: tuple(key for key, limit in bounds.items() if excess(one, key, limit) > 0) for one in every}
    fewest = min(map(len, broken.values()))
    assert fewest == 2
    assert {keys for keys, _ in answer.near} == {keys for keys in broken.values() if len(keys) == 2}

    def beyond(one: Candidate, keys: tuple[str, ...]) -> float:
        shares = {
            "max_params": one.figures["params"] / 5_000 - 1,
            "max_macs": one.figures["macs"] / 1_000_000 - 1,
            "min_map": 16 / min(one.geometry.final_map) - 1,
        }
        return sum(shares[key] for key in keys)

    for keys, one in answer.near:
        least = min(beyond(other, keys) for other in every if broken[other.place] == keys)
        assert beyond(one, keys) == pytest.approx(least)


def test_the_cells_hold_what_fits(planned: Plan, every: list[Candidate]) -> None:
    answer = last(planned, Question(LIMITS, cells=True))
    expected = Counter(
        (one.geometry.final_map, *(floor(8 * log2(one.figures[name])) for name in ("params", "macs")))
        for one in every
        if holds(one, LIMITS)
    )
    assert answer.cells == expected
    assert not last(planned, Question(LIMITS)).cells


def test_a_large_space_is_sampled_by_its_seed(planned: Plan) -> None:
    most = planned.size // 3
    samples = [plan(planned.space, seed, most) for seed in (0, 0, 1)]
    for sample in samples:
        assert 0 < sample.planned <= most < sample.size == planned.size
        assert last(sample, Question()).searched == sample.planned
    numbers = [[number for number, _ in sample.trunks] for sample in samples]
    assert numbers[0] == numbers[1] != numbers[2]
    assert "to price, a random sample: " in space_sentence(samples[0])


def test_where_one_choice_of_strides_is_too_large_heads_are_sampled() -> None:
    space = space_of(parse_spec("mobilenet_v2"), {"alpha": "0.5,0.75,1", "Conv1.stride": "1,2", "head": "8..400:8"})
    samples = [plan(space, seed, 40) for seed in (0, 0, 1)]
    for sample in samples:
        assert (sample.size, sample.planned, len(sample.space.units)) == (300, 39, 13)
        assert last(sample, Question()).searched == 39
        assert set(sample.space.units) < set(space.units)
    assert samples[0].space.units == samples[1].space.units != samples[2].space.units
    assert space_sentence(samples[0]) == (
        "300 distinct designs; 39 to price, a random sample: 1 of 2 choices of strides and inputs and 13 of 50 heads"
    )


def test_processes_do_not_change_the_answer(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archscope.search.search.ALONE", 0)
    question = Question(LIMITS, (Objective("params", True), Objective("macs", False)))
    assert last(planned, question, processes=2) == last(planned, question)


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (["alpha=-1..2"], "--vary alpha=-1..2: '-1..2' is no number and no range"),
        (["alpha=2..1"], "'2..1' is no range: its larger end comes first; write 0.5, or 0.35..1.4:0.05"),
        (["alpha=1..2:0"], "'1..2:0' is no range: its step is not above 0"),
        (["alpha=0"], "alpha=0: .*above 0"),
        (["head=0"], "a head has 1 to 1,000,000 units"),
        (["head=wide"], "'wide' is no whole number and no range of them; write plain, 100, or 8..1280:8"),
        (["input=64..32"], "'64..32' is no range: its larger end comes first; write 32, 48x32, or 32..96:16"),
        (["input=abc"], "--vary input=abc: an input is HEIGHT"),
        (["cut=block_99"], "--vary cut=block_99: no layer 'block_99'"),
        (["block_99.stride=1"], "no layer 'block_99'"),
        (["stem.stride=0"], "a stride is at least 1"),
        (["upsample=3"], "an upsampling by 3 is not offered"),
        (["depht=1"], "mobilenet_v2 has nothing of that name to vary"),
        (["alpha"], "names no values"),
        (["alpha=1", "alpha=2"], "--vary alpha is given twice"),
        (["alpha=0.1..1:0.00001"], "holds 90,001 values"),
        (["alpha=0.1..1:0.001", "width=0.5..1:0.01"], "make 45,951 networks, and at most 20,000 are built"),
        ([f"block_{n}_depthwise.stride=1,2,3,4" for n in range(1, 8)], "make 16,384 choices, and at most 10,000"),
    ],
)
def test_a_nonsensical_axis_is_one_sentence(axes: list[str], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        space_of(parse_spec("mobilenet_v2"), parse_axes(axes))


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(DesignError, match="no column 'parms' to maximise; did you mean 'params'"):
        Objective("parms", True)


def test_axes_are_read_from_toml() -> None:
    text = '[space]\nalpha = "0.5..1:0.25"\nstem.stride = [1, 2]\ncut = ["all", "none"]\n'
    axes = read_axes(text, Path("archscope.toml"))
    assert axes == {"alpha": "0.5..1:0.25", "stem.stride": "1,2", "cut": "all,none"}
    space = space_of(parse_spec("mobilenet_v2"), axes)
    assert space.scales == (("alpha", (0.5, 0.75, 1.0)),)
    assert space.strides == (("Conv1", (1, 2)),)
