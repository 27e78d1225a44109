from __future__ import annotations

import threading
from itertools import count, islice

import pytest

from archscope.train.ahead import ahead


def test_everything_comes_in_order_and_none_is_made_too_early() -> None:
    made: list[int] = []
    for asked, value in enumerate(ahead(lambda item: made.append(item) or item * 2, range(20), depth=2)):
        assert value == asked * 2
        assert len(made) <= asked + 3
    assert made == list(range(20))


def test_an_error_comes_in_its_place() -> None:
    values = ahead(lambda item: 1 / (2 - item), count(), depth=3)
    assert list(islice(values, 2)) == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    values = ahead(lambda item: item, range(1000))
    assert next(values) == 0
    values.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert list(ahead(lambda item: item, [])) == []
