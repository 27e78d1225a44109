"""A run on disk: `run.json` with every raw number, `history.csv` with the curves.

`run.json` is the record's dataclasses as JSON objects, field by field, under a `schema_version`. Reading is strict:
a file that does not hold exactly a record is refused with the key that is wrong, never patched up.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from archscope.errors import RunError, reason_of
from archscope.files import write_atomic
from archscope.runs.decode import decode
from archscope.runs.record import SCHEMA_VERSION, EpochRecord, Run

RUN_FILE, PLAN_FILE, SERIES_FILE = "run.json", "plan.json", "series.json"
PARTIAL = ".partial"
"""Behind the name of a run's folder until it is finished."""
HISTORY_FILE = "history.csv"
MODEL_FILE = "model.keras"
LINE_WIDTH = 120


def partial_of(folder: Path) -> Path:
    """Where the run of `folder` keeps its state until it is finished."""
    return folder.with_name(folder.name + PARTIAL)


def write_run(folder: Path, run: Run) -> None:
    """Write `run.json` and `history.csv` into `folder`, which is made where it is missing.

    Raises RunError for a number that JSON cannot hold (NaN, infinity), OutputError when the disk refuses.
    """
    try:
        content = _layout({"schema_version": SCHEMA_VERSION} | asdict(run)) + "\n"
    except ValueError as error:
        raise RunError(f"the run {run.name!r} holds a number that is not finite", "lower --learning-rate") from error
    write_atomic(folder / RUN_FILE, content)
    write_atomic(folder / HISTORY_FILE, history_csv(run.history))


def history_csv(history: tuple[EpochRecord, ...]) -> str:
    """One line per epoch under a line of field names; numbers as Python writes them, so that they read back exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in history)
    return text.getvalue()


def read_run(folder: Path) -> Run:
    """The run in `folder` (or the one whose run.json `folder` is).

    Raises RunError where it is missing, not JSON, of a newer schema, or not a run.
    """
    path = folder if folder.name == RUN_FILE else folder / RUN_FILE
    values = _read_json(path)
    version = values.pop("schema_version", None)
    if not isinstance(version, int):
        raise RunError(f"{path} has no schema_version", "name a folder that archscope train-eval wrote")
    if version > SCHEMA_VERSION:
        raise RunError(f"{path} has schema {version} and this archscope reads {SCHEMA_VERSION}", "update archscope")
    try:
        run: Run = decode(values, Run, "run")
    except ValueError as error:
        raise RunError(f"{path} is not a run: {error}", "restore the file or train again") from error
    return run


def times_tested(roots: Iterable[Path], digest: str, slug: str) -> int:
    """How often runs in `roots`, or in series there, scored a network of this digest on the test set of this slug.

    What cannot be read as a run is none that could be counted, and a copy of a run is no run of its own.
    """
    found: dict[tuple[str, str], int] = {}
    for root in roots:
        for path in (*root.glob(f"*/{RUN_FILE}"), *root.glob(f"*/*/{RUN_FILE}")):
            # Hidden folders hold runs that are being written.
            if any(part.startswith(".") for part in path.relative_to(root).parts):
                continue
            with suppress(RunError):
                run = read_run(path)
                if (run.network.digest, run.data.slug) == (digest, slug):
                    same, times = (run.started, run.model_sha256), run.tested_since or int(run.test is not None)
                    found[same] = max(times, found.get(same, 0))
    return sum(found.values())


def saved_model(folder: Path, run: Run) -> Path:
    """The model file of the run in `folder`. Raises RunError where it is missing or not the one that `run` recorded."""
    path = folder / MODEL_FILE
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise RunError(f"{path} does not exist", "name a run folder with its model in it") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}", "check the path") from error
    if found != run.model_sha256:
        raise RunError(f"{path} is not the model that the run recorded (SHA-256)", "restore the file, or train again")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"there is no run at {path.parent}", _instead(path.parent)) from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is not JSON: {error}", "restore the file or train again") from error
    if not isinstance(values, dict):
        raise RunError(f"{path} does not hold a JSON object", "restore the file or train again")
    return values


def _instead(folder: Path) -> str:
    """What to do about a folder that is no finished run."""
    if (folder / SERIES_FILE).is_file():
        inside = sorted(str(path.parent) for path in folder.glob(f"*/{RUN_FILE}"))
        return f"it is a series of runs; name one of them: {', '.join(inside) or 'none is finished yet'}"
    for partial in (folder, *([partial_of(folder)] if folder.name else [])):
        if (partial / PLAN_FILE).is_file():
            command = shlex.join(["archscope", "train-eval", "--resume", str(partial)])
            return f"it was interrupted, or is still trained; go on with: {command}"
    return "name a folder that archscope train-eval wrote"


def _layout(value: Any, indent: int = 0) -> str:
    """JSON with every object and list on one line where the line has room for it: a confusion matrix stays a matrix."""
    line = json.dumps(value, allow_nan=False, ensure_ascii=False)
    if not isinstance(value, dict | list | tuple) or len(line) + indent <= LINE_WIDTH:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        rows = [f"{inner}{json.dumps(key)}: {_layout(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + _layout(item, indent + 2) for item in value) + "\n" + " " * indent + "]"
