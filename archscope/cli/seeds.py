"""`archscope train-eval --seeds N`: one design, N complete runs, and their mean."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from archscope.cli.output import next_step, say, show
from archscope.cli.series import run_series, seeded, series_place
from archscope.files import write_atomic
from archscope.report.seeds import seed_markdown, seed_record, seed_sentences, seed_table
from archscope.runs.plan import Plan
from archscope.runs.series import Job, Series


def prove_seeds(plan: Plan, seeds: int, out: Path | None, stem: str) -> None:
    """Run the plan with its seed and the next ones; the same command, or --resume, goes on with it."""
    jobs = [
        # Latency is the network's, whatever the seed: measured once.
        Job(f"seed-{recipe['seed']}", replace(plan, recipe=recipe, latency=plan.latency and not number))
        for number, recipe in enumerate(seeded(plan.recipe, seeds))
    ]
    finish_seeds(*series_place("seeds", plan.command, jobs, out, f"{stem}-seeds"))


def finish_seeds(folder: Path, series: Series) -> None:
    """Run what is left of the series, and write and print its summary."""
    runs, diverged = run_series(folder, series)
    write_atomic(folder / "summary.json", json.dumps(seed_record(runs, series.command, diverged), indent=2) + "\n")
    write_atomic(folder / "README.md", seed_markdown(runs, series.command, diverged))
    say()
    show(seed_table(runs))
    say()
    for sentence in seed_sentences(runs, diverged):
        say(sentence)
    say()
    say(f"summary: {folder / 'README.md'}", wrap=False)
    if len(runs) > 1:
        next_step(f"archscope compare {' '.join(str(measured.folder) for measured in runs)}")
