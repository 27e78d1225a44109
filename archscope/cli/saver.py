"""When a training's state is saved: every minute, behind epochs where that is cheap, and when it is to stop."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from archscope.cli.output import note
from archscope.cli.stop import Stop, interruption
from archscope.errors import OutputError, TrainingError
from archscope.train import Checkpoint, EpochEnd, Event, Finished, Generations, Started, TrainingState, has_state

SAVE_SECONDS = 60.0
VARIABLE = "ARCHSCOPE_SAVE_SECONDS"
# Behind an epoch a state is saved where at least so many times the last save's duration has gone by: 5% at most.
CHEAP = 20


def save_seconds() -> float:
    """Seconds between two saves at most: the environment's, or a minute. Raises TrainingError for what is none."""
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text) if text else SAVE_SECONDS
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise TrainingError(f"{VARIABLE} is {text!r} and must be a number of seconds above 0", "correct or unset it")
    return seconds


@dataclass(slots=True)
class Saver:
    """Stands between a training and whoever shows it: `due` tells the one when a state is wanted, `watch` saves it."""

    generations: Generations
    stop: Stop
    interval: float = field(default_factory=save_seconds)
    _tried: float = 0.0
    _cost: float = 0.0
    _epoch_ended: bool = False
    _all_ended: bool = False
    _failing: bool = False

    def due(self) -> bool:
        """Whether a state is wanted now."""
        ended, self._epoch_ended = self._epoch_ended, False
        since = time.monotonic() - self._tried
        cheap = ended and (self._all_ended or since >= CHEAP * self._cost)
        return self.stop.asked is not None or cheap or since >= self.interval

    def watch(self, events: Iterator[Event]) -> Iterator[Event]:
        """All events as they come, each Checkpoint saved. Raises StoppedError after a save that a signal wanted.

        From the first step on signals are held, and stay so behind the training. The last epoch is saved in any case:
        what follows it can then be repeated without training again.
        """
        last: Finished | None = None
        for event in events:
            match event:
                case Started():
                    # Before the first step there is nothing to save.
                    self._tried = time.monotonic()
                    self.stop.hold()
                case EpochEnd():
                    self._epoch_ended, self._all_ended = True, event.last
                case Checkpoint(state):
                    self._save(state)
                case Finished():
                    last = event
                    break
            yield event
        if self.stop.asked is not None:
            raise interruption(self.stop.asked, " after the last step")
        if last is not None:
            yield last

    def _save(self, state: TrainingState) -> None:
        """A disk that refuses does not end the training: the states that were saved before stand."""
        begun, failure = time.monotonic(), ""
        self.stop.saving = True
        try:
            self.generations.save(state)
        except OutputError as error:
            failure = error.message
        self._tried = time.monotonic()
        self._cost = self._tried - begun
        if self.stop.asked is not None:
            # `saving` stays: whoever presses again must not cut off the sentence that says how to go on.
            saved = f", which could not be saved ({failure})" if failure else ", and saved"
            raise interruption(self.stop.asked, f" after {state.place}{saved}")
        self.stop.saving = False
        if failure and not self._failing:
            before = has_state(self.generations.folder)
            stands = "what was saved before stands" if before else "nothing is saved yet"
            note(f"{failure}: the training goes on, {stands}, and saving is tried again")
        elif self._failing and not failure:
            note(f"saved again, up to {state.place}")
        self._failing = bool(failure)
