"""Look through a whole space, on all cores, in parts of bounded size."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_all_start_methods, get_context
from random import Random

from archscope.errors import ArchscopeError
from archscope.search.price import priced
from archscope.search.select import Answer, Question, answer, together
from archscope.search.space import Space, Trunk, groups, trunks

MOST = 100_000_000
"""A larger space is sampled: as many of its trunks, drawn at random, as hold about so many candidates."""
ALONE = 300_000
"""So few candidates are priced before another process has started."""


class SpaceError(ArchscopeError):
    """A space that could not be looked through."""


@dataclass(frozen=True)
class Plan:
    """What a search goes through: numbered trunks of a space of `size` distinct designs, all of them or a sample."""

    space: Space
    trunks: tuple[tuple[int, Trunk], ...]
    planned: int
    size: int


def plan(space: Space, seed: int = 0, most: int = MOST) -> Plan:
    """Count the space, and draw a sample of its trunks where it is too large. Raises where nothing can be built."""
    every = list(enumerate(trunk for variant in space.variants() for trunk in trunks(space, variant)))
    sizes = [sum(group.size for group in groups(space, trunk)) for _, trunk in every]
    if sum(sizes) <= most:
        return Plan(space, tuple(every), sum(sizes), sum(sizes))
    drawn: list[int] = []
    held = 0
    for number in Random(seed).sample(range(len(every)), len(every)):
        if held + sizes[number] <= most or not drawn:
            drawn.append(number)
            held += sizes[number]
    return Plan(space, tuple(every[number] for number in sorted(drawn)), held, sum(sizes))


def search(planned: Plan, question: Question, processes: int = 0) -> Iterator[Answer]:
    """Yield the answer so far, again and again; the last one is the whole plan's. `processes`: 0 for all cores."""
    processes = processes or os.cpu_count() or 1
    whole = Answer()
    if processes == 1 or planned.planned <= ALONE:
        for number in range(len(planned.trunks)):
            whole = together(question, [whole, _answered(planned, question, number)])
            yield whole
        return
    # What is forked has the trunks already; where there is no fork they are sent once.
    context = get_context("fork" if "fork" in get_all_start_methods() else "spawn")
    with ProcessPoolExecutor(processes, context, _begin, (planned, question)) as pool:
        futures = [pool.submit(_work, number) for number in range(len(planned.trunks))]
        try:
            for future in as_completed(futures):
                whole = together(question, [whole, future.result()])
                yield whole
        except BrokenProcessPool as error:
            raise SpaceError(
                "a process that priced a part of the space was ended from outside, as a machine without memory does",
                "vary less, or give the machine more memory",
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                # Where the search was stopped: nobody waits for what they would still find.
                process.terminate()


_JOB: list[tuple[Plan, Question]] = []


def _begin(planned: Plan, question: Question) -> None:
    # Ctrl-C is the first process' to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _JOB.append((planned, question))


def _work(number: int) -> Answer:
    return _answered(*_JOB[0], number)


def _answered(planned: Plan, question: Question, number: int) -> Answer:
    place, trunk = planned.trunks[number]
    ones = enumerate(priced(planned.space, trunk, question.limits.dtype))
    return answer(question, (((place, group), one) for group, one in ones))
