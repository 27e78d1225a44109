"""Images of one size to images of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

_MODES = {1: "L", 3: "RGB"}


def check_input(shape: tuple[int, int, int]) -> None:
    """Raise DataError unless images can be fitted to `shape` (H, W, C): grey or RGB, at least 1x1."""
    height, width, channels = shape
    if channels not in _MODES:
        raise DataError(
            f"an input of {channels} channels takes no images, which are grey (1) or RGB (3)",
            "give the network 1 or 3 input channels",
        )
    if height < 1 or width < 1:
        raise DataError(f"images cannot be resized to {height}x{width}", "use an input of at least 1x1")


def fit(images: NDArray[uint8], shape: tuple[int, int, int]) -> NDArray[uint8]:
    """Images (N, h, w, 1 or 3) as (N, *shape): luma or repeated channels, then bilinear resizing, by Pillow.

    Luma is ITU-R 601's, L = 0.299 R + 0.587 G + 0.114 B. What fits already is returned as it is.
    """
    import numpy as np
    from PIL import Image

    if images.shape[1:] == shape:
        return images
    height, width, channels = shape
    fitted = np.empty((len(images), *shape), dtype=np.uint8)
    for index, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert(_MODES[channels])
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        fitted[index] = np.asarray(picture).reshape(shape)
    return fitted
