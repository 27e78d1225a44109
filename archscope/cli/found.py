"""What becomes of a search's answer: shown, written to files, drawn, chosen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.cli.editing import confirm_overwrite
from archscope.cli.output import Format, console, emit, emit_json, json_text, may_write, next_step, note, say, show
from archscope.cli.score import scores_of, show_scores
from archscope.cli.subject import Subject, workspace
from archscope.design import FILE_NAME, build
from archscope.errors import DesignError
from archscope.files import write_atomic
from archscope.graph import verify
from archscope.report.figure import check_picture
from archscope.report.network import SCHEMA_VERSION
from archscope.report.search import (
    NO_FORECAST,
    candidate_table,
    check_table_file,
    found_sentence,
    limits_sentence,
    miss_lines,
    parquet_bytes,
    shown_rows,
)

if TYPE_CHECKING:
    from archscope.search.search import Plan
    from archscope.search.select import Answer, Question


@dataclass(frozen=True, slots=True)
class Searched:
    """A search that has ended, or was stopped, and what it was of."""

    base: Subject
    limits_source: str
    plan: Plan
    question: Question
    answer: Answer


def check_files(out: Path | None, picture: Path | None, yes: bool) -> None:
    """Before a search of seconds, whether what it is to write has a kind and a place. Raises OutputError."""
    if out is not None:
        check_table_file(out)
        may_write(out, yes)
    if picture is not None:
        check_picture(picture)
        may_write(picture, yes)


def write_files(searched: Searched, out: Path | None, picture: Path | None) -> None:
    """All rows as a table, and the space as a picture, where they were asked for and there is something to write."""
    plan, answer = searched.plan, searched.answer
    left = plan.planned - answer.searched
    stopped = f", of a search that was stopped: {left:,} designs were not priced" if left else ""
    if not answer.kept:
        for path in filter(None, (out, picture)):
            note(f"{path} is not written: there is no design to write")
        return
    if out is not None:
        write_atomic(out, _file_bytes(searched, out))
        note(f"wrote {out}{stopped}")
    if picture is not None:
        from archscope.report.search_picture import write_space

        write_space(plan, searched.question, answer, searched.base.trace, picture)
        note(f"wrote {picture}{stopped}")


def _file_bytes(searched: Searched, path: Path) -> bytes:
    """All rows in the form that the file's name says; JSON holds the question as well."""
    kind = path.suffix.lower()
    if kind == ".json":
        return json_text(_record(searched)).encode()
    table = candidate_table(searched.plan, searched.answer.kept, machine=True)
    if kind == ".parquet":
        return parquet_bytes(table)
    return (table.csv() if kind == ".csv" else table.markdown()).encode()


def check_row(searched: Searched, row: int) -> None:
    """Raises DesignError for a row that there is not."""
    rows = len(searched.answer.kept)
    if row > rows:
        listed = "1 design is" if rows == 1 else f"{rows} designs are"
        raise DesignError(f"--choose {row}: {listed} listed", f"choose a row from 1 to {rows}")


def choose_row(searched: Searched, row: int, yes: bool, form: Format) -> None:
    """Make the design of a row this folder's."""
    tell = partial(say, wrap=False) if form is Format.table else note
    one = searched.answer.kept[row - 1]
    design, spec = one.design(searched.plan.space), one.spec(searched.plan.space)
    space = workspace()
    existing = space.design()
    if existing == design:
        tell(f"already so: {FILE_NAME} holds row {row}")
        return
    if existing is not None:
        confirm_overwrite(existing, yes)
    made = "wrote" if space.path.exists() else "made"
    space.write(design, f"search --choose {row}")
    tell(f"{made} {FILE_NAME}: {spec}")
    next_step("archscope train-eval")


def score_rows(searched: Searched, data: str | None) -> None:
    """Training-free scores of the rows that people see, under the same numbers."""
    from archscope.diagnose.compare import Contender

    rows = []
    for number, one in shown_rows(searched.answer):
        design = one.design(searched.plan.space)
        spec = one.spec(searched.plan.space)
        rows.append(Contender(str(number), design, spec, "search", verify(build(design))))
    say()
    show_scores(rows, scores_of(rows, data), Format.table)


def render(searched: Searched, form: Format) -> None:
    _RENDER[form](searched)


def _table(searched: Searched) -> None:
    plan, question, answer = searched.plan, searched.question, searched.answer
    limits = limits_sentence(question.limits)
    if limits:
        say(f"limits: {limits} ({searched.limits_source})")
    if question.limits.dtype != "float32":
        say(f"bytes are those of {question.limits.dtype}")
    say()
    if not answer.kept:
        say(found_sentence(plan, question, answer))
        for line in miss_lines(plan, question, answer):
            say(line, wrap=False)
        return
    rows = shown_rows(answer)
    specs = [f"{number:>4} {one.spec(plan.space)}" for number, one in rows]
    table = candidate_table(plan, answer.kept, rows=rows)
    out = console()
    show(table)
    say()
    for line in specs:
        say(line, wrap=False)
    from archscope.report.search_plot import plot

    say()
    for drawn in plot(plan, answer, searched.base.trace, out.width):
        out.print(drawn, soft_wrap=True)
    say()
    if len(rows) < len(answer.kept):
        say(f"{len(rows)} of {len(answer.kept):,} rows, evenly spaced; all of them: --out front.csv, or --format csv")
    say(found_sentence(plan, question, answer))
    say(NO_FORECAST)


def _json(searched: Searched) -> None:
    emit_json(_record(searched))


def _record(searched: Searched) -> dict[str, Any]:
    """What was asked of which space, and what was found. `priced` is less than `planned` where a search was stopped,
    and `planned` less than `designs` where these were sampled."""
    plan, question, answer = searched.plan, searched.question, searched.answer
    near = candidate_table(plan, [one for _, one in answer.near], machine=True).records()
    limits = {key: limit for key, limit in asdict(question.limits).items() if key != "dtype" and limit}
    return {
        "schema_version": SCHEMA_VERSION,
        "base": searched.base.spec,
        "space": dict(plan.space.axes),
        "limits": limits,
        "dtype": question.limits.dtype,
        "objectives": {aim.column: "max" if aim.maximise else "min" for aim in question.objectives},
        "most": None if question.objectives else question.most,
        "designs": plan.size,
        "planned": plan.planned,
        "priced": answer.searched,
        "fitting": answer.fitting,
        "found": candidate_table(plan, answer.kept, machine=True).records(),
        "nearest": [{"limits": list(keys), **row} for (keys, _), row in zip(answer.near, near, strict=True)],
    }


def _csv(searched: Searched) -> None:
    emit(candidate_table(searched.plan, searched.answer.kept, machine=True).csv())
    _note_misses(searched)


def _markdown(searched: Searched) -> None:
    emit(candidate_table(searched.plan, searched.answer.kept, machine=True).markdown())
    _note_misses(searched)


def _note_misses(searched: Searched) -> None:
    """Where no row is, why, beside the table and not in it."""
    if not searched.answer.kept:
        for line in miss_lines(searched.plan, searched.question, searched.answer):
            note(line)


_RENDER = {Format.table: _table, Format.json: _json, Format.csv: _csv, Format.md: _markdown}
