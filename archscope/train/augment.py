"""Augmentation of a batch: what is drawn for each image, and what that does to its pixels and its label.

Drawing and doing are apart: the numbers follow from the seed, the epoch and the step alone, not from threads or from
where a run was resumed, and whoever works on another device can do the same with them. Keras' own layers draw one crop
per batch, or pick their operations per call. What is done is written for NumPy and JAX arrays alike; both give the same
pixels, but for a grey level where rounding falls the other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

GREY = 128
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SMOOTHING_CENTRE, SMOOTHING_SUM = 5, 13  # a 3x3 kernel of ones around a five


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The random numbers of one batch, an entry for each image; None for what the recipe leaves out.

    shift: (batch, 2) rows and columns by which the image moves up and left, negative for down and right.
    mirrored: (batch,) booleans. angle: (batch,) radians, counter-clockwise. sharpness: (batch,) factors.
    jitter: (batch, 3) factors of brightness, contrast and saturation. hole: (batch, 2) top and left of the square.
    share: (batch,) of the next image of the batch, the first being next to the last.
    shrink: not drawn: the matrices (new height, height) and (new width, width) that make the images smaller.
    """

    shift: npt.NDArray[np.int64] | None = None
    mirrored: npt.NDArray[np.bool_] | None = None
    angle: npt.NDArray[np.float32] | None = None
    sharpness: npt.NDArray[np.float32] | None = None
    jitter: npt.NDArray[np.float32] | None = None
    hole: npt.NDArray[np.int64] | None = None
    share: npt.NDArray[np.float32] | None = None
    shrink: tuple[Floats, Floats] | None = None


class Augmenter:
    """Augmented batches of one training set: uint8 images (n, height, width, channels) and integer labels (n,)."""

    def __init__(self, images: Pixels, labels: npt.NDArray[np.integer], classes: int, recipe: Recipe) -> None:
        import numpy as np

        self.images, self.labels, self.recipe = images, labels, recipe
        plain = np.full((classes, classes), recipe.label_smoothing / classes, dtype=np.float32)
        self.targets = plain + np.eye(classes, dtype=np.float32) * np.float32(1 - recipe.label_smoothing)
        self._begins_mirrored = self._rng(0, 0).integers(0, 2, len(images)).astype(bool)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The order of the images in `epoch`, which counts from 1."""
        return self._rng(epoch, 0).permutation(len(self.images))

    def make(self, chosen: npt.NDArray[np.int64], draws: Draws) -> tuple[Pixels, Floats]:
        """The images `chosen` (by index), changed as `draws` say, and their targets (batch, classes), rows of sum 1."""
        return apply(self.images[chosen], draws, self.recipe), mix(self.targets[self.labels[chosen]], draws)

    def draw(self, chosen: npt.NDArray[np.int64], epoch: int, step: int, progress: float) -> Draws:
        """The random numbers of one batch.

        step counts from 0 in its epoch; progress is the part of the whole run that is done, in [0, 1].
        """
        import numpy as np

        recipe, rng = self.recipe, self._rng(epoch, step + 1)
        batch, (height, width) = len(chosen), self.images.shape[1:3]

        def factors(spread: float, *more: int) -> Any:
            return rng.uniform(1 - spread, 1 + spread, (batch, *more)).astype(np.float32) if spread else None

        reach = np.rint([recipe.crop * height, recipe.crop * width]).astype(int)
        corner = np.array([height, width])
        mirrored = None
        if recipe.flip == "random":
            mirrored = rng.integers(0, 2, batch).astype(bool)
        elif recipe.flip == "alternating":
            mirrored = self._begins_mirrored[chosen] ^ bool(epoch % 2)
        turn = np.deg2rad(recipe.rotation)
        return Draws(
            shift=rng.integers(-reach, reach + 1, (batch, 2)) if recipe.crop else None,
            mirrored=mirrored,
            angle=rng.uniform(-turn, turn, batch).astype(np.float32) if turn else None,
            sharpness=factors(recipe.sharpness),
            jitter=factors(recipe.jitter, 3),
            hole=rng.integers(0, corner, (batch, 2)) - recipe.cutout // 2 if recipe.cutout else None,
            share=rng.uniform(0, recipe.mixup * progress, batch).astype(np.float32) if recipe.mixup else None,
            shrink=self._shrink(epoch),
        )

    def _shrink(self, epoch: int) -> tuple[Floats, Floats] | None:
        height, width = self.images.shape[1:3]
        rows, columns = (self.recipe.side_at(epoch, side) for side in (height, width))
        return None if (rows, columns) == (height, width) else (shrinking(height, rows), shrinking(width, columns))

    def _rng(self, epoch: int, stream: int) -> np.random.Generator:
        """Stream 0 shuffles the epoch, stream s + 1 augments its step s; epoch 0 is for what holds all along."""
        import numpy as np

        return np.random.default_rng([self.recipe.seed, epoch, stream])


def apply(images: Pixels, draws: Draws, recipe: Recipe) -> Pixels:
    """New images for `images` (batch, height, width, channels), changed as `draws` say; smaller ones where they do."""
    np = images.__array_namespace__()
    if draws.shift is not None:
        images = shift(images, draws.shift)
    if draws.mirrored is not None:
        images = np.where(draws.mirrored[:, None, None, None], images[:, :, ::-1], images)
    if draws.angle is not None:
        images = rotate(images, draws.angle)
    if draws.sharpness is not None or draws.jitter is not None:
        floats = images.astype(np.float32)
        if draws.sharpness is not None:
            floats = sharpen(floats, draws.sharpness)
        if draws.jitter is not None:
            floats = jitter(floats, draws.jitter)
        images = to_pixels(floats)
    if draws.hole is not None:
        images = cutout(images, draws.hole, recipe.cutout)
    if draws.share is not None:
        images = to_pixels(mix(images.astype(np.float32), draws))
    if draws.shrink is not None:
        rows, columns = draws.shrink
        batch, height, width, channels = images.shape
        floats = rows @ images.astype(np.float32).reshape(batch, height, width * channels)
        images = to_pixels(columns @ floats.reshape(batch, len(rows), width, channels))
    return images


def shrinking(side: int, smaller: int) -> Floats:
    """The matrix (smaller, side) whose rows average the pixels under a triangle as wide as two of the new ones.

    This is Pillow's bilinear filter, which widens as it shrinks, so that nothing aliases.
    """
    import numpy as np

    scale = side / smaller
    centres = (np.arange(smaller) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(side)[None, :] - centres[:, None]) / scale)
    matrix: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix


def shift(images: Pixels, shifts: npt.NDArray[np.int64]) -> Pixels:
    """Each image moved by its own (rows, columns); black where nothing was. This is padding and cropping."""
    import numpy as np

    if not isinstance(images, np.ndarray):
        return _gathered(images, shifts)
    size = images.shape[1:]
    pad_y, pad_x = (int(reach) for reach in np.abs(shifts).max(axis=0))
    padded = np.pad(images, ((0, 0), (pad_y, pad_y), (pad_x, pad_x), (0, 0)))
    # A view of every crop: picking from it copies whole crops, fifty times faster than an index for each pixel.
    crops = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2, 3))[:, :, :, 0]
    chosen: Pixels = crops[np.arange(len(images)), shifts[:, 0] + pad_y, shifts[:, 1] + pad_x]
    return chosen


def _gathered(images: Any, shifts: Any) -> Any:
    """`shift` for arrays on another device, whose shapes must not hang on the shifts."""
    np = images.__array_namespace__()
    batch, height, width, _ = images.shape
    y = np.arange(height)[None, :, None] + shifts[:, :1, None]
    x = np.arange(width)[None, None, :] + shifts[:, 1:, None]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    found = images[np.arange(batch)[:, None, None], np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.where(inside[..., None], found, np.uint8(0))


def rotate(images: Pixels, angles: Floats) -> Pixels:
    """Each image turned about its centre, bilinear; black where nothing was."""
    np = images.__array_namespace__()
    batch, height, width, _ = images.shape
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    # One row and column of black on each side: a corner that lies outside reads it.
    from_y = np.clip(cos * y + sin * x + (height + 1) / 2, 0, height + 0.999)
    from_x = np.clip(cos * x - sin * y + (width + 1) / 2, 0, width + 0.999)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    top, left = from_y.astype(np.int32), from_x.astype(np.int32)
    # Not minus the int32 itself: of these two NumPy makes float64.
    down, right = (from_y - top.astype(np.float32))[..., None], (from_x - left.astype(np.float32))[..., None]
    image = np.arange(batch)[:, None, None]
    bottom, beside = np.minimum(top + 1, height + 1), np.minimum(left + 1, width + 1)
    above = padded[image, top, left] * (1 - right) + padded[image, top, beside] * right
    below = padded[image, bottom, left] * (1 - right) + padded[image, bottom, beside] * right
    return to_pixels(above * (1 - down) + below * down)


def sharpen(images: Floats, factors: Floats) -> Floats:
    """smooth + factor * (image - smooth): blurred below 1, sharpened above; the outermost pixels stay."""
    np = images.__array_namespace__()
    inner = images[:, 1:-1, 1:-1]
    height, width = images.shape[1:3]
    total = inner * (SMOOTHING_CENTRE - 1)
    for row in range(3):
        for column in range(3):
            total = total + images[:, row : height - 2 + row, column : width - 2 + column]
    smooth = total / SMOOTHING_SUM
    changed = smooth + (inner - smooth) * factors[:, None, None, None]
    # The edges joined on again, where there are any: JAX arrays cannot be written into.
    left, right = images[:, 1:-1, :1], images[:, 1:-1, max(width - 1, 1) :]
    rows = np.concatenate([left, changed, right], axis=2)
    joined: Floats = np.concatenate([images[:, :1], rows, images[:, max(height - 1, 1) :]], axis=1)
    return joined


def jitter(images: Floats, factors: Floats) -> Floats:
    """Brightness scales the image, contrast its distance from its mean grey, saturation from each pixel's grey."""
    np = images.__array_namespace__()
    brightness, contrast, saturation = (factors[:, i, None, None, None] for i in range(3))
    images = images * brightness
    colour = images.shape[-1] == len(LUMA)
    grey: Floats = images @ np.array(LUMA, dtype=np.float32) if colour else images.mean(axis=-1)
    mean = grey.mean(axis=(1, 2))[:, None, None, None]
    if colour:
        images = grey[..., None] + (images - grey[..., None]) * saturation
    changed: Floats = mean + (images - mean) * contrast
    return changed


def cutout(images: Pixels, corners: npt.NDArray[np.int64], side: int) -> Pixels:
    """A grey square of `side` pixels in each image; a part of it may lie outside."""
    np = images.__array_namespace__()
    height, width = images.shape[1:3]
    top, left = corners[:, :1], corners[:, 1:]
    in_rows = (np.arange(height) >= top) & (np.arange(height) < top + side)
    in_columns = (np.arange(width) >= left) & (np.arange(width) < left + side)
    square = in_rows[:, :, None] & in_columns[:, None, :]
    covered: Pixels = np.where(square[..., None], np.uint8(GREY), images)
    return covered


def mix(values: Floats, draws: Draws) -> Floats:
    """Each row of `values` mixed with the next one, the last with the first, in the drawn share."""
    if draws.share is None:
        return values
    np = values.__array_namespace__()
    share = draws.share.reshape(-1, *[1] * (values.ndim - 1))
    mixed: Floats = values * (1 - share) + np.roll(values, -1, axis=0) * share
    return mixed


def to_pixels(images: Floats) -> Pixels:
    """Rounded, and kept within 0 to 255."""
    np = images.__array_namespace__()
    pixels: Pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return pixels
