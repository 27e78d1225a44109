"""What all tests share: deterministic property tests, and golden files that `pytest --overwrite` writes anew."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Random graphs serve the tests of every room that reads graphs.
sys.path.append(str(Path(__file__).parent / "graph"))

# The same examples on every machine, and no verdict by the clock: a failure can always be repeated.
settings.register_profile("archscope", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("archscope")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite", action="store_true", help="write the golden files anew from what is printed now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name in the test's own golden/ folder."""
    folder = Path(request.path).parent / "golden"

    def compare(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--overwrite"):
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} does not exist; `pytest --overwrite` writes it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs; where that is meant, `pytest --overwrite`"

    return compare
