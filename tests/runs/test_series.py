from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archscope.errors import RunError
from archscope.runs.plan import Plan
from archscope.runs.series import Job, Series, read_series, write_series

PLAN = Plan("mobilenet_v2@32", "digits", {"seed": 0, "epochs": 2}, True, False, "archscope compare a b", "2026")
SERIES = Series("compare", "archscope compare a b", "2026", (Job("a-seed-0", PLAN), Job("b-seed-0", PLAN)))


def test_a_series_survives_its_file(tmp_path: Path) -> None:
    write_series(tmp_path / "new", SERIES)
    assert read_series(tmp_path / "new") == SERIES


def test_its_identity_is_what_is_trained_not_when_or_by_which_words() -> None:
    later = replace(PLAN, command="archscope compare a  b", started="2027", tensorboard=True)
    again = Series("compare", "other words", "2027", tuple(replace(job, plan=later) for job in SERIES.jobs))
    assert again.identity == SERIES.identity
    other = replace(PLAN, recipe={"seed": 1, "epochs": 2})
    assert replace(SERIES, jobs=(SERIES.jobs[0], Job("b-seed-0", other))).identity != SERIES.identity
    assert replace(SERIES, kind="seeds").identity != SERIES.identity


@pytest.mark.parametrize("name", ["../b", "/b", "b/c", "", ".", "..", ".b"])
def test_a_job_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    write_series(tmp_path, SERIES)
    values = json.loads((tmp_path / "series.json").read_text())
    values["jobs"][0]["name"] = name
    (tmp_path / "series.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match="is no folder name"):
        read_series(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "jobs": 3}', "["])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "series.json").write_text(content)
    with pytest.raises(RunError, match=r"series\.json is damaged"):
        read_series(tmp_path)


def test_a_folder_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no series of runs"):
        read_series(tmp_path)
