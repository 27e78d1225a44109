"""Pricing a space: `archscope search` against building each network, with Keras and with archscope's own graph.

    python tests/benchmarks/search.py [REPORT]

MobileNetV2's default space with all columns, on all cores; the same with its heads in steps of 32 units down to 1, for
how time grows with size. Beside it, in the same run, members drawn at random are built and counted one by one. Memory
is of a process of its own that searches about ten million designs: what it and its children hold together, shared
pages counted once (PSS, sampled every 20 ms).
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from random import Random

from archscope.budget import Limits
from archscope.design import build, parse_spec
from archscope.graph import trace
from archscope.search.candidates import candidate
from archscope.search.price import priced
from archscope.search.search import Plan, plan, search
from archscope.search.select import Question
from archscope.search.vary import default_space, space_of

STEPS = (32, 16, 8, 4, 2, 1)
REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "search.md"
QUESTION = Question(Limits(max_params=572_066, no_collapse=True))
TEN_MILLION = {
    "alpha": "0.35..1.4:0.01",
    **{f"{layer}.stride": "2,1" for layer in ("Conv1", "block_1", "block_3", "block_6", "block_13")},
    "upsample": "none,2",
    "cut": "none,all",
    "head": "plain,8..3400:8",
}
MEMORY = """
import os, sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from search import large

def held(process):
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)

def watch():
    global peak
    while not done:
        tasks = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
        peak = max(peak, sum(map(held, [os.getpid(), *map(int, " ".join(tasks).split())])))
        time.sleep(0.02)

peak, done = 0, False
thread = threading.Thread(target=watch)
thread.start()
designs = large()
done = True
thread.join()
print(designs, peak)
"""


def large() -> int:
    """Search a space of about ten million designs."""
    planned = plan(space_of(parse_spec("mobilenet_v2"), TEN_MILLION))
    return searched(planned)


def searched(planned: Plan) -> int:
    found = 0
    for answer in search(planned, QUESTION):
        found = answer.searched
    return found


def members(planned: Plan, count: int) -> list[str]:
    random, specs = Random(0), []
    for _ in range(count):
        place, trunk = random.choice(planned.trunks)
        one = random.choice([one for _, one in priced(planned.space, trunk)])
        rows, columns = one.figures["params"].shape
        specs.append(candidate((place,), one, random.randrange(rows), random.randrange(columns)).spec(planned.space))
    return specs


def main(report: Path = REPORT) -> None:
    # First, while this process is small: what it holds, a forked child would be charged with.
    command = [sys.executable, "-c", MEMORY, str(Path(__file__).parent)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    many, peak = map(int, told.stdout.split())
    lines = {}
    space = default_space(parse_spec("mobilenet_v2"))
    for step in STEPS:
        start = time.perf_counter()
        planned = plan(replace(space, units=tuple(range(8, 2049, step))))
        counted = time.perf_counter()
        designs = searched(planned)
        end = time.perf_counter()
        lines[step] = (designs, counted - start, end - counted, designs / (end - start))
    planned = plan(space)
    specs = members(planned, 40)
    start = time.perf_counter()
    for spec in specs:
        assert trace(build(parse_spec(spec))).params
    ours = len(specs) / (time.perf_counter() - start)
    from archscope.interop.lower import lower

    graphs = [build(parse_spec(spec)) for spec in specs[:12]]
    lower(graphs[0])
    start = time.perf_counter()
    for graph in graphs:
        assert lower(graph).count_params() == trace(graph).params
    keras = len(graphs) / (time.perf_counter() - start)
    rate = lines[space.units[1] - space.units[0]][3]
    rows = "\n".join(
        f"| {step} | {designs:,} | {counting:.2f} | {pricing:.2f} | {a_second:,.0f} |"
        for step, (designs, counting, pricing, a_second) in lines.items()
    )
    text = f"""# Search

MobileNetV2's default space under 572,066 parameters without a collapse, all columns of every design, on
{os.cpu_count()} cores: **{rate / 1e6:.1f} million designs a second**, counting and pricing (heads in steps of 8 units).
With finer and coarser heads, wall times:

| steps of the heads | designs | counting the space, s | pricing it, s | designs a second |
|--:|--:|--:|--:|--:|
{rows}

One by one, members drawn at random, in the same run:

| | networks a second | search is faster by |
|---|--:|--:|
| archscope: build and trace | {ours:,.0f} | {rate / ours:,.0f}x |
| Keras: build and `count_params` | {keras:.1f} | {rate / keras:,.0f}x |

Time is a constant for each choice of strides, and linear beyond.

A search through {many:,} designs holds at most {peak / 1e6:,.0f} MB, all its processes together (shared pages once).

Python {platform.python_version()} on {platform.system()} {platform.machine()}; numpy {version("numpy")}, keras \
{version("keras")}.

Reproduce: `python tests/benchmarks/search.py`
"""
    report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
