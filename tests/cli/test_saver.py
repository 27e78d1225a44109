"""When a state is saved, what a signal does, and a disk that refuses: without a training behind it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archscope.cli import saver as saver_module
from archscope.cli import stop as stop_module
from archscope.cli.saver import Saver, save_seconds
from archscope.cli.stop import Stop
from archscope.errors import OutputError, StoppedError, TrainingError
from archscope.runs import EpochRecord
from archscope.train import Checkpoint, EpochEnd, Event, Finished, Generations, Recipe, Started, TrainingState
from archscope.train.generations import GENERATIONS

STATE = TrainingState((), (), (), Recipe(), 0, step=7)
STARTED = Started(3, 1, 0, 10, 32, 320, 100, 1000, 1.0, 2.0, 6.0)
EPOCH = EpochEnd(EpochRecord(1, 0.1, 1.5, 0.4, 1.25, 0.5, 3.0, 900.0), True, 4.0, False)


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(saver_module, "time", clock)
    monkeypatch.setattr(stop_module, "time", clock)
    return clock


class Disk(Generations):
    """Counts what is saved, takes two seconds for it, and refuses while it is full."""

    def __init__(self, clock: Clock, before: Callable[[], None] = lambda: None, folder: Path = Path("none")) -> None:
        super().__init__(folder)
        self.saved, self.full, self.clock, self.before = 0, False, clock, before

    def save(self, state: TrainingState) -> None:
        self.before()
        self.clock.now += 2
        if self.full:
            raise OutputError("cannot write x: no space left on device", "make room")
        self.saved += 1
        if self.folder.exists():
            (self.folder / GENERATIONS[0]).touch()


def test_a_state_is_due_every_interval_and_behind_epochs_where_that_is_cheap(clock: Clock) -> None:
    disk = Disk(clock)
    saver = Saver(disk, Stop(), interval=60)

    def training() -> Iterator[Event]:
        yield STARTED
        assert not saver.due()
        yield EPOCH
        assert saver.due()  # no save has cost anything yet
        yield Checkpoint(STATE)  # two seconds
        yield EPOCH
        clock.now += 39
        assert not saver.due()  # 20 times two seconds have not gone by
        yield EPOCH
        clock.now += 1
        assert saver.due()
        assert not saver.due()  # an epoch ends once
        clock.now += 19
        assert not saver.due()
        clock.now += 1
        assert saver.due()
        assert saver.due()  # until it is tried
        yield Checkpoint(STATE)
        assert not saver.due()

    assert len(list(saver.watch(training()))) == 6
    assert disk.saved == 2


def test_a_full_disk_is_said_once_and_tried_again(
    clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = Disk(clock, folder=tmp_path)
    saver = Saver(disk, Stop(), interval=60)
    told = []
    for disk.full in (True, True, False, False, True):
        list(saver.watch(iter([STARTED, Checkpoint(STATE)])))
        assert not saver.due()
        clock.now += 60
        assert saver.due()
        told.append(capsys.readouterr().err)
    first, later = (
        f"cannot write x: no space left on device: the training goes on, {stands}, and saving is tried again\n"
        for stands in ("nothing is saved yet", "what was saved before stands")
    )
    assert told == [first, "", "saved again, up to step 7 of epoch 1\n", "", later]


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_is_held_until_the_state_is_saved(clock: Clock, number: int, word: str) -> None:
    disk = Disk(clock, before=lambda: os.kill(os.getpid(), number))  # and once more while it saves
    stop = Stop()
    saver = Saver(disk, stop, interval=60)
    reached = []

    def training() -> Iterator[Event]:
        yield STARTED
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # a bounce
        reached.append("the step's end")
        assert saver.due()
        yield Checkpoint(STATE)

    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(StoppedError, match=f"^{word} after step 7 of epoch 1, and saved$") as caught, stop:
            list(saver.watch(training()))
        assert signal.getsignal(number) is signal.SIG_IGN  # what is left is to say so
    finally:
        signal.signal(number, before)
    assert caught.value.exit_code == 128 + number
    assert (reached, disk.saved) == (["the step's end"], 1)


def test_behind_the_last_step_signals_wait_to_be_answered_until_the_training_lets_go(clock: Clock) -> None:
    """Two trainings in one process: what the first one took hold of, the second must find let go."""
    last = Finished((EPOCH.record,), 1, False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for _ in range(2):
            with Stop() as stop:
                events = Saver(Disk(clock), stop, interval=60).watch(iter([STARTED, Checkpoint(STATE), last]))
                assert next(event for event in events if isinstance(event, Finished)) is last
                # `events` is still there, as it is where the test set is scored.
                os.kill(os.getpid(), signal.SIGINT)
                with pytest.raises(StoppedError, match=r"^interrupted after the training$"):
                    stop.answer(" after the training")
                stop.asked = None  # what is raised here ends no process
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_between_the_last_step_and_the_end_is_heard(clock: Clock) -> None:
    stop = Stop()

    def training() -> Iterator[Event]:
        yield STARTED
        stop.asked = signal.SIGTERM
        yield Finished((EPOCH.record,), 1, False)

    with pytest.raises(StoppedError, match=r"^terminated after the last step$"):
        list(Saver(Disk(clock), stop, interval=60).watch(training()))


def test_a_stop_that_cannot_be_saved_says_so(clock: Clock) -> None:
    disk, stop = Disk(clock), Stop()
    disk.full, stop.asked = True, signal.SIGINT
    match = (
        r"^interrupted after step 7 of epoch 1, which could not be saved \(cannot write x: no space left on device\)$"
    )
    with pytest.raises(StoppedError, match=match):
        list(Saver(disk, stop, interval=60).watch(iter([STARTED, Checkpoint(STATE)])))


def test_a_second_signal_ends_the_wait_for_a_step(clock: Clock) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with Stop() as stop:
            stop.hold()
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.asked == signal.SIGINT
            clock.now += 1.5
            with pytest.raises(StoppedError, match=r"^interrupted$"):
                os.kill(os.getpid(), signal.SIGINT)
            stop.asked = None
    finally:
        signal.signal(signal.SIGINT, before)


def test_before_the_first_step_a_signal_ends_at_once_and_an_ignored_one_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with Stop():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        with pytest.raises(StoppedError, match=r"^terminated$"), Stop():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_wrong_interval_is_one_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSCOPE_SAVE_SECONDS", text)
    with pytest.raises(TrainingError, match=f"ARCHSCOPE_SAVE_SECONDS is '{text}' and must be a number of seconds"):
        save_seconds()


def test_the_interval_is_a_minute_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHSCOPE_SAVE_SECONDS", raising=False)
    assert save_seconds() == 60
    monkeypatch.setenv("ARCHSCOPE_SAVE_SECONDS", "0.5")
    assert save_seconds() == 0.5


def test_logs_that_cannot_be_written_end_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from archscope.cli.logs import logged

    (tmp_path / "file").write_text("")
    events: list[Any] = [STARTED, EPOCH, EPOCH]
    assert list(logged(iter(events), tmp_path / "file" / "tensorboard", ())) == events
    assert capsys.readouterr().err.count("no more TensorBoard logs: cannot write ") == 1
    assert list(logged(iter(events), tmp_path / "logs", (EPOCH.record,))) == events
    assert len(list((tmp_path / "logs").iterdir())) == 1


@pytest.fixture
def signals() -> Iterator[None]:
    """Both signals as in a process of its own: another test may have left one ignored."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in stop_module.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def behind_the_training(then: Callable[[Stop], None]) -> Stop:
    with Stop() as stop:
        stop.hold()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked == signal.SIGINT
        then(stop)
    return stop


@pytest.mark.usefixtures("signals")
def test_behind_the_training_a_signal_waits_to_be_answered() -> None:
    with pytest.raises(StoppedError, match=r"^interrupted after the training$"):
        behind_the_training(lambda stop: stop.answer(" after the training"))


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("error", [SystemError("bad argument to internal function"), None])
def test_a_signal_that_became_another_error_or_that_nobody_answered_still_ends_the_process(
    error: Exception | None,
) -> None:
    def lose(_: Stop) -> None:
        if error is not None:
            raise error

    with pytest.raises(StoppedError, match=r"^interrupted$") as raised:
        behind_the_training(lose)
    assert raised.value.__cause__ is error


@pytest.mark.usefixtures("signals")
def test_where_nothing_can_be_lost_a_signal_ends_at_once() -> None:
    def measure(stop: Stop) -> None:
        with stop.free(""):
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("it went on")

    stop = Stop()
    with pytest.raises(StoppedError, match=r"^terminated$"), stop:
        measure(stop)


def test_the_last_epoch_is_saved_whatever_a_save_costs(clock: Clock) -> None:
    saver = Saver(Disk(clock), Stop(), interval=60)
    saver._cost = 1000.0
    wanted = []
    for number in (1, 2):  # of 3: patience may end a training before
        last = EpochEnd(replace(EPOCH.record, epoch=number), True, 0.0, number == 2)
        for _ in saver.watch(iter([STARTED, last])):
            pass
        wanted.append(saver.due())
    assert wanted == [False, True]
