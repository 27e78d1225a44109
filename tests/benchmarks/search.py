"""Pricing a space: `archscope search` against building each network, with Keras and with archscope's own graph.

    python tests/benchmarks/search.py [REPORT]

MobileNetV2's default space with all columns, on all cores, with a quarter of its heads, half and all; beside it, in
the same run, members drawn at random are built and counted one by one. Peak memory is of a process of its own that
searches about ten million designs, children counted in.
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
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from search import large
designs = large()
first, largest = (resource.getrusage(kind).ru_maxrss for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(designs, (first + os.cpu_count() * largest) * 1024)
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
        one = random.choice(priced(planned.space, trunk))
        rows, columns = one.figures["params"].shape
        specs.append(candidate((place,), one, random.randrange(rows), random.randrange(columns)).spec(planned.space))
    return specs


def main(report: Path = REPORT) -> None:
    lines = []
    space = default_space(parse_spec("mobilenet_v2"))
    for share in (4, 2, 1):
        start = time.perf_counter()
        planned = plan(replace(space, units=space.units[::share]))
        counted = time.perf_counter()
        designs = searched(planned)
        end = time.perf_counter()
        lines.append((designs, counted - start, end - counted, designs / (end - start)))
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
    command = [sys.executable, "-c", MEMORY, str(Path(__file__).parent)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    many, peak = map(int, told.stdout.split())
    rate = lines[-1][3]
    rows = "\n".join(
        f"| {designs:,} | {counting:.2f} | {pricing:.2f} | {a_second:,.0f} |"
        for designs, counting, pricing, a_second in lines
    )
    text = f"""# Search

MobileNetV2's default space under 572,066 parameters without a collapse, all columns of every design, on
{os.cpu_count()} cores: with a quarter of its heads, with half of them, and whole. Wall time; the rate counts both.

| designs | counting the space, s | pricing it, s | designs a second |
|--:|--:|--:|--:|
{rows}

One by one, members drawn at random, in the same run:

| | networks a second | search is faster by |
|---|--:|--:|
| archscope: build and trace | {ours:,.0f} | {rate / ours:,.0f}x |
| Keras: build and `count_params` | {keras:.1f} | {rate / keras:,.0f}x |

Peak resident memory of a search through {many:,} designs: at most {peak / 1e6:,.0f} MB (the first process' peak
and, for each core, the largest of the others').

Python {platform.python_version()} on {platform.system()} {platform.machine()}; numpy {version("numpy")}, keras \
{version("keras")}.

Reproduce: `python tests/benchmarks/search.py`
"""
    report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
