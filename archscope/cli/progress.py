"""A training as a person follows it: a live view on a terminal, a line an epoch in a pipe. All of it on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from archscope.report.facts import duration
from archscope.report.sparkline import sparkline
from archscope.report.training import EPOCH_WIDTH, epoch_line, epoch_pieces, epoch_titles, estimate_line
from archscope.runs import EpochRecord
from archscope.train import EpochEnd, Event, Finished, Started, StepEnd, best_epoch

BAR, SPARK = 24, 24  # cells of the epoch's bar, and of a curve at most
GAP = "  "


class Watch:
    """Consumes a training's events and shows them; `history` holds the epochs of the run before this process."""

    def __init__(self, history: Sequence[EpochRecord] = (), console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self.view = View(list(history))
        self._live = Live(self.view, console=self.console, auto_refresh=False, transient=True)

    def follow(self, events: Iterator[Event]) -> Finished:
        """Show all events; return the last. Errors of the training pass through, with the terminal left in order."""
        with self._shown():
            for event in events:
                match event:
                    case Started():
                        self._on_start(event)
                    case StepEnd():
                        self.view.step = event
                    case EpochEnd():
                        self._on_epoch(event)
                    case Finished():
                        return event
                if self._live.is_started:
                    self._live.refresh()
        raise AssertionError("a training ends with Finished")

    def _shown(self) -> AbstractContextManager[object]:
        # In a pipe the epochs' lines say all.
        live = self.console.is_terminal and not self.console.is_dumb_terminal
        return self._live if live else nullcontext()

    def _on_start(self, event: Started) -> None:
        self.view.started = event
        piped = not self.console.is_terminal
        self.console.print(estimate_line(event.seconds_left, event.seconds_per_epoch), soft_wrap=piped)
        if not self._folds():
            self.console.print(epoch_titles(), style="bold", soft_wrap=True)

    def _on_epoch(self, event: EpochEnd) -> None:
        assert self.view.started is not None
        self.view.history.append(event.record)
        self.view.step = None
        shown = (event.record, self.view.started.epochs, event.improved, event.seconds_left)
        if self._folds():
            self.console.print(folded([Text(piece) for piece in epoch_pieces(*shown)], self.console.width))
        else:
            self.console.print(epoch_line(*shown), soft_wrap=True)

    def _folds(self) -> bool:
        """Whether a line an epoch is too wide for this terminal; what reads a pipe wants one line each."""
        return self.console.is_terminal and self.console.width < EPOCH_WIDTH


@dataclass(slots=True)
class View:
    """The lines below the epochs: this epoch's progress, and the curves of all of them."""

    history: list[EpochRecord]
    started: Started | None = None
    step: StepEnd | None = field(default=None)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield folded(self._now(options.ascii_only), options.max_width)
        if self.history:
            yield folded(self._so_far(options.ascii_only), options.max_width)

    def _now(self, ascii_only: bool) -> list[Text]:
        if self.started is None:
            return [Text("compiling ...")]
        step = self.step
        if step is None:
            return [Text(f"epoch {min(len(self.history) + 1, self.started.epochs)}/{self.started.epochs}")]
        done, steps = step.step, self.started.steps_per_epoch
        full, empty = "#-" if ascii_only else "━─"
        filled = BAR * done // steps
        return [
            Text(f"epoch {step.epoch}/{self.started.epochs}", style="bold"),
            Text.assemble((full * filled, "cyan"), (empty * (BAR - filled), "dim")),
            Text("validating" if done == steps else f"step {done:,}/{steps:,}"),
            Text(f"loss {step.loss:.3f}"),
            Text(f"accuracy {step.accuracy:.3f}"),
            Text(f"{step.images_per_second:,.0f} images/s"),
            Text(f"ETA {duration(step.seconds_left)}"),
        ]

    def _so_far(self, ascii_only: bool) -> list[Text]:
        best = self.history[best_epoch(self.history) - 1]
        accuracy = sparkline([record.validation_accuracy for record in self.history], SPARK, ascii_only)
        loss = sparkline([record.validation_loss for record in self.history], SPARK, ascii_only)
        return [
            Text.assemble("validation accuracy ", (accuracy, "green")),
            Text(f"best {best.validation_accuracy:.4f} @{best.epoch}", style="bold"),
            Text.assemble("loss ", (loss, "yellow")),
        ]


def folded(pieces: Sequence[Text], width: int) -> Text:
    """The pieces side by side, on a further, indented line where `width` ends; a piece is never broken."""
    out, used = Text(), 0
    for piece in pieces:
        if not used:
            gap = ""
        elif used + len(GAP) + piece.cell_len <= width:
            gap = GAP
        else:
            gap, used = "\n" + GAP, 0
        out.append(gap).append_text(piece)
        used += len(gap.lstrip("\n")) + piece.cell_len
    return out
