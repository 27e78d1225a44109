"""TensorBoard logs of a training, on the side: a disk that refuses them ends the logs, not the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archscope.cli.output import note
from archscope.errors import reason_of
from archscope.report.tensorboard import EventLog
from archscope.runs import EpochRecord
from archscope.train import EpochEnd, Event


def logged(events: Iterator[Event], folder: Path, history: Sequence[EpochRecord]) -> Iterator[Event]:
    """All events as they come, each epoch logged in `folder` behind those of `history`."""
    log: EventLog | None = None
    try:
        log = EventLog(folder, history)
    except OSError as error:
        _refused(folder, error)
    for event in events:
        if log is not None and isinstance(event, EpochEnd):
            try:
                log.add(event.record)
            except OSError as error:
                _refused(folder, error)
                log = None
        yield event


def _refused(folder: Path, error: OSError) -> None:
    note(f"no more TensorBoard logs: cannot write {folder}: {reason_of(error)}")
