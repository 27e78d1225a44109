"""What augmentation does to the pixels of a batch, (batch, height, width, channels), each image by its own numbers.

Written for NumPy and JAX arrays alike; both give the same pixels, but for a grey level where rounding falls the other
way. On a CPU the training step leaves no core idle, so that what is done here is paid for in images a second. NumPy is
slow where its innermost loop is over three channels: it is given rows of pixels, or one plane for each channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

GREY = 128
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SMOOTHING_CENTRE, SMOOTHING_SUM = 5, 13  # a 3x3 kernel of ones around a five


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


def mirror(images: Pixels, mirrored: npt.NDArray[np.bool_]) -> Pixels:
    """Those images left to right that `mirrored` (batch,) says."""
    np = images.__array_namespace__()
    batch, height, width, channels = images.shape
    rows = images.reshape(batch, height, width * channels)
    backwards = np.arange(width * channels).reshape(width, channels)[::-1].reshape(-1)
    chosen: Pixels = np.where(mirrored[:, None, None], np.take(rows, backwards, axis=2), rows).reshape(images.shape)
    return chosen


def rotate(images: Pixels, angles: Floats) -> Pixels:
    """Each image turned about its centre, bilinear; black where nothing was."""
    np = images.__array_namespace__()
    batch, height, width, channels = images.shape
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    # One row and column of black on each side, that a corner which lies outside reads, and one for what lies beyond.
    from_y = np.clip(cos * y + sin * x + (height + 1) / 2, 0, height + 0.999)
    from_x = np.clip(cos * x - sin * y + (width + 1) / 2, 0, width + 0.999)
    planes = np.pad(np.moveaxis(images, 3, 0), ((0, 0), (0, 0), (1, 2), (1, 2))).reshape(channels, -1)
    top, left = from_y.astype(np.int32), from_x.astype(np.int32)
    # Not minus the int32 itself: of these two NumPy makes float64.
    down, right = from_y - top.astype(np.float32), from_x - left.astype(np.float32)
    row = width + 3
    corner = (np.arange(batch, dtype=np.int32)[:, None, None] * (height + 3) + top) * row + left
    corners = (np.take(planes, corner + beyond, axis=1) for beyond in (0, 1, row, row + 1))
    above, below = (next(corners) * (1 - right) + next(corners) * right for _ in range(2))
    turned: Pixels = np.moveaxis(to_pixels(above * (1 - down) + below * down), 0, 3)
    return turned


def sharpen(images: Floats, factors: Floats) -> Floats:
    """smooth + factor * (image - smooth): blurred below 1, sharpened above; the outermost pixels stay."""
    np = images.__array_namespace__()
    inner = images[:, 1:-1, 1:-1]
    width = images.shape[2]
    of_three = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    of_nine = of_three[:, :, :-2] + of_three[:, :, 1:-1] + of_three[:, :, 2:]
    smooth = (of_nine + inner * (SMOOTHING_CENTRE - 1)) / SMOOTHING_SUM
    changed = smooth + (inner - smooth) * factors[:, None, None, None]
    # The edges joined on again, where there are any: JAX arrays cannot be written into.
    left, right = images[:, 1:-1, :1], images[:, 1:-1, max(width - 1, 1) :]
    rows = np.concatenate([left, changed, right], axis=2)
    joined: Floats = np.concatenate([images[:, :1], rows, images[:, max(images.shape[1] - 1, 1) :]], axis=1)
    return joined


def jitter(images: Floats, factors: Floats) -> Floats:
    """Brightness scales the image, contrast its distance from its mean grey, saturation from each pixel's grey.

    factors: (batch, 3), of the three. All of it is linear in a pixel's channels: one matrix and one offset an image.
    """
    np = images.__array_namespace__()
    batch, height, width, channels = images.shape
    brightness, contrast, saturation = (factors[:, i, None, None] for i in range(3))
    colour = channels == len(LUMA)
    luma = np.array(LUMA if colour else [1 / channels] * channels, dtype=np.float32)
    to_grey = luma[:, None] * np.ones(channels, dtype=np.float32)
    same = np.eye(channels, dtype=np.float32)
    matrix = brightness * contrast * (to_grey + (same - to_grey) * saturation if colour else same[None])
    rows = images.reshape(batch, height * width, channels)
    mean = brightness * (rows @ luma).mean(axis=1)[:, None, None]  # saturation leaves it as it is
    changed: Floats = (rows @ matrix + (1 - contrast) * mean).reshape(images.shape)
    return changed


def cutout(images: Pixels, corners: npt.NDArray[np.int64], side: int) -> Pixels:
    """A grey square of `side` pixels in each image; a part of it may lie outside."""
    np = images.__array_namespace__()
    batch, height, width, channels = images.shape
    top, left = corners[:, :1], corners[:, 1:]
    in_rows = (np.arange(height) >= top) & (np.arange(height) < top + side)
    in_columns = np.repeat((np.arange(width) >= left) & (np.arange(width) < left + side), channels, axis=1)
    square = in_rows[:, :, None] & in_columns[:, None, :]
    rows = images.reshape(batch, height, width * channels)
    covered: Pixels = np.where(square, np.uint8(GREY), rows).reshape(images.shape)
    return covered


def mix(values: Floats, shares: Floats | None) -> Floats:
    """Each row of `values` mixed with the next one, the last with the first, in its share; None is none at all."""
    if shares is None:
        return values
    np = values.__array_namespace__()
    share = shares.reshape(-1, *[1] * (values.ndim - 1))
    mixed: Floats = values * (1 - share) + np.roll(values, -1, axis=0) * share
    return mixed


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


def shrink(images: Pixels, rows: Floats, columns: Floats) -> Pixels:
    """Smaller images by the matrices of `shrinking`, (new height, height) and (new width, width)."""
    batch, height, width, channels = images.shape
    floats = rows @ images.astype("float32").reshape(batch, height, width * channels)
    return to_pixels(columns @ floats.reshape(batch, len(rows), width, channels))


def to_pixels(images: Floats) -> Pixels:
    """Rounded, and kept within 0 to 255."""
    np = images.__array_namespace__()
    pixels: Pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return pixels
