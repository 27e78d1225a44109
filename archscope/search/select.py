"""Which candidates are kept: limits, objectives, the exact front, the largest per final map, and the nearest misses."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from archscope.budget import Limits
from archscope.errors import DesignError, did_you_mean
from archscope.search.candidates import FIGURES, Candidate, candidate
from archscope.search.price import Priced

COLUMNS = (*FIGURES, "final_map")
"""What can be maximised or minimised; of a final map, its smaller side."""

_LIMITED = {
    "max_params": "params",
    "max_trainable_params": "trainable_params",
    "max_macs": "macs",
    "max_weights": "weight_bytes",
    "max_peak_ram": "peak_bytes",
    "min_map": "final_map",
    "no_collapse": "collapse",
    "no_dead_taps": "dead_weights",
}
"""The figure that each limit holds."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A column to maximise or to minimise."""

    column: str
    maximise: bool

    def __post_init__(self) -> None:
        if self.column not in COLUMNS:
            remedy = did_you_mean(self.column, COLUMNS, f"choose {', '.join(COLUMNS)}")
            raise DesignError(f"no column {self.column!r} to {'maximise' if self.maximise else 'minimise'}", remedy)


def set_limits(limits: Limits) -> dict[str, int]:
    """The limits that are set, in their order, each with the number that it holds its figure against."""
    given = {key: getattr(limits, key) for key in _LIMITED}
    return {key: 0 if limit is True else int(limit) for key, limit in given.items() if limit not in (None, False)}


def excess(candidate: Candidate, key: str, limit: int) -> int:
    """By how much one candidate breaks a limit; 0 or less where it holds."""
    figure = figure_of(candidate, key)
    return limit - figure if key == "min_map" else figure - limit


def figure_of(candidate: Candidate, key: str) -> int:
    """The figure that a limit looks at."""
    return int(_single(candidate.geometry, _LIMITED[key], candidate.figures))


def _single(geometry: Any, column: str, figures: Any) -> Any:
    if column == "final_map":
        return min(geometry.final_map)
    if column == "collapse":
        return int(geometry.collapse is not None)
    return figures[column]


MOST = 3
"""Designs of each final map that are listed, where nothing else is asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a space: limits; objectives, or else the `most` largest designs of each final map.

    `cells`: whether those that fit are counted by cells as well, for a picture.
    """

    limits: Limits = field(default_factory=Limits)
    objectives: tuple[Objective, ...] = ()
    most: int = MOST
    cells: bool = False


AN_OCTAVE = 8
"""Cells from one number of parameters, or of MACs, to its double."""
Cell = tuple[tuple[int, int], int, int]
"""A final map, and the floors of 8 log2(parameters) and 8 log2(MACs)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What part of a space says, in an order that does not depend on how the space was cut into parts.

    `searched` and `fitting` count candidates, `cells` those that fit. `kept` are the front, or the largest per final
    map. `near`, where nothing fits: of the candidates that break the fewest limits, for each set of limits that they
    break, the one that breaks these least (by the sum of its shares beyond them).
    """

    searched: int = 0
    fitting: int = 0
    kept: tuple[Candidate, ...] = ()
    near: tuple[tuple[tuple[str, ...], Candidate], ...] = ()
    cells: Mapping[Cell, int] = field(default_factory=dict)


def answer(question: Question, priced: Iterable[tuple[tuple[int, ...], Priced]]) -> Answer:
    """The answer of some priced groups, each with its place in the space."""
    return together(question, [_of_group(question, place, one) for place, one in priced])


def together(question: Question, answers: Sequence[Answer]) -> Answer:
    """The answer of all parts."""
    kept = [one for part in answers for one in part.kept]
    fitting = sum(part.fitting for part in answers)
    return Answer(
        sum(part.searched for part in answers),
        fitting,
        _front(question.objectives, kept) if question.objectives else _largest(kept, question.most),
        () if fitting else _nearest(question, [miss for part in answers for miss in part.near]),
        reduce(add, (Counter(part.cells) for part in answers), Counter()) if question.cells else {},
    )


def _nearest(
    question: Question, misses: Sequence[tuple[tuple[str, ...], Candidate]]
) -> tuple[tuple[tuple[str, ...], Candidate], ...]:
    limits = set_limits(question.limits)

    def nearness(keys: tuple[str, ...], one: Candidate) -> tuple[object, ...]:
        return sum(_beyond(key, figure_of(one, key), limits[key]) for key in keys), *_order(one)

    fewest = min((len(keys) for keys, _ in misses), default=0)
    best: dict[tuple[str, ...], Candidate] = {}
    for keys, one in misses:
        if len(keys) == fewest and (keys not in best or nearness(keys, one) < nearness(keys, best[keys])):
            best[keys] = one
    return tuple(sorted(best.items(), key=lambda item: item[0]))


def _beyond(key: str, figure: Any, limit: int) -> Any:
    """The share of a limit by which figures are beyond it: 0.25 for 125 of at most 100, and for 8 of at least 10."""
    return limit / figure - 1 if key == "min_map" else (figure - limit) / max(limit, 1)


def _order(one: Candidate) -> tuple[object, ...]:
    """Ties: the larger one, then the cheaper one, then the first in the space."""
    figures = one.figures
    return (-figures["params"], figures["macs"], figures["peak_bytes"], figures["dead_weights"], one.place)


def _of_group(question: Question, place: tuple[int, ...], priced: Priced) -> Answer:
    shape = priced.figures["params"].shape
    limits = set_limits(question.limits)
    figures = {key: np.broadcast_to(_single(priced.geometry, _LIMITED[key], priced.figures), shape) for key in limits}
    breaks = {key: figures[key] < limit if key == "min_map" else figures[key] > limit for key, limit in limits.items()}
    broken = sum((mask.astype(np.int8) for mask in breaks.values()), np.zeros(shape, np.int8))
    fits = broken == 0
    if not fits.any():
        least = broken == broken.min()
        codes = sum((mask.astype(np.int64) << bit for bit, mask in enumerate(breaks.values())), np.zeros(shape, int))
        near = []
        for code in np.unique(codes[least]):
            keys = tuple(key for bit, key in enumerate(breaks) if code >> bit & 1)
            beyond = sum(_beyond(key, figures[key], limits[key]) for key in keys)
            near.append((keys, _best(place, priced, codes == code, beyond)))
        return Answer(int(fits.size), 0, (), tuple(near))
    rows, columns = np.nonzero(fits)
    chosen = (
        _front_cells(question.objectives, priced, rows, columns)
        if question.objectives
        else _largest_cells(priced, rows, columns, question.most)
    )
    kept = tuple(candidate(place, priced, int(rows[i]), int(columns[i])) for i in chosen)
    cells = _cells(priced, fits) if question.cells else {}
    return Answer(int(fits.size), int(fits.sum()), kept, (), cells)


def _cells(priced: Priced, fits: np.ndarray) -> dict[Cell, int]:
    params, macs = (
        np.floor(AN_OCTAVE * np.log2(np.maximum(priced.figures[name][fits], 1))).astype(np.int64)
        for name in ("params", "macs")
    )
    low, wide = macs.min(), int(macs.max() - macs.min()) + 1
    counts = np.bincount((params - params.min()) * wide + macs - low)
    filled = np.nonzero(counts)[0].tolist()
    first = int(params.min())
    return {
        (priced.geometry.final_map, first + cell // wide, int(low) + cell % wide): int(counts[cell]) for cell in filled
    }


def _best(place: tuple[int, ...], priced: Priced, mask: np.ndarray, values: np.ndarray) -> Candidate:
    """The masked cell with the least value; ties as `_order` has them."""
    least = values[mask].min()
    rows, columns = np.nonzero(mask & (values == least))
    first = _ranked(priced, rows, columns)[0]
    return candidate(place, priced, int(rows[first]), int(columns[first]))


def _ranked(priced: Priced, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Cells in the order of ties."""
    figures = {name: values[rows, columns] for name, values in priced.figures.items()}
    order: np.ndarray = np.lexsort(
        (columns, rows, figures["dead_weights"], figures["peak_bytes"], figures["macs"], -figures["params"])
    )
    return order


def _largest_cells(priced: Priced, rows: np.ndarray, columns: np.ndarray, most: int) -> np.ndarray:
    params = priced.figures["params"][rows, columns]
    if params.size > most:
        # Sorting the few that can be among them is enough.
        enough = np.nonzero(params >= np.partition(params, -most)[-most])[0]
        largest: np.ndarray = enough[_ranked(priced, rows[enough], columns[enough])[:most]]
        return largest
    return _ranked(priced, rows, columns)


def _largest(kept: Sequence[Candidate], most: int) -> tuple[Candidate, ...]:
    """Of each final map those with the most parameters, small maps first."""
    maps: dict[tuple[int, int], list[Candidate]] = {}
    for one in sorted(kept, key=_order):
        maps.setdefault(one.geometry.final_map, []).append(one)
    return tuple(one for size in sorted(maps) for one in maps[size][:most])


def _front_cells(objectives: Sequence[Objective], priced: Priced, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The cells that no other one of the group beats, of equals the first in the order of ties."""
    order = _ranked(priced, rows, columns)
    points = np.stack(
        [
            np.broadcast_to(_single(priced.geometry, one.column, priced.figures), priced.figures["params"].shape)[
                rows[order], columns[order]
            ]
            * (-1 if one.maximise else 1)
            for one in objectives
        ],
        axis=1,
    )
    chosen: np.ndarray = order[front(points)]
    return chosen


def _front(objectives: Sequence[Objective], kept: Sequence[Candidate]) -> tuple[Candidate, ...]:
    if not kept:
        return ()
    ranked = sorted(kept, key=_order)
    signed = [
        [_single(one.geometry, aim.column, one.figures) * (-1 if aim.maximise else 1) for aim in objectives]
        for one in ranked
    ]
    return tuple(ranked[number] for number in sorted(front(np.array(signed, np.int64)).tolist()))


def front(points: np.ndarray) -> np.ndarray:
    """The indices of the points (shape (points, objectives), to minimise) that no other dominates; of equals the first.

    One dominates another where it is nowhere worse and somewhere better. In the order of the first objective, then of
    the next ones, only those that come before can dominate.
    """
    varying = points[:, (points != points[:1]).any(axis=0)]
    order: np.ndarray = np.lexsort((np.arange(len(points)), *varying.T[::-1]))
    if varying.shape[1] < 2:
        return np.array(order[:1], np.int64)
    if varying.shape[1] == 2:
        second = varying[order, 1]
        before = np.minimum.accumulate(np.concatenate(([second[0] + 1], second[:-1])))
        beaten: np.ndarray = second >= before
        order = order[~beaten]
        return order
    order = order[_unbeaten_by_the_strongest(varying[order])]
    if varying.shape[1] == 3:
        kept: np.ndarray = order[_staircase(varying[order, 1].tolist(), varying[order, 2].tolist())]
        return kept
    found: list[int] = []
    while order.size:
        best = order[0]
        found.append(int(best))
        order = order[(varying[order] < varying[best]).any(axis=1)]
    return np.array(found, np.int64)


STRONG = 32
"""Points that are compared with all others at first."""


def _unbeaten_by_the_strongest(points: np.ndarray) -> np.ndarray:
    """Which points none of a few strong ones dominates: most points fall here, a whole array at a time."""
    left = np.arange(len(points))
    ranks = points.argsort(axis=0).argsort(axis=0) if len(points) > STRONG else points
    # Each direction's best, and between them.
    for turn in range(STRONG if len(points) > STRONG else 0):
        weights = 1 + np.arange(points.shape[1]) * (turn + 1) % STRONG
        best = points[left[(ranks[left] * weights).sum(axis=1).argmin()]]
        here = points[left]
        left = left[(here < best).any(axis=1) | (here == best).all(axis=1)]
    return left


def _staircase(second: list[int], third: list[int]) -> np.ndarray:
    """Which points, in ascending order of the first of three objectives, no earlier one dominates in the other two.

    What is not dominated so far is a staircase: the second objective ascends, the third descends (Kung, Luccio and
    Preparata 1975, "On finding the maxima of a set of vectors").
    """
    steps: list[int] = []
    heights: list[int] = []
    kept = []
    for number, (along, height) in enumerate(zip(second, third, strict=True)):
        place = bisect_right(steps, along)
        if place and heights[place - 1] <= height:
            continue
        kept.append(number)
        start = bisect_left(steps, along)
        end = start
        while end < len(steps) and heights[end] >= height:
            end += 1
        steps[start:end], heights[start:end] = [along], [height]
    return np.array(kept, np.int64)
