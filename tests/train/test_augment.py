"""Each augmentation against its definition, done slowly; and what the draws follow from."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

from archscope.train import Recipe
from archscope.train.augment import Augmenter, Draws, apply
from archscope.train.pixels import (
    GREY,
    SMOOTHING_CENTRE,
    cutout,
    jitter,
    mix,
    rotate,
    sharpen,
    shift,
    shrinking,
    to_pixels,
)

STRONG = Recipe(crop=0.125, flip="random", rotation=15, sharpness=0.5, jitter=0.3, cutout=4, mixup=0.4)
PLAIN = Recipe(crop=0.0, flip="none")


def pictures(count: int = 40, height: int = 16, width: int = 12, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth random images, as photographs are: interpolation on noise says little."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, height // 4, width // 4, channels), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def augmenter(recipe: Recipe, count: int = 40) -> Augmenter:
    return Augmenter(pictures(count), np.arange(count) % 4, 4, recipe)


def batch(given_by: Augmenter, chosen: np.ndarray, *when: float) -> tuple[np.ndarray, np.ndarray]:
    """The augmented images and targets of an epoch, a step and a progress."""
    return given_by.make(chosen, given_by.draw(chosen, *when))


@given(st.integers(0, 6), st.integers(0, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_shift_is_a_crop_of_the_padded_image(rows: int, columns: int, seed: int) -> None:
    images = pictures(6)
    shifts = np.random.default_rng(seed).integers((-rows, -columns), (rows + 1, columns + 1), (6, 2))
    for image, (down, right), out in zip(images, shifts, shift(images, shifts), strict=True):
        padded = np.pad(image, ((rows, rows), (columns, columns), (0, 0)))
        assert (out == padded[rows + down : rows + down + 16, columns + right : columns + right + 12]).all()


def test_every_crop_occurs_and_half_of_the_images_are_mirrored() -> None:
    draws = augmenter(Recipe(crop=0.125), 2000).draw(np.arange(2000), 1, 0, 0.0)
    assert draws.shift is not None
    assert draws.mirrored is not None
    assert set(map(tuple, draws.shift)) == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}
    assert 900 < draws.mirrored.sum() < 1100


def test_an_alternating_flip_shows_the_other_side_every_epoch() -> None:
    given_by = augmenter(Recipe(flip="alternating", crop=0.0), 400)
    chosen = given_by.order(3)[:100]
    views = [batch(given_by, chosen, epoch, step, 0.5)[0] for epoch, step in ((1, 0), (2, 5), (3, 1), (4, 0))]
    images = given_by.images[chosen]
    mirrored = [(view == images[:, :, ::-1]).all(axis=(1, 2, 3)) for view in views]
    symmetric = (images == images[:, :, ::-1]).all(axis=(1, 2, 3))
    for earlier, later in pairwise(mirrored):
        assert (earlier ^ later)[~symmetric].all()
    assert 30 < mirrored[0].sum() < 70


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_a_quarter_turn_is_exact(degrees: int) -> None:
    images = pictures(3, 16, 16)
    angles = np.full(3, np.deg2rad(degrees), dtype=np.float32)
    assert np.abs(rotate(images, angles).astype(int) - np.rot90(images, degrees // 90, axes=(1, 2))).max() <= 1


def test_a_rotation_is_pillows_but_for_rounding() -> None:
    images = pictures(8, 32, 32)
    for image, degrees in zip(images, (3, -7, 15, 22.5, -40, 60, 101, 179), strict=True):
        ours = rotate(image[None], np.deg2rad([degrees]).astype(np.float32))[0].astype(int)
        theirs = np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR)).astype(int)
        inside = np.hypot(*np.mgrid[-15.5:16, -15.5:16]) < 14  # at the border they clamp, we fade to black
        # Pillow's transform works in fixed point.
        assert np.abs(ours - theirs)[inside].max() <= 3


@pytest.mark.parametrize(("height", "width"), [(20, 32), (32, 12)])
def test_a_rotation_of_a_long_image_is_pillows(height: int, width: int) -> None:
    images = pictures(6, height, width)
    down, across = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    for image, degrees in zip(images, (3, -7, 15, -22.5, 40, 90), strict=True):
        ours = rotate(image[None], np.deg2rad([degrees]).astype(np.float32))[0].astype(int)
        theirs = np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR)).astype(int)
        inside = np.hypot(down, across) < min(height, width) / 2 - 2
        assert inside.sum() > 50
        assert np.abs(ours - theirs)[inside].max() <= 3


@pytest.mark.parametrize("sides", [(16, 12), (12, 8), (16, 4), (12, 12)])
def test_a_smaller_image_is_pillows_but_for_rounding(sides: tuple[int, int]) -> None:
    images = pictures()
    draws = Draws(shrink=(shrinking(16, sides[0]), shrinking(12, sides[1])))
    size = sides[1], sides[0]
    expected = [np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in images]
    assert np.abs(apply(images, draws, PLAIN).astype(int) - expected).max() <= 1


def test_batches_are_as_small_as_their_epoch_wants_them() -> None:
    given_by = augmenter(Recipe(epochs=4, crop=0.125, cutout=4, mixup=0.2, start_size=0.5))
    shapes = [batch(given_by, np.arange(8), epoch, 0, 0.5)[0].shape for epoch in range(1, 5)]
    assert shapes == [(8, 8, 8, 3), (8, 12, 8, 3), (8, 12, 8, 3), (8, 16, 12, 3)]


def test_sharpness_is_pillows() -> None:
    images = pictures(5, 16, 12)
    for image, factor in zip(images, (0.5, 0.8, 1.0, 1.3, 1.5), strict=True):
        ours = to_pixels(sharpen(image[None].astype(np.float32), np.array([factor], dtype=np.float32)))[0]
        theirs = np.asarray(ImageEnhance.Sharpness(Image.fromarray(image)).enhance(factor))
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 2
    assert ImageFilter.SMOOTH.filterargs[3][4] == SMOOTHING_CENTRE


def test_jitter_by_hand() -> None:
    image = np.array([[[[100.0, 50.0, 0.0], [200.0, 200.0, 200.0]]]], dtype=np.float32)
    grey = np.array([0.299 * 100 + 0.587 * 50, 200.0])
    mean = grey.mean()
    bright = jitter(image, np.array([[1.1, 1.0, 1.0]], dtype=np.float32))
    np.testing.assert_allclose(bright, image * 1.1, rtol=1e-5)
    contrast = jitter(image, np.array([[1.0, 0.5, 1.0]], dtype=np.float32))
    np.testing.assert_allclose(contrast, mean + (image - mean) * 0.5, rtol=1e-5)
    colourless = jitter(image, np.array([[1.0, 1.0, 0.0]], dtype=np.float32))
    np.testing.assert_allclose(colourless, np.repeat(grey, 3).reshape(image.shape), rtol=1e-5)


def test_cutout_hides_one_square() -> None:
    rng = np.random.default_rng(0)
    out = cutout(np.zeros((300, 16, 16, 1), np.uint8), rng.integers(-2, 14, (300, 2)), 4)
    hidden = out == GREY
    areas = hidden.sum(axis=(1, 2, 3))
    assert areas.max() == 16
    assert areas.min() >= 4  # a square centred in a corner keeps a quarter
    assert set(np.unique(out)) == {0, GREY}
    rows, columns = hidden.any(axis=2).sum(axis=(1, 2)), hidden.any(axis=1).sum(axis=(1, 2))
    assert (rows * columns == areas).all()


def test_mixup_grows_and_mixes_the_label_as_it_mixes_the_image() -> None:
    given_by = augmenter(Recipe(crop=0.0, flip="none", mixup=0.4))
    chosen = np.arange(40)
    images, targets = batch(given_by, chosen, 1, 0, 0.0)
    assert (images == given_by.images).all()
    assert (targets == np.eye(4)[given_by.labels]).all()
    shares = []
    for progress in (0.25, 0.5, 1.0):
        draws = given_by.draw(chosen, 2, 0, progress)
        assert draws.share is not None
        shares.append(draws.share.max())
        assert draws.share.max() <= 0.4 * progress
        images, targets = batch(given_by, chosen, 2, 0, progress)
        share = draws.share[:, None, None, None]
        expected = given_by.images * (1 - share) + np.roll(given_by.images, -1, axis=0) * share
        assert np.abs(images - expected).max() <= 0.5 + 1e-3
        np.testing.assert_allclose(targets[np.arange(40), given_by.labels], 1 - draws.share, rtol=1e-6)
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
    assert shares == sorted(shares)


def test_targets_are_smoothed() -> None:
    _, targets = batch(augmenter(Recipe(label_smoothing=0.2)), np.arange(8), 1, 0, 0.0)
    np.testing.assert_allclose(targets[1], [0.05, 0.85, 0.05, 0.05], rtol=1e-6)


def test_the_draws_follow_from_seed_epoch_and_step_alone() -> None:
    chosen = np.arange(7, 23)
    first, again = (batch(augmenter(STRONG), chosen, 3, 5, 0.5) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    for other in ((4, 5), (3, 6)):
        assert (batch(augmenter(STRONG), chosen, *other, 0.5)[0] != first[0]).any()
    assert (augmenter(Recipe(seed=1)).order(1) != augmenter(Recipe()).order(1)).any()


def test_the_originals_stay_and_nothing_asked_is_nothing_done() -> None:
    strong, plain = augmenter(STRONG), augmenter(PLAIN)
    batch(strong, np.arange(40), 1, 0, 1.0)
    assert (strong.images == pictures()).all()
    images, targets = batch(plain, np.arange(40), 1, 0, 1.0)
    assert (images == pictures()).all()
    assert (targets == np.eye(4, dtype=np.float32)[plain.labels]).all()
    empty = plain.draw(np.arange(3), 1, 0, 1.0)
    assert all(getattr(empty, field.name) is None for field in fields(Draws))


@given(st.sampled_from([1, 3]), st.integers(8, 20), st.integers(8, 20), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_every_augmentation_at_once_on_any_size_gives_pixels(channels: int, height: int, width: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (5, height, width, channels), dtype=np.uint8)
    out = Augmenter(images, np.zeros(5, int), 2, STRONG)
    pixels, targets = batch(out, np.arange(5), 1, 0, 1.0)
    assert (pixels.shape, pixels.dtype) == (images.shape, np.uint8)
    assert targets.dtype == np.float32


def test_mix_of_no_share_and_apply_of_no_draws_return_what_they_got() -> None:
    images = pictures(2)
    assert apply(images, Draws(), PLAIN) is images
    values = np.ones((2, 3), np.float32)
    assert mix(values, None) is values
