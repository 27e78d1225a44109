"""A comparison by training, as its report tells it: what was asked, what came out, and what it does not show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.diagnose.compare import Contender, Verdict, accuracy, verdicts
from archscope.diagnose.expect import MARGIN, Outcome
from archscope.report.compare import accuracy_interval, contender_record, scored_on, verdict_record
from archscope.report.facts import duration, percent, pilot
from archscope.report.network import SCHEMA_VERSION
from archscope.report.training import recipe_words
from archscope.runs import Run

if TYPE_CHECKING:
    import pandas as pd

SHOWN_EPOCHS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Designs trained alike, each with the same seeds; every contender has at least one run.

    `diverged`: a sentence for each run that did not finish; its design is left out.
    """

    contenders: tuple[Contender, ...]
    command: str
    diverged: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(measured.run for contender in self.contenders for measured in contender.runs)

    @property
    def seeds(self) -> int:
        return len(self.contenders[0].runs)

    @property
    def is_pilot(self) -> bool:
        return bool(self.runs[0].data.train_left_out)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return verdicts(self.contenders)

    @property
    def title(self) -> str:
        kind = "a pilot on" if self.is_pilot else "on"
        return f"{len(self.contenders)} designs under one recipe, {kind} {self.runs[0].data.name}"


def setting_lines(comparison: Comparison) -> list[str]:
    """Under what the designs were trained."""
    run = comparison.runs[0]
    seeds = ", ".join(str(measured.run.seed) for measured in comparison.contenders[0].runs)
    return [
        *([pilot(run.data)] if comparison.is_pilot else []),
        f"{run.data.train_images:,} images to train on, {run.data.validation_images:,} to validate; {run.data.name}.",
        f"Recipe: {recipe_words(run.recipe)}; {'seeds' if comparison.seeds > 1 else 'seed'} {seeds}.",
        f"Accuracies are of the {scored_on(comparison.contenders[0].runs[0])}.",
        f"{len(comparison.runs)} runs, {duration(sum(run.seconds for run in comparison.runs))} of training in all.",
    ]


def caveats(comparison: Comparison) -> list[str]:
    """What the figures do not show."""
    runs = comparison.runs
    # At the end of a cosine the last epoch is best in the normal course of things.
    last = sum(run.best_epoch == len(run.history) and run.recipe["schedule"] == "constant" for run in runs)
    tested = runs[0].test is not None
    said = [f"Left out, because it diverged: {sentence}." for sentence in comparison.diverged]
    if comparison.is_pilot:
        said.append(
            "A pilot shows directions. Its accuracies are not those of a full training, and the order may change."
        )
    if comparison.seeds == 1:
        said.append(
            "One seed each: the intervals cover the choice of images, for these trained networks; how far another seed "
            "would move them was not measured."
        )
    else:
        said.append(
            f"Intervals are Student's over {comparison.seeds} seeds; the same seed has the same held-out images for "
            "every design."
        )
    said += [
        f"“No loss” means less than {100 * MARGIN:g} point lost. “Cannot tell” means that the interval allows both.",
        "The recipe and the number of epochs are the same for all, not the computation: it grows with the MACs. No "
        "design was given a recipe of its own.",
    ]
    if last:
        said.append(f"In {last} of {len(runs)} runs the last epoch was the best: they were not trained to their end.")
    if tested:
        said.append(
            "Each run used the test set once. Whoever picks the best design by these figures has picked by the test "
            "set: the validation accuracies in compare.json are there for that."
        )
    else:
        said.append(
            "The test set was not used. The epoch was chosen on the images that these accuracies are of, "
            "which is kind to all of them alike."
        )
    said.append("Each difference is judged by itself: of twenty such intervals, one misses on average.")
    return said


def summary_line(comparison: Comparison) -> str:
    """`Of 6 forecasts 4 held, 1 did not hold, 1 cannot tell.`"""
    found = [verdict.outcome for verdict in comparison.verdicts]
    if not found:
        return "No design is a variant of another: there was nothing to forecast."
    words = {Outcome.held: "held", Outcome.failed: "did not hold", Outcome.open: "cannot be told"}
    counts = ", ".join(f"{found.count(key)} {word}" for key, word in words.items() if key in found)
    return f"Of {len(found)} {'forecast' if len(found) == 1 else 'forecasts'}: {counts}."


def accuracy_text(contender: Contender) -> str:
    """`61.2% (60.2–62.1%)`."""
    mean = accuracy(contender)
    assert mean is not None
    low, high = accuracy_interval(contender)
    span = f" ({100 * low:.1f}–{100 * high:.1f}%)" if low is not None and high is not None else ""
    return percent(mean.mean, 2) + span


def histories(comparison: Comparison) -> pd.DataFrame:
    """Every epoch of every run, a row each: label, spec, seed, and the fields of history.csv."""
    import pandas as pd

    frames = [
        pd.DataFrame([asdict(record) for record in measured.run.history]).assign(
            label=contender.label, spec=contender.spec, seed=measured.run.seed
        )
        for contender in comparison.contenders
        for measured in contender.runs
    ]
    frame = pd.concat(frames, ignore_index=True)
    first = ["label", "spec", "seed"]
    return frame[first + [name for name in frame.columns if name not in first]]


def progress_rows(comparison: Comparison) -> list[list[str]]:
    """Validation accuracy by epoch, the mean over the seeds: a row for each design, at most SHOWN_EPOCHS columns.

    The first row is the heading. A run that stopped early leaves the later cells to the other seeds, or empty.
    """
    curves = histories(comparison).pivot_table("validation_accuracy", index="label", columns="epoch", aggfunc="mean")
    curves = curves.reindex([contender.label for contender in comparison.contenders])
    epochs = list(curves.columns)
    step = -(-len(epochs) // SHOWN_EPOCHS)
    shown = curves[epochs[::-step][::-1]]
    rows = [
        [str(label), *(percent(v) if v == v else "" for v in row)]
        for label, row in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    return [["epoch", *(str(epoch) for epoch in shown.columns)], *rows]


def comparison_record(comparison: Comparison) -> dict[str, Any]:
    """compare.json."""
    run = comparison.runs[0]
    designs = [contender_record(contender) for contender in comparison.contenders]
    for design in designs:
        for found in design["runs"]:
            found["folder"] = Path(found["folder"]).name  # beside this file
    return {
        "schema_version": SCHEMA_VERSION,
        "command": comparison.command,
        "pilot": comparison.is_pilot,
        "data": {"name": run.data.name, "sha256": run.data.sha256, "train_images": run.data.train_images},
        "recipe": {name: value for name, value in run.recipe.items() if name != "seed"},
        "designs": designs,
        "diverged": list(comparison.diverged),
        "verdicts": [verdict_record(verdict) for verdict in comparison.verdicts],
    }
