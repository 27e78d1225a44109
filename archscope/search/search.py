"""Look through a whole space, on all cores, in parts of bounded size."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from multiprocessing import active_children, get_all_start_methods, get_context
from random import Random
from threading import Thread, current_thread, main_thread

from archscope.cpus import usable_cpus
from archscope.errors import ArchscopeError
from archscope.graph import trace
from archscope.search.price import priced
from archscope.search.select import Answer, Question, answer, together
from archscope.search.space import Space, Trunk, Variant, groups, trunks
from archscope.search.stacked import one_of, table

MOST = 100_000_000
"""A larger space is sampled: as many of its trunks, drawn at random, as hold about so many candidates; where a single
one holds more, heads are drawn as well."""
ALONE = 300_000
"""So few candidates are priced before another process has started."""
JOBS = 32
"""A plan goes to the processes in at least so many parts, as far as it has groups: for all cores, and for Ctrl-C."""


MOST_MACS = 2**56
"""A guard: figures are int64, and what is bounded is less than all that is added."""


class SpaceError(ArchscopeError):
    """A space that could not be looked through."""


@dataclass(frozen=True)
class Plan:
    """What a search goes through: numbered trunks of a space of `size` distinct designs, all of them or a sample.

    `choices`: how many trunks there are, `heads` how many units of heads; `space` has those that are gone through.
    `left_out`: why some choices of scales, inputs, upsampling and strides cannot be built, and how many.
    """

    space: Space
    trunks: tuple[tuple[int, Trunk], ...]
    planned: int
    size: int
    choices: int
    heads: int
    left_out: tuple[tuple[str, int], ...] = ()


def plan(space: Space, seed: int = 0, most: int = MOST) -> Plan:
    """Count the space, and draw a sample of its trunks where it is too large. Raises where nothing can be built."""
    left_out: Counter[str] = Counter()
    variants = space.variants(left_out)
    for variant in variants:
        _check_numbers(space, variant)
    every = list(enumerate(trunk for variant in variants for trunk in trunks(space, variant, left_out)))
    sizes = [sum(group.size for group in groups(space, trunk)) for _, trunk in every]
    if not sum(sizes):
        reason = f" ({next(iter(left_out))})" if left_out else ""
        raise SpaceError(f"no design of the space can be built{reason}", "vary something else")
    size, heads = sum(sizes), len(space.units)
    random = Random(seed)
    if max(sizes) > most and heads > 1:
        space = replace(space, units=tuple(sorted(random.sample(space.units, max(1, heads * most // max(sizes))))))
        sizes = [sum(group.size for group in groups(space, trunk)) for _, trunk in every]
    drawn: list[int] = []
    held = 0
    for number in random.sample(range(len(every)), len(every)) if sum(sizes) > most else range(len(every)):
        if held + sizes[number] <= most or not drawn:
            drawn.append(number)
            held += sizes[number]
    chosen = tuple(every[number] for number in sorted(drawn))
    return Plan(space, chosen, held, size, len(every), heads, tuple(left_out.items()))


def _check_numbers(space: Space, variant: Variant) -> None:
    """Raise SpaceError where figures come near the 64 bits in which they are counted.

    Bounded by the widest row of the variant, times 4 for each stride that may be taken away and times the upsampling,
    and by the widest head on a map of the whole image.
    """
    channels = table(variant.graph, len(variant.settings))
    widest = trace(one_of(variant.graph, int(channels.sum(axis=1, dtype=float).argmax())))
    enlarged = max((edit.factor for edit in space.upsamples if edit is not None), default=1) ** 2
    body = (widest.macs + 16 * widest.params) * 4 ** len(space.strides)
    head = prod(variant.input[:2]) * int(channels.max()) * max(space.units, default=1)
    bound = (body + head) * enlarged
    if bound >= MOST_MACS:
        raise SpaceError(
            f"the largest networks of the space may need {bound:.1e} MACs, and search counts to {MOST_MACS:.1e}",
            "take smaller widths or inputs",
        )


def search(planned: Plan, question: Question, processes: int = 0) -> Iterator[Answer]:
    """Yield the answer so far, again and again; the last one is the whole plan's. `processes`: 0 for all cores."""
    processes = processes or usable_cpus()
    whole = Answer()
    parts = -(-JOBS // len(planned.trunks))
    jobs = [(number, part, parts) for number in range(len(planned.trunks)) for part in range(parts)]
    if processes == 1 or planned.planned <= ALONE:
        for job in jobs:
            whole = together(question, [whole, _answered(planned, question, *job)])
            yield whole
        return
    # What is forked has the trunks already; where there is no fork they are sent once.
    context = get_context("fork" if "fork" in get_all_start_methods() else "spawn")
    others = set(active_children())
    with ProcessPoolExecutor(processes, context, _begin, (planned, question)) as pool:
        try:
            with _undisturbed():
                futures = [pool.submit(_work, *job) for job in jobs]
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
            if whole.searched < planned.planned:
                # Stopped: nobody waits for what they would still find.
                for process in set(active_children()) - others:
                    process.terminate()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits for the end of the block. While processes are forked Python drops the exception that it is."""
    came = False

    def note(number: int, frame: object) -> None:
        nonlocal came
        came = True

    handler = signal.getsignal(signal.SIGINT)
    # Only the main thread may set a handler, and only it is sent the exception.
    if handler is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


_JOB: list[tuple[Plan, Question]] = []


def _begin(planned: Plan, question: Question) -> None:
    # Ctrl-C is the first process' to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _JOB.append((planned, question))


def _end_with(parent: int) -> None:
    """End this process when its parent has: killed, that would leave it waiting for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(number: int, part: int, parts: int) -> Answer:
    return _answered(*_JOB[0], number, part, parts)


def _answered(planned: Plan, question: Question, number: int, part: int, parts: int) -> Answer:
    """The answer of a trunk's groups `part`, `part + parts`, ..."""
    place, trunk = planned.trunks[number]
    ones = priced(planned.space, trunk, question.limits.dtype, slice(part, None, parts))
    return answer(question, (((place, *which), one) for which, one in ones))
