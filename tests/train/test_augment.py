from __future__ import annotations

import numpy as np
import pytest

from archscope.train import Recipe
from archscope.train.augment import GREY, augment, cutout, flip, pad_crop


@pytest.fixture
def ramp() -> np.ndarray:
    """Pixels that name their place: row * 16 + column, never 0 (black is what a crop pads with)."""
    place = np.arange(1, 257, dtype=np.int64).reshape(16, 16) % 255 + 1
    return np.repeat(place.astype(np.uint8)[None, :, :, None], 300, axis=0)


def test_each_image_is_cropped_at_its_own_place(ramp: np.ndarray) -> None:
    out = pad_crop(ramp, np.random.default_rng(0))
    expected = {
        (dy, dx): np.pad(ramp[0], ((2, 2), (2, 2), (0, 0)))[dy : dy + 16, dx : dx + 16].tobytes()
        for dy in range(5)
        for dx in range(5)
    }
    found = {image.tobytes() for image in out}
    assert out.dtype == np.uint8
    assert found == set(expected.values())


def test_about_half_of_the_images_are_mirrored(ramp: np.ndarray) -> None:
    out = flip(ramp, np.random.default_rng(0))
    mirrored = (out == ramp[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (out == ramp).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 120 < mirrored.sum() < 180


def test_cutout_hides_one_square(ramp: np.ndarray) -> None:
    out = cutout(np.zeros_like(ramp), 4, np.random.default_rng(0))
    hidden = out == GREY
    areas = hidden.sum(axis=(1, 2, 3))
    assert areas.max() == 16
    assert areas.min() >= 4  # a square centred in a corner keeps a quarter
    assert set(np.unique(out)) == {0, GREY}
    rows, columns = hidden.any(axis=2).sum(axis=(1, 2)), hidden.any(axis=1).sum(axis=(1, 2))
    assert (rows * columns == areas).all()


@pytest.mark.parametrize("kind", ["none", "flip", "crop", "standard"])
def test_the_same_generator_gives_the_same_images_and_the_originals_stay(kind: str, ramp: np.ndarray) -> None:
    before = ramp.copy()
    recipe = Recipe(augment=kind, cutout=0 if kind == "none" else 4)
    first, second = (augment(ramp, recipe, np.random.default_rng([1, 2, 3])) for _ in range(2))
    assert (first == second).all()
    assert (ramp == before).all()
    assert (first == ramp).all() == (kind == "none")


def test_crop_keeps_digits_unmirrored(ramp: np.ndarray) -> None:
    out = augment(ramp, Recipe(augment="crop"), np.random.default_rng(0))
    inside = out[:, 4:12, 4:12, 0].astype(int)
    assert ((np.diff(inside, axis=2) % 255) == 1).all()
