from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archscope.errors import OutputError, RunError
from archscope.runs import (
    SCHEMA_VERSION,
    ClassScore,
    DataRecord,
    EpochRecord,
    LatencyRecord,
    NetworkRecord,
    Run,
    Scores,
    read_run,
    times_tested,
    write_run,
)

NETWORK = asdict(NetworkRecord("mobilenet_v2@32", "abc", (32, 32, 3), 2, 1000, 900, 5000))
number = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(0, 2**40)
runs = st.builds(
    Run,
    recipe=st.dictionaries(st.text(), st.one_of(st.text(), number, count, st.booleans())),
    history=st.lists(st.builds(EpochRecord, *[count] + [number] * 7), max_size=3).map(tuple),
    validation=st.builds(
        Scores,
        accuracy=number,
        interval_low=number,
        interval_high=number,
        loss=number,
        calibration_error=st.none() | number,
        per_class=st.lists(
            st.builds(ClassScore, name=st.text(), precision=number, recall=number, f1=number), max_size=3
        ).map(tuple),
    ),
    test=st.none(),
    flip_tta=st.none(),
    seconds=number,
    latency=st.lists(
        st.builds(LatencyRecord, median_ms=number, p90_ms=number, p99_ms=number, runtime=st.text()), max_size=2
    ).map(tuple),
)


@pytest.fixture
def run() -> Run:
    scores = Scores(
        split="test",
        images=4,
        accuracy=0.75,
        interval_low=0.3,
        interval_high=0.95,
        loss=0.7,
        per_class=(ClassScore("cat", 0.5, 1.0, 2 / 3, 2), ClassScore("dog", 1.0, 0.5, 2 / 3, 2)),
        confusion=((2, 0), (1, 1)),
    )
    return Run(
        name="cut",
        command="archscope train-eval",
        started="2025-01-02T03:04:05+00:00",
        seconds=12.5,
        network=NetworkRecord(**NETWORK),
        data=DataRecord("digits", "digits", "bundled", "f00", ("cat", "dog"), 8, 2, 4),
        recipe={"optimizer": "sgd", "learning_rate": 0.1},
        seed=0,
        history=(EpochRecord(1, 0.1, 1.5, 0.4, 1.25, 0.1 + 0.2, 3.0, 900.0), EpochRecord(2, 0.0, 1, 0, 1, 0, 3, 9)),
        best_epoch=1,
        stopped_early=False,
        validation=scores,
        test=scores,
        times_tested=1,
        latency=(),
        versions={"keras": "3.15.1"},
        machine="two cores",
        model_sha256="beef",
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs)
def test_a_run_survives_its_file(tmp_path: Path, run: Run) -> None:
    write_run(tmp_path / "run", run)
    assert read_run(tmp_path / "run") == run


def test_a_run_from_before_a_field_was_known_reads_with_its_default(run: Run, tmp_path: Path) -> None:
    write_run(tmp_path, run)
    path = tmp_path / "run.json"
    values = json.loads(path.read_text())
    del values["flip_tta"], values["data"]["train_left_out"], values["test"]["calibration_error"]
    path.write_text(json.dumps(values))
    assert read_run(tmp_path) == run


@pytest.mark.parametrize("name", ["study-base", "study-cut"])
def test_the_committed_runs_are_readable(name: str) -> None:
    run = read_run(Path(__file__).parents[2] / "reports" / name)
    assert run.test is not None
    assert run.data.train_left_out == 0


def test_run_json_is_readable_and_complete(run: Run, tmp_path: Path) -> None:
    write_run(tmp_path, run)
    text = (tmp_path / "run.json").read_text()
    values = json.loads(text)
    assert list(values) == ["schema_version", *(field.name for field in fields(Run))]
    assert values["schema_version"] == SCHEMA_VERSION
    assert values["test"]["confusion"] == [[2, 0], [1, 1]]
    assert '"confusion": [[2, 0], [1, 1]]' in text
    assert max(map(len, text.splitlines())) <= 120


def test_history_csv_reads_back_exactly(run: Run, tmp_path: Path) -> None:
    write_run(tmp_path, run)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[0]["validation_accuracy"]) == 0.1 + 0.2


def test_a_run_is_read_by_its_folder_or_its_file(run: Run, tmp_path: Path) -> None:
    write_run(tmp_path, run)
    assert read_run(tmp_path) == read_run(tmp_path / "run.json") == run


def edit(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda values: values | changes


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (edit(schema_version=SCHEMA_VERSION + 1), "has schema 2 and this archscope reads 1; update archscope"),
        (edit(schema_version="1"), "has no schema_version"),
        (edit(seed="zero"), "is not a run: run.seed is not of type int"),
        (edit(seed=True), "run.seed is not of type int"),
        (edit(stopped_early=0), "run.stopped_early is not of type bool"),
        (edit(seconds=None), "run.seconds is not a number"),
        (edit(history=[{"epoch": 1}]), r"run.history\[0\] is not complete, and has no 'learning_rate'"),
        (edit(history={}), "run.history is not a list"),
        (edit(surprise=1), "run is not of this schema, which has no 'surprise'"),
        (edit(network=[]), "run.network is not an object"),
        (edit(versions={"keras": 3}), "run.versions.keras is not of type str"),
        (edit(network=NETWORK | {"input": [32, 32]}), "run.network.input is not a list of 3"),
        (lambda values: [values], "does not hold a JSON object"),
    ],
)  # fmt: skip
def test_a_malformed_run_names_the_place(
    damage: Callable[[dict[str, Any]], Any], sentence: str, run: Run, tmp_path: Path
) -> None:
    write_run(tmp_path, run)
    path = tmp_path / "run.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(RunError, match=sentence):
        read_run(tmp_path)


def test_what_is_no_json_or_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run at"):
        read_run(tmp_path)
    write_run(tmp_path, run)
    for content in (b"{", b"\xff\xfe", b"[" * 100_000):
        (tmp_path / "run.json").write_bytes(content)
        with pytest.raises(RunError, match="is not JSON"):
            read_run(tmp_path)


def test_a_number_that_is_not_finite_is_not_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not finite"):
        write_run(tmp_path, replace(run, seconds=float("nan")))
    assert list(tmp_path.iterdir()) == []


def test_a_refusing_disk_is_an_output_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_run(tmp_path / "file", run)


def test_a_folder_that_is_no_finished_run_says_what_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "series.json").write_text("{}")
    with pytest.raises(RunError, match=r"it is a series of runs; name one of them: none is finished yet$"):
        read_run(tmp_path / "series")
    write_run(tmp_path / "series" / "seed-1", run)
    write_run(tmp_path / "series" / "seed-0", run)
    with pytest.raises(RunError, match=r"name one of them: \S+/series/seed-0, \S+/series/seed-1$"):
        read_run(tmp_path / "series")
    (tmp_path / "mine.partial").mkdir()
    (tmp_path / "mine.partial" / "plan.json").write_text("{}")
    for named in ("mine", "mine.partial"):
        with pytest.raises(RunError, match=r"go on with: archscope train-eval --resume \S+/mine\.partial$"):
            read_run(tmp_path / named)
    with pytest.raises(RunError, match=r"there is no run at \S+; name a folder that archscope train-eval wrote$"):
        read_run(tmp_path)


def test_tests_are_counted_by_digest(run: Run, tmp_path: Path) -> None:
    def at(minute: int, **changed: Any) -> Run:
        return replace(run, started=f"2025-01-01T00:{minute:02}:00+00:00", **changed)

    write_run(tmp_path / "b", at(1))
    write_run(tmp_path / "a", at(2))
    write_run(tmp_path / "series" / "c", at(3))
    write_run(tmp_path / "c", at(4, test=None))
    write_run(tmp_path / "too" / "deep" / "c", at(5))
    write_run(tmp_path / "d", at(6, network=replace(run.network, digest="xyz")))
    write_run(tmp_path / ".e.tmp", at(7))
    write_run(tmp_path / "series" / ".x.tmp", at(8))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "run.json").write_text('{"foo": 1}')
    slug = run.data.slug
    assert [times_tested([tmp_path], digest, slug) for digest in ("abc", "xyz", "none")] == [3, 1, 0]
    write_run(tmp_path / "c", at(4, test=None, tested_since=2))
    assert times_tested([tmp_path], "abc", slug) == 5
    write_run(tmp_path / "copy", at(2))
    write_run(tmp_path / "copy-tested-again", at(4, test=None, tested_since=3))
    assert times_tested([tmp_path], "abc", slug) == 6
    assert times_tested([tmp_path], "abc", "another") == 0
    assert times_tested([tmp_path / "missing", tmp_path / "missing"], "abc", slug) == 0
