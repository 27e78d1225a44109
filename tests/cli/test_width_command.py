"""`archscope width` as a person runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
FILE = "archscope.toml"


def test_it_says_what_it_did_and_an_earlier_factor_is_undone(archscope: Run, tmp_path: Path) -> None:
    result = archscope("width", "0.5")
    assert "0.5 times the channels of the body, in multiples of 8" in result.out
    for figure in ("2,270,794", "605,322", "1x1x1280", "1x1x640"):
        assert figure in result.out
    assert result.lines[-1] == "made archscope.toml: mobilenet_v2@32+width:0.5"
    assert 'edits = ["width:0.5"]' in (tmp_path / FILE).read_text()
    assert "already so: 0.5 times the channels of the body" in archscope("width", "0.5").out
    assert archscope("width", "1").lines[-1] == "wrote archscope.toml: mobilenet_v2@32"
    assert "undone: width 1.0" in archscope("undo").out


def test_one_group_is_named_by_the_layer_that_makes_it(archscope: Run) -> None:
    words = ["width", "0.5", "--divisor", "4", "--group", "block:2"]
    result = archscope(*words, "-m", "mobilenet_v2@32")
    assert result.lines[-1] == "spec: mobilenet_v2@32+width:0.5,divisor=4,group=block_1_project"
    assert archscope(*words).code == 0
    assert "undone: width 0.5 --divisor 4 --group block:2" in archscope("undo").out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nan"], "width: a width factor of nan is not above 0 and up to 100; 0.5 halves the widths"),
        (["0.5", "--divisor", "0"], "width: a divisor of 0 is not from 1 to 1024"),
        (["0.5", "--group", "predictions"], "cannot be scaled: they are the network's output; name another layer"),
    ],
)
def test_what_it_refuses(archscope: Run, tmp_path: Path, words: list[str], error: str) -> None:
    result = archscope("width", *words)
    assert result.code == 2
    assert error in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / FILE).exists()
