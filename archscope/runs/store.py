"""A run on disk: `run.json` with every raw number, `history.csv` with the curves.

`run.json` is the record's dataclasses as JSON objects, field by field, under a `schema_version`. Reading is strict:
a file that does not hold exactly a record is refused with the key that is wrong, never patched up.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from archscope.errors import RunError
from archscope.files import write_atomic
from archscope.runs.record import SCHEMA_VERSION, EpochRecord, Run

RUN_FILE = "run.json"
HISTORY_FILE = "history.csv"
MODEL_FILE = "model.keras"
LINE_WIDTH = 120


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
        run: Run = _decode(values, Run, "run")
    except ValueError as error:
        raise RunError(f"{path} is not a run: {error}", "restore the file or train again") from error
    return run


def list_runs(root: Path) -> tuple[tuple[Path, Run], ...]:
    """Every run folder under `root` with its run, the earliest first. Raises RunError for one that cannot be read."""
    runs = [(path.parent, read_run(path.parent)) for path in _run_files(root)]
    return tuple(sorted(runs, key=lambda found: (found[1].started, found[0])))


def times_tested(roots: Iterable[Path], digest: str, slug: str) -> int:
    """How many runs under `roots` scored a network of this digest on the test set of the data set of this slug.

    Raises RunError as `read_run`.
    """
    found = {path.resolve(): run for root in roots for path, run in list_runs(root) if run.test is not None}
    return sum((run.network.digest, run.data.slug) == (digest, slug) for run in found.values())


def saved_model(folder: Path, run: Run) -> Path:
    """The model file of the run in `folder`. Raises RunError where it is missing or not the one that `run` recorded."""
    path = folder / MODEL_FILE
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise RunError(f"{path} does not exist", "name a run folder with its model in it") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {(error.strerror or str(error)).lower()}", "check the path") from error
    if found != run.model_sha256:
        raise RunError(f"{path} is not the model that the run recorded (SHA-256)", "restore the file, or train again")
    return path


def _run_files(root: Path) -> Iterator[Path]:
    # Hidden folders hold runs that are being written.
    for path in sorted(root.rglob(RUN_FILE)):
        if not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"there is no run at {path.parent}", "name a folder that archscope train-eval wrote") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {(error.strerror or str(error)).lower()}", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is not JSON: {error}", "restore the file or train again") from error
    if not isinstance(values, dict):
        raise RunError(f"{path} does not hold a JSON object", "restore the file or train again")
    return values


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


def _decode(value: Any, kind: Any, where: str) -> Any:
    """`value`, as JSON gave it, as an instance of the type `kind`. Raises ValueError naming the place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _decode_record(value, kind, where)
    if origin is UnionType:
        inner = next(argument for argument in arguments if argument is not NoneType)
        return None if value is None else _decode(value, inner, where)
    if origin is tuple:
        return _decode_tuple(value, arguments, where)
    if origin is dict:
        _expect(isinstance(value, dict), where, "an object")
        return {key: _decode(item, arguments[1], f"{where}.{key}") for key, item in value.items()}
    if kind is object:
        return value
    if kind is float:
        _expect(isinstance(value, int | float) and not isinstance(value, bool), where, "a number")
        return float(value)
    _expect(
        isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), where, f"of type {kind.__name__}"
    )
    return value


def _decode_record(value: Any, kind: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where, "an object")
    hints = get_type_hints(kind)
    # What a record learned later has a default: a run that was written before it is complete without.
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    for key in needed:
        _expect(key in value, where, f"complete, and has no {key!r}")
    for key in value:
        _expect(key in hints, where, f"of this schema, which has no {key!r}")
    return kind(**{key: _decode(item, hints[key], f"{where}.{key}") for key, item in value.items()})


def _decode_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, list), where, "a list")
    repeats = len(arguments) == 2 and arguments[1] is Ellipsis
    kinds = [arguments[0]] * len(value) if repeats else arguments
    _expect(len(kinds) == len(value), where, f"a list of {len(kinds)}")
    return tuple(_decode(item, kind, f"{where}[{i}]") for i, (item, kind) in enumerate(zip(value, kinds, strict=True)))


def _expect(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{where} is not {what}")
