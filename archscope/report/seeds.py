"""One design trained with several seeds: the mean, how far it is to be trusted, and each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from archscope.diagnose.compare import Measured
from archscope.report.facts import duration, percent, pilot
from archscope.report.markdown import md_code, md_fence, md_table, md_text
from archscope.report.network import SCHEMA_VERSION
from archscope.report.table import Column, Line, Table, Value
from archscope.runs.mean import Mean, mean_share

INTERVAL = "The interval is Student's over the seeds: it covers training anew, on these images."


def seed_means(runs: Sequence[Measured]) -> dict[str, Mean]:
    """The mean accuracy by split: validation, and test where every run made its one test."""
    means = {"validation": mean_share([measured.run.validation.accuracy for measured in runs])}
    tested = [measured.run.test.accuracy for measured in runs if measured.run.test is not None]
    return means | ({"test": mean_share(tested)} if len(tested) == len(runs) else {})


def seed_table(runs: Sequence[Measured]) -> Table:
    """A row for each seed, the means last."""
    means = seed_means(runs)
    columns = (
        Column("seed", "seed", left=True),
        Column("validation_accuracy", "validation %", _percent),
        *([Column("test_accuracy", "test %", _percent)] if "test" in means else []),
        Column("best_epoch", "best epoch", keep=2),
        Column("seconds", "training", _duration, keep=1),
    )
    lines = []
    for measured in runs:
        run = measured.run
        tested = [run.test.accuracy] if run.test is not None and "test" in means else []
        lines.append(Line((str(run.seed), run.validation.accuracy, *tested, run.best_epoch, run.seconds)))
    total = ("mean", *(mean.mean for mean in means.values()), None, sum(measured.run.seconds for measured in runs))
    return Table(columns, tuple(lines), total, name_min=4)


def seed_sentences(runs: Sequence[Measured], diverged: Sequence[str] = ()) -> list[str]:
    """What was found, and what is missing from it.

    `test accuracy 84.2% on average (95% interval 83.1–85.3%, 3 seeds) on JPEG re-encoded CIFAR-10`.
    """
    data = runs[0].run.data
    said = [
        f"{split} accuracy {percent(mean.mean, 2)} on average ({mean_interval(mean)}) on {runs[0].run.on()}"
        for split, mean in seed_means(runs).items()
    ]
    said += [f"diverged, and not in the mean: {sentence}" for sentence in diverged]
    said += [pilot(data)] if data.train_left_out else []
    return [*said, *([INTERVAL] if len(runs) > 1 else [])]


def mean_interval(mean: Mean) -> str:
    """`95% interval 83.1–85.3%, 3 seeds`."""
    if mean.low is None or mean.high is None:
        return "one seed, no interval"
    return f"95% interval {100 * mean.low:.1f}–{100 * mean.high:.1f}%, {len(mean.values)} seeds"


def seed_record(runs: Sequence[Measured], command: str, diverged: Sequence[str] = ()) -> dict[str, Any]:
    """summary.json."""
    run = runs[0].run
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "spec": run.network.spec,
        "digest": run.network.digest,
        "data": asdict(run.data),
        "recipe": {name: value for name, value in run.recipe.items() if name != "seed"},
        "seeds": [measured.run.seed for measured in runs],
        "folders": [measured.folder.name for measured in runs],
        "diverged": list(diverged),
        "accuracy": {split: asdict(mean) for split, mean in seed_means(runs).items()},
    }


def seed_markdown(runs: Sequence[Measured], command: str, diverged: Sequence[str] = ()) -> str:
    """README.md of the folder."""
    run, means = runs[0].run, seed_means(runs)
    head = ["seed", *means, "best epoch", "training"]
    rows = []
    for measured in runs:
        one = measured.run
        tested = [percent(one.test.accuracy, 2)] if one.test is not None and "test" in means else []
        link = f"[{one.seed}]({measured.folder.name}/README.md)"
        rows.append([link, percent(one.validation.accuracy, 2), *tested, f"{one.best_epoch}", duration(one.seconds)])
    rows.append(["**mean**", *(f"**{percent(mean.mean, 2)}**" for mean in means.values()), "", ""])
    parts = [
        f"# {len(runs)} seeds of {md_code(run.network.spec)}",
        "\n".join(f"- {md_text(sentence)}" for sentence in seed_sentences(runs, diverged)),
        md_table(head, rows),
        "Each run used the test set once, after training." if "test" in means else "The test set was not used.",
        md_fence(command),
    ]
    return "\n\n".join(parts) + "\n"


def _percent(value: Value) -> str:
    return f"{100 * value:.2f}" if isinstance(value, float) else str(value)


def _duration(value: Value) -> str:
    return duration(value) if isinstance(value, float) else str(value)
