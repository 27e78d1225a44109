"""A training as it is shown: plain lines in a pipe, a view below them on a terminal of any width."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from archscope.cli.progress import View, Watch, folded
from archscope.errors import TrainingError
from archscope.report.training import epoch_line
from archscope.runs import EpochRecord
from archscope.train import EpochEnd, Event, Finished, Started, StepEnd

FIRST = EpochRecord(1, 0.1, 1.5, 0.4, 1.25, 0.5, 3.0, 900.0)
SECOND = replace(FIRST, epoch=2, validation_accuracy=0.75, validation_loss=0.5)
THIRD = replace(FIRST, epoch=3, validation_accuracy=0.625, validation_loss=0.75)
STARTED = Started(30, 1, 0, 10, 32, 320, 100, 1000, 1.0, 2.0, 60.0)
STEP = StepEnd(epoch=4, step=5, loss=1.2345, accuracy=0.5625, images_per_second=1034.4, seconds_left=725)
EVENTS: list[Event] = [
    STARTED,
    EpochEnd(FIRST, True, 58.0, False),
    EpochEnd(SECOND, True, 56.0, False),
    EpochEnd(THIRD, False, 54.0, False),
    STEP,
    Finished((FIRST, SECOND, THIRD), 2, False),
]
LINES = [
    "estimate: about 1 min 00 s on this machine (2.0 s an epoch)",
    "  epoch     rate    train   (loss)    valid   (loss)    images/s       left",
    "  1/30       0.1   0.4000  (1.500)   0.5000* (1.250)        900        58 s",
    "  2/30       0.1   0.4000  (1.500)   0.7500* (0.500)        900        56 s",
    "  3/30       0.1   0.4000  (1.500)   0.6250  (0.750)        900        54 s",
]


def console(width: int, terminal: bool, **options: object) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    keep = {"file": out, "width": width, "force_terminal": terminal, "highlight": False, "markup": False}
    return Console(**(keep | {"no_color": True, "_environ": {}} | options)), out  # type: ignore[arg-type]


def unstyled(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def shown(view: View, width: int, **options: object) -> list[str]:
    printer, out = console(width, terminal=False, **options)
    printer.print(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 200])
def test_a_pipe_gets_a_line_an_epoch_whatever_its_width(width: int) -> None:
    printer, out = console(width, terminal=False)
    assert Watch(console=printer).follow(iter(EVENTS)) == EVENTS[-1]
    assert out.getvalue().splitlines() == LINES


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.1234, "0.123"),
        (9.9996, "10.00"),
        (123.456, "123.5"),
        (99999.4, "99999"),
        (99999.6, "1e+05"),
        (1e16, "1e+16"),
        (float("inf"), "inf"),
    ],
)
def test_a_loss_of_any_size_keeps_to_its_column(loss: float, text: str) -> None:
    line = epoch_line(replace(FIRST, train_loss=loss), 30, True, 58.0)
    assert line == LINES[2].replace("1.500", f"{text:>5}")


def test_the_view_says_where_the_epoch_is_and_how_all_went() -> None:
    view = View([FIRST, SECOND, THIRD], STARTED, STEP)
    assert shown(view, 120) == [
        "epoch 4/30  ━━━━━━━━━━━━────────────  step 5/10  loss 1.234  accuracy 0.562  1,034 images/s  ETA 12 min 05 s",
        "validation accuracy ▁█▅  best 0.7500 @2  loss █▁▃",
    ]
    assert shown(View([], STARTED, replace(STEP, step=10)), 120)[0].split("  ")[1:3] == ["━" * 24, "validating"]
    assert shown(View([]), 120) == ["compiling ..."]
    assert shown(View([], STARTED), 120) == ["epoch 1/30"]
    assert shown(View([FIRST] * 30, STARTED), 120)[0] == "epoch 30/30"


@given(st.integers(30, 130))
def test_a_narrow_view_folds_between_its_pieces(width: int) -> None:
    lines = shown(View([FIRST, SECOND, THIRD], STARTED, STEP), width)
    assert all(len(line) <= width for line in lines)
    whole = "  ".join(line.strip() for line in lines)
    assert whole == "  ".join(shown(View([FIRST, SECOND, THIRD], STARTED, STEP), 200))


def test_a_terminal_shows_the_same_lines_above_the_view() -> None:
    printer, out = console(100, terminal=True)
    Watch(console=printer).follow(iter(EVENTS))
    text = out.getvalue()
    assert all(line in text for line in LINES)
    assert "validation accuracy ▁█▅  best 0.7500 @2" in unstyled(text)
    # The cursor is back, and the view is gone.
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K")


def test_a_narrow_terminal_loses_no_figure_of_an_epoch() -> None:
    printer, out = console(60, terminal=True)
    Watch(console=printer).follow(iter(EVENTS))
    assert (
        "epoch 2/30  rate 0.1  train 0.4000 (1.500)\n  valid 0.7500* (0.500)  900 images/s  left 56 s\n"
        in out.getvalue()
    )


def test_no_color_loses_nothing_and_colour_adds_nothing_else() -> None:
    plain, coloured = (console(100, terminal=True, no_color=no_color) for no_color in (True, False))
    for printer, _ in (plain, coloured):
        printer.print(View([FIRST, SECOND], STARTED, STEP))
    assert "\x1b[3" not in plain[1].getvalue()
    assert "\x1b[36m" in coloured[1].getvalue()
    assert unstyled(plain[1].getvalue()) == unstyled(coloured[1].getvalue())


def test_a_resumed_run_shows_the_epochs_before_it() -> None:
    printer, out = console(100, terminal=True)
    Watch((FIRST, SECOND), printer).follow(iter([STARTED, STEP, EVENTS[-1]]))
    assert "validation accuracy ▁█  best 0.7500 @2  loss █▁" in unstyled(out.getvalue())


def test_an_error_leaves_the_terminal_in_order() -> None:
    def failing() -> Iterator[Event]:
        yield STARTED
        raise TrainingError("no")

    printer, out = console(100, terminal=True)
    with pytest.raises(TrainingError):
        Watch(console=printer).follow(failing())
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1), st.integers(12, 40))
def test_folding_keeps_every_piece_whole(pieces: list[str], width: int) -> None:
    lines = folded([Text(piece) for piece in pieces], width).plain.split("\n")
    assert all(len(line) <= width for line in lines)
    assert [piece for line in lines for piece in line.split("  ") if piece] == pieces
