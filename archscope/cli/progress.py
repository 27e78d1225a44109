"""A training as a person follows it: a live line on a terminal, a line an epoch in a pipe. All of it on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from archscope.report.facts import duration
from archscope.report.training import epoch_line, epoch_titles, estimate_line
from archscope.runs import EpochRecord
from archscope.train import EpochEnd, Event, Finished, Started, Step


@dataclass(slots=True)
class Watch:
    """Consumes a training's events: prints them, and hands every finished epoch to `keep`."""

    keep: Callable[[EpochEnd], None]
    console: Console = field(default_factory=lambda: Console(file=sys.stderr, highlight=False, markup=False))
    started: Started | None = None
    best: EpochRecord | None = None

    def follow(self, events: Iterator[Event]) -> Finished:
        """Show all events; return the last. Errors of the training pass through, with the terminal left in order."""
        with self._progress() as progress:
            for event in events:
                match event:
                    case Started():
                        self._on_start(event, progress)
                    case Step():
                        self._on_step(event, progress)
                    case EpochEnd():
                        self.keep(event)
                        self._on_epoch(event, progress)
                    case Finished():
                        return event
        raise AssertionError("a training ends with Finished")

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[status]}"))
        # In a pipe the bar says nothing: the epochs' lines do.
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True) as progress:
            progress.add_task("compiling", total=None, status="")
            yield progress

    def _on_start(self, event: Started, progress: Progress) -> None:
        self.started = event
        progress.console.print(estimate_line(event.seconds_left, event.seconds_per_epoch))
        progress.console.print(epoch_titles(), style="bold")
        progress.reset(progress.task_ids[0], total=event.steps_per_epoch)

    def _on_step(self, event: Step, progress: Progress) -> None:
        assert self.started is not None
        best = f"  best {self.best.validation_accuracy:.4f} @{self.best.epoch}" if self.best else ""
        status = (
            f"loss {event.loss:.3f}  acc {event.accuracy:.3f}  {event.images_per_second:,.0f} images/s"
            f"  ETA {duration(event.seconds_left)}{best}"
        )
        description = f"epoch {event.epoch}/{self.started.epochs}"
        progress.update(progress.task_ids[0], completed=event.step, description=description, status=status)

    def _on_epoch(self, event: EpochEnd, progress: Progress) -> None:
        assert self.started is not None
        if event.improved:
            self.best = event.record
        line = epoch_line(event.record, self.started.epochs, event.improved, event.seconds_left)
        progress.console.print(line, soft_wrap=True)
