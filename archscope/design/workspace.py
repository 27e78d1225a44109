"""The working directory: archscope.toml, and the history that lets any write be undone.

The file is the truth; the history lies beside it in .archscope/history.json. Each step holds the spec before and after
(None: no design), so an undo sets the [design] table and nothing else. A design that was changed by hand since the
last step becomes a step of its own first: undo never throws a hand edit away.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from archscope.design.design import Design
from archscope.design.file import FILE_NAME, parse_design, with_design
from archscope.design.spec import format_spec, parse_spec
from archscope.errors import ArchscopeError, DesignError, OutputError
from archscope.files import cannot_write, write_atomic
from archscope.toml import read_text

SCHEMA_VERSION = 1
HISTORY_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One write: the command, the spec before and after it, and the file's text where an undo took [design] out."""

    command: str
    before: str | None
    after: str | None
    removed: str | None = None


@dataclass(frozen=True, slots=True)
class _History:
    """Steps up to `position` are done, those behind it undone."""

    steps: tuple[Step, ...] = ()
    position: int = 0


@dataclass(frozen=True, slots=True)
class Workspace:
    """A directory with, perhaps, an archscope.toml."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / FILE_NAME

    @property
    def _history_path(self) -> Path:
        return self.folder / ".archscope" / "history.json"

    def design(self) -> Design | None:
        """The design of this folder, None where there is none. Raises DesignError for a file that is wrong."""
        text = read_text(self.path)
        return None if text is None else parse_design(text, self.path)

    def history(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps that undo can take back, oldest first, and those that redo can do again, next first."""
        history = self._history_with_hand_edits()
        return history.steps[: history.position], history.steps[history.position :]

    def write(self, design: Design, command: str) -> None:
        """Make `design` the design of this folder; `command` is what undo will call it."""
        history = self._history_with_hand_edits()
        done = history.steps[: history.position]
        step = Step(command, self._spec(), format_spec(design))
        self._commit(design, _History((*done, step)[-HISTORY_LIMIT:], min(len(done) + 1, HISTORY_LIMIT)))

    def undo(self) -> Step:
        """Reverse the last write, and return its step. Raises DesignError where there is none."""
        history = self._history_with_hand_edits()
        if not history.position:
            raise DesignError("there is nothing to undo in this folder", "`archscope status` shows the design")
        steps = list(history.steps)
        step = steps[history.position - 1]
        if step.before is None:
            steps[history.position - 1] = replace(step, removed=read_text(self.path))
        self._commit(_design(step.before), _History(tuple(steps), history.position - 1))
        return step

    def redo(self) -> Step:
        """Do the last undone write again, and return its step. Raises DesignError where there is none."""
        history = self._history_with_hand_edits()
        if history.position == len(history.steps):
            raise DesignError("there is nothing to redo in this folder", "a write after an undo ends the redo")
        step = history.steps[history.position]
        self._commit(_design(step.after), _History(history.steps, history.position + 1), step.removed)
        return step

    def _spec(self) -> str | None:
        design = self.design()
        return format_spec(design) if design else None

    def _commit(self, design: Design | None, history: _History, removed: str | None = None) -> None:
        """Set the design and the history, or, where the disk refuses either, neither."""
        before = read_text(self.path)
        self._replace(self._text_with(before, design, removed))
        try:
            self._save(history)
        except OutputError:
            self._replace(before)
            raise

    @staticmethod
    def _text_with(text: str | None, design: Design | None, removed: str | None) -> str | None:
        if removed is not None and text == with_design(removed, None):
            # Nothing but [design] is missing: bring it back with its comments.
            text = removed
        return text if text is None and design is None else with_design(text, design)

    def _replace(self, text: str | None) -> None:
        if text is not None:
            write_atomic(self.path, text)
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _history_with_hand_edits(self) -> _History:
        history = self._load()
        if not history.steps:
            # A design that was there first, as in a fresh clone, is where the history starts.
            return history
        last = history.steps[history.position - 1].after if history.position else history.steps[0].before
        now = self._spec()
        if now == last:
            return history
        step = Step(f"a change of {FILE_NAME} by hand", last, now)
        return _History((*history.steps[: history.position], step), history.position + 1)

    def _load(self) -> _History:
        text = read_text(self._history_path)
        if text is None:
            return _History()
        try:
            data = json.loads(text)
            steps = tuple(Step(**step) for step in data["steps"])
            position = data["position"]
            if data["schema_version"] != SCHEMA_VERSION or not 0 <= position <= len(steps):
                raise ValueError("out of range")
            for step in steps:
                if type(step.command) is not str or type(step.removed) not in (str, type(None)):
                    raise TypeError("not text")
                _design(step.before)
                _design(step.after)
            return _History(steps, position)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArchscopeError) as error:
            remedy = f"remove it to go on without undo; {FILE_NAME} is untouched"
            raise DesignError(f"{self._history_path} is damaged", remedy) from error

    def _save(self, history: _History) -> None:
        data = {
            "schema_version": SCHEMA_VERSION,
            "position": history.position,
            "steps": [asdict(step) for step in history.steps],
        }
        ignore = self._history_path.parent / ".gitignore"
        if not ignore.exists():
            write_atomic(ignore, "*\n")
        write_atomic(self._history_path, json.dumps(data, indent=1) + "\n")


def _design(spec: str | None) -> Design | None:
    return None if spec is None else parse_spec(spec)
