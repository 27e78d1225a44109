"""Several trainings that belong together, through the real command line: killed, gone on with, and compared."""

from __future__ import annotations

import csv
import json
import subprocess
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import SPEC, start

from archscope.cli import series as series_module
from archscope.cli.contenders import contender
from archscope.cli.proof import planned
from archscope.cli.series import seeded
from archscope.diagnose.compare import label, verdicts
from archscope.errors import ArchscopeError, DivergedError, OutputError, TrainingError
from archscope.graph import digest
from archscope.report.compare import by_question
from archscope.runs.lock import locked
from archscope.runs.plan import Plan
from archscope.runs.series import Job, Series, read_series
from archscope.train import Recipe

DATA = ("--data", "digits", "--epochs", "2", "--batch-size", "128")
DESIGNS = ("mobilenet_v2@16,alpha=0.1+cut:block_2_add+head:16", "+stride:Conv1,to=1")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    process = start(folder, *words, TF_NUM_INTRAOP_THREADS="1")
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def test_one_that_diverges_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan("m@8", "digits", {"seed": 0}, True, False, "archscope compare a b", "now")
    names = ("a-seed-0", "b-seed-0", "c-seed-0")
    series = Series("compare", plan.command, "now", tuple(Job(name, replace(plan, spec=name[0])) for name in names))
    trained: list[str] = []

    def run_job(plan: Plan, folder: Path, resumed: bool) -> str:
        trained.append(plan.spec)
        if plan.spec == "b":
            raise DivergedError("the loss is no longer a finite number at step 3 of epoch 1", "lower it")
        return plan.spec

    monkeypatch.setattr(series_module, "run_job", run_job)
    monkeypatch.setattr(series_module, "forget_models", lambda: None)
    monkeypatch.setattr(series_module, "run_line", str)
    monkeypatch.setattr(series_module, "Measured", lambda folder, run, predictions: run)
    monkeypatch.setattr(series_module, "_answers", lambda folder, run: None)
    said = "b, seed 0: the loss is no longer a finite number at step 3 of epoch 1"
    assert series_module.run_series(tmp_path / "s", series) == (("a", "c"), (said,))
    assert series_module.run_series(tmp_path / "s", series) == (("a", "c"), (said,))
    assert trained == ["a", "b", "c", "a", "c"]
    assert "diverged before (remove " in capsys.readouterr().err
    alone = replace(series, jobs=series.jobs[1:2])
    with pytest.raises(DivergedError, match="all 1 runs diverged; b, seed 0: the loss is no longer"):
        series_module.run_series(tmp_path / "s", alone)


NET = "mobilenet_v2@16,alpha=0.1+cut:block_2_add"


@pytest.mark.parametrize(
    ("others", "knobs", "sentence"),
    [
        ((f"{NET}+head:none",), {}, r"B \(.*\) has no head"),
        (("mobilenet_v2@32",), {"start_size": 0.5}, r"start size is 0\.5, and at 16x16 .*block_13"),
        (("mobilenet_v2@16x16x1,alpha=0.1+cut:block_2_add",), {}, "A takes images of 3 channels and B of 1"),
        (("mobilenet_v2@16,alpha=0.1,classes=7+cut:block_2_add",), {}, "A tells 10 classes apart and B 7"),
        ((NET,), {}, "A and B are the same network"),
        ((), {"distill": 0.5}, r"distill is 0\.5 and a comparison has no teacher"),
    ],
)
def test_what_would_stop_a_series_hours_later_is_known_before(
    others: tuple[str, ...], knobs: dict[str, Any], sentence: str
) -> None:
    plan = Plan("", "digits", Recipe(**knobs).to_dict(), True, False, "archscope compare", "now")
    contenders = tuple(contender(label(number), spec) for number, spec in enumerate((NET, *others)))
    with pytest.raises(ArchscopeError, match=sentence):
        planned(contenders, plan, 1)


@pytest.mark.parametrize("stands", ["locked", "diverged"])
def test_a_series_that_another_process_trains_or_that_diverged_in_part_stays(
    stands: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process is refused; what it found is not its own to remove, although no state is saved yet."""
    plan = Plan("m@8", "digits", {"seed": 0}, True, False, "archscope train-eval m", "now")
    jobs = tuple(Job(f"seed-{seed}", replace(plan, recipe={"seed": seed})) for seed in (0, 1))
    folder = tmp_path / "s"
    partial = folder / "seed-1.partial"
    partial.mkdir(parents=True)

    def refused(plan: Plan, place: Path, resumed: bool) -> None:
        raise OutputError(f"{place} is being trained by another process", "name another folder with --out")

    monkeypatch.setattr(series_module, "run_job", refused)
    if stands == "diverged":
        (folder / "seed-0.diverged").write_text("the loss is no longer a finite number\n")
    with locked(partial) if stands == "locked" else nullcontext(), pytest.raises(OutputError):
        series_module.run_series(folder, Series("seeds", plan.command, "now", jobs))
    assert read_series(folder).jobs == jobs


@pytest.mark.parametrize(
    ("edit", "question"),
    [
        ("stride:Conv1,to=1", "Does stride 1 bring accuracy?"),
        ("width:0.5", "And what else was changed?"),
        ("drop:block_2", "And what else was changed?"),
        ("dilate:block_1", "And what else was changed?"),
        ("replace:relu6,by=swish", "And what else was changed?"),
        ("head:plain", "And what else was changed?"),
    ],
)
def test_every_edit_is_answered_under_a_question(edit: str, question: str) -> None:
    contenders = tuple(contender(label(n), spec) for n, spec in enumerate((NET, f"{NET}+{edit}")))
    assert [asked for asked, _ in by_question(verdicts(contenders))] == [question]


def test_seeds_end_at_the_largest_before_anything_is_trained() -> None:
    assert [recipe["seed"] for recipe in seeded({"seed": 2**32 - 2}, 2)] == [2**32 - 2, 2**32 - 1]
    with pytest.raises(TrainingError, match="seed is 4294967296 and must be a whole number"):
        seeded({"seed": 2**32 - 1}, 2)


def test_seeds_are_counted_from_the_recipes_and_each_job_knows_its_network() -> None:
    plan = Plan("", "digits", Recipe(seed=7).to_dict(), True, False, "archscope compare", "now")
    contenders = tuple(contender(label(n), spec) for n, spec in enumerate((NET, f"{NET}+stride:Conv1,to=1")))
    jobs = planned(contenders, plan, 2)
    assert [job.plan.recipe["seed"] for job in jobs] == [7, 7, 8, 8]
    assert [job.plan.digest for job in jobs] == [digest(one.trace.graph) for one in contenders] * 2
    assert len({job.name for job in jobs}) == 4


def test_a_series_that_could_not_begin_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "train-eval", SPEC, "--data", "nowhere", "--seeds", "2")
    assert done.returncode == 2
    assert "go on with" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.name != "reports"] == []


def test_a_killed_comparison_goes_on_and_trains_nothing_twice(tmp_path: Path) -> None:
    words = ("compare", *DESIGNS, "--train", "--train-images", "400", *DATA)
    process = start(tmp_path, *words, TF_NUM_INTRAOP_THREADS="1")
    while not (first := list(tmp_path.glob("reports/*/*-seed-0/run.json"))):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    written = first[0].stat().st_mtime_ns
    done = run(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "1 of 2: " in done.stderr
    assert ": finished before: validation " in done.stderr
    assert first[0].stat().st_mtime_ns == written
    (folder,) = (tmp_path / "reports").iterdir()
    assert not list(folder.glob("*.partial"))

    # Forecast before, outcome after; a pilot that left the test set alone, and says so.
    text = " ".join(done.stdout.split())
    assert text.index("B against A: a gain expected, as the MACs") < text.index("A pilot: trained on 400 of the 1,151")
    assert "The test set was not used." in text
    record = json.loads((folder / "compare.json").read_text())
    assert record["pilot"] is True
    assert record["data"]["train_images"] == 400
    runs = [json.loads((folder / d["runs"][0]["folder"] / "run.json").read_text()) for d in record["designs"]]
    assert [one["test"] for one in runs] == [None, None]
    assert [one["times_tested"] for one in runs] == [0, 0]
    assert [d["accuracy"]["mean"] for d in record["designs"]] == [one["validation"]["accuracy"] for one in runs]

    # The difference is McNemar's over the answers that the runs kept.
    answers = [np.load(folder / d["runs"][0]["folder"] / "predictions.npz") for d in record["designs"]]
    hits = [one["labels"] == one["predicted"] for one in answers]
    test = record["verdicts"][0]["difference"]["test"]
    assert (test["only_a"], test["only_b"]) == ((hits[1] & ~hits[0]).sum(), (hits[0] & ~hits[1]).sum())
    assert (answers[0]["labels"] == answers[1]["labels"]).all()
    names = {"README.md", "report.html", "compare.json", "compare.csv", "history.csv", "accuracy.png", "accuracy.svg"}
    assert names < {path.name for path in folder.iterdir()}
    with (folder / "history.csv").open(newline="") as file:
        assert [(row["label"], row["epoch"]) for row in csv.DictReader(file)] == [
            ("A", "1"), ("A", "2"), ("B", "1"), ("B", "2"),
        ]  # fmt: skip

    again = run(tmp_path, "compare", "--resume", str(folder), "--format", "json")
    assert json.loads(again.stdout) == record
    assert "images/s" not in again.stderr
    other = run(tmp_path, *words, "--seeds", "2", "--out", str(folder))
    assert other.returncode == 2
    assert "holds another series: archscope compare mobilenet_v2@16" in other.stderr.splitlines()[-1]
    assert (
        "is a comparison; go on with: archscope compare" in run(tmp_path, "train-eval", "--resume", str(folder)).stderr
    )


def test_two_seeds_their_mean_and_their_paired_test(tmp_path: Path) -> None:
    done = run(tmp_path, "train-eval", SPEC, *DATA, "--seeds", "2", "--flip-tta", "--no-latency", "--out", "two")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    runs = [json.loads((tmp_path / "two" / f"seed-{seed}" / "run.json").read_text()) for seed in (0, 1)]
    assert [one["seed"] for one in runs] == summary["seeds"] == [0, 1]
    assert summary["accuracy"]["test"]["values"] == [one["test"]["accuracy"] for one in runs]
    assert summary["accuracy"]["test"]["mean"] == np.mean(summary["accuracy"]["test"]["values"])
    assert all(one["flip_tta"]["split"] == "test" and one["test"]["calibration_error"] > 0 for one in runs)
    assert "test accuracy" in done.stdout
    assert "2 seeds) on scikit-learn digits" in " ".join(done.stdout.split())

    # `evaluate --predictions` writes the very bytes that the run kept.
    kept = tmp_path / "two" / "seed-0" / "predictions.npz"
    before = kept.read_bytes()
    kept.unlink()
    unpaired = run(tmp_path, "compare", "two/seed-0", "two/seed-1")
    assert "No paired test of A and B: `archscope evaluate two/seed-0 --predictions` first." in unpaired.stdout
    done = run(tmp_path, "evaluate", "two/seed-0", "--predictions", "--flip-tta")
    assert done.returncode == 0, done.stderr
    assert kept.read_bytes() == before
    assert "with flip averaging" in done.stdout
    assert "calibration error" in done.stdout
    paired = run(tmp_path, "compare", "two/seed-0", "two/seed-1")
    assert "images only" in " ".join(paired.stdout.split())

    again = run(tmp_path, "train-eval", "--resume", "two")
    assert "2 of 2: " in again.stderr
    assert "images/s" not in again.stderr
    assert json.loads((tmp_path / "two" / "summary.json").read_text()) == summary
