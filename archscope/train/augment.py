"""Augmentation of a batch of pixels: pad-crop, flip and cutout, drawn for each image on its own.

Keras' RandomCrop takes one place per batch and does not pad. Pure NumPy, so that what an epoch sees depends on
the seed, the epoch and the step alone, not on threads or on where a run was resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PAD_FRACTION = 8
GREY = 128


def augment(images: npt.NDArray[np.uint8], recipe: Recipe, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """New images for `images` (batch, height, width, channels), as `recipe.augment` and `recipe.cutout` say."""
    if recipe.augment in ("crop", "standard"):
        images = pad_crop(images, rng)
    if recipe.augment in ("flip", "standard"):
        images = flip(images, rng)
    if recipe.cutout:
        images = cutout(images, recipe.cutout, rng)
    return images


def pad_crop(images: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Each image moved by up to an eighth of its size (4 pixels at 32) in both axes; black where nothing was."""
    import numpy as np

    batch, *size = images.shape
    pad_y, pad_x = size[0] // PAD_FRACTION, size[1] // PAD_FRACTION
    padded = np.pad(images, ((0, 0), (pad_y, pad_y), (pad_x, pad_x), (0, 0)))
    # A view of every crop: picking from it copies whole crops, fifty times faster than an index for each pixel.
    crops = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2, 3))[:, :, :, 0]
    top, left = rng.integers(0, 2 * pad_y + 1, batch), rng.integers(0, 2 * pad_x + 1, batch)
    chosen: npt.NDArray[np.uint8] = crops[np.arange(batch), top, left]
    return chosen


def flip(images: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Each image mirrored left to right with probability one half."""
    mirrored = rng.integers(0, 2, len(images)).astype(bool)
    out = images.copy()
    out[mirrored] = images[mirrored][:, :, ::-1]
    return out


def cutout(images: npt.NDArray[np.uint8], side: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A grey square of `side` pixels in each image, its centre anywhere, so that a part of it may fall outside."""
    import numpy as np

    batch, height, width, _ = images.shape
    top = rng.integers(0, height, (batch, 1)) - side // 2
    left = rng.integers(0, width, (batch, 1)) - side // 2
    in_rows = (np.arange(height) >= top) & (np.arange(height) < top + side)
    in_columns = (np.arange(width) >= left) & (np.arange(width) < left + side)
    square = in_rows[:, :, None] & in_columns[:, None, :]
    return np.where(square[..., None], np.uint8(GREY), images)
