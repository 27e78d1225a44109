"""Several trainings that belong together: which they are, so that an interrupted series goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from archscope.errors import RunError, reason_of
from archscope.files import write_atomic
from archscope.runs.decode import decode
from archscope.runs.plan import Plan
from archscope.runs.record import SCHEMA_VERSION
from archscope.runs.store import SERIES_FILE


@dataclass(frozen=True, slots=True)
class Job:
    """One training of a series; `name` is its folder in the series' own."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Series:
    """`kind` is the command that made it: `seeds` or `compare`. `jobs` in the order in which they are run."""

    kind: str
    command: str
    started: str
    jobs: tuple[Job, ...]

    @property
    def identity(self) -> str:
        """Eight hex digits of what is trained; when, and by which words, makes no other series."""
        return series_identity(self.kind, self.jobs)


def series_identity(kind: str, jobs: Sequence[Job]) -> str:
    bare = [asdict(replace(job, plan=job.plan.asked)) for job in jobs]
    return sha256(json.dumps([kind, bare], sort_keys=True).encode()).hexdigest()[:8]


def write_series(folder: Path, series: Series) -> None:
    """Write series.json into `folder`, which is made where it is missing. Raises OutputError when the disk refuses."""
    values = {"schema_version": SCHEMA_VERSION} | asdict(series)
    write_atomic(folder / SERIES_FILE, json.dumps(values, indent=2) + "\n")


def read_series(folder: Path) -> Series:
    """The series in `folder`. Raises RunError where there is none, or one that is damaged."""
    path = folder / SERIES_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("schema_version", None) != SCHEMA_VERSION:
            raise ValueError(f"it has no schema_version {SCHEMA_VERSION}")
        series: Series = decode(values, Series, "series")
        for job in series.jobs:
            _check_name(job.name)
        return series
    except OSError as error:
        reason = reason_of(error)
        raise RunError(f"{folder} is no series of runs: {path.name}: {reason}", "name the folder of one") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}", "start the series anew, in another folder") from error


def _check_name(name: str) -> None:
    # A name becomes a folder: a file from elsewhere must not lead out of the series' own.
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no folder name")
