"""Ctrl-C and SIGTERM while a training runs: at once where nothing can be lost, behind the step where something can."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from archscope.errors import StoppedError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
BOUNCE_SECONDS = 1.0  # a signal that comes again so soon was sent twice, not meant twice


class Stop:
    """Handles both signals from `with` on. While it is held the first is noted as `asked`, for whoever trains to see;
    a second one ends the wait for the step, but never a save.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.saving = False
        self._held = False
        self._asked_at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            # A process in the background ignores Ctrl-C, and goes on doing so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Raises StoppedError for a signal that was noted and not answered, or that was made another error of."""
        heard = self.asked is not None
        for number, handler in self._before.items():
            # Who has been heard need not press again; what is left is to say how to go on.
            signal.signal(number, signal.SIG_IGN if heard else handler)
        if self.asked is not None and not isinstance(error, StoppedError):
            raise interruption(self.asked) from error

    def hold(self) -> None:
        """From here on a signal waits for `answer`: raised within a framework's own code it may be lost there."""
        self._held = True

    def answer(self, where: str) -> None:
        """Raise StoppedError where a signal was noted."""
        if self.asked is not None:
            raise interruption(self.asked, where)

    @contextmanager
    def free(self, where: str) -> Iterator[None]:
        """While this is open a signal ends the process at once again."""
        self.answer(where)
        self._held = False
        try:
            yield
        finally:
            self._held = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.saving:
            self.asked = self.asked or number
        elif self._held and self.asked is None:
            self.asked, self._asked_at = number, time.monotonic()
        elif self.asked is None or time.monotonic() - self._asked_at > BOUNCE_SECONDS:
            self.asked = number
            raise interruption(number)


def interruption(number: int, where: str = "") -> StoppedError:
    """The error that ends a process as the signal would, once what was to be saved is saved."""
    return StoppedError(("interrupted" if number == signal.SIGINT else "terminated") + where, "", 128 + number)
