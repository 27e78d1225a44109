"""Every network of keras.applications, at its native size and at 32x32 where Keras allows it, against what is imported.

Not part of the default suite: `pytest -n 0 tests/soak/test_applications.py` (half an hour on two quiet cores, 12 GB).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from archscope.configs.applications import NATIVE

sys.path.append(str(Path(__file__).parents[1] / "interop"))
from imports import check_import

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)
# Keras' own smallest input is above 32 for these.
LARGER = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    import keras

    yield
    keras.backend.clear_session()


@pytest.mark.parametrize("native", [True, False], ids=["native", "small"])
@pytest.mark.parametrize("name", NATIVE)
def test_layers_totals_digest_and_outputs(name: str, native: bool) -> None:
    import keras

    side = NATIVE[name] if native else LARGER.get(name, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=1000)
    check_import(model)
