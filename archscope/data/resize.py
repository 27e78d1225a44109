"""Images of one size and channel count to images of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

# What these channel counts mean, so that one can be turned into the other.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def check_input(shape: tuple[int, int, int]) -> None:
    """Raise DataError unless there can be images of `shape` (H, W, C)."""
    height, width, channels = shape
    if channels < 1:
        raise DataError(f"an input of {channels} channels takes no images", "give the network at least 1 input channel")
    if height < 1 or width < 1:
        raise DataError(f"images cannot be resized to {height}x{width}", "use an input of at least 1x1")


def check_channels(found: int, shape: tuple[int, int, int], where: str) -> None:
    """Raise DataError unless images of `found` channels can be fitted to `shape` (H, W, C)."""
    height, width, wanted = shape
    if found != wanted and not {found, wanted} <= _MODES.keys():
        raise DataError(
            f"{where} has images of {found} channels, and the network takes {wanted}: only grey (1), RGB (3) and"
            " RGBA (4) are turned into one another",
            f"give the network {found} input channels (@{height}x{width}x{found})",
        )


def fit(images: NDArray[uint8], shape: tuple[int, int, int]) -> NDArray[uint8]:
    """Images (N, h, w, c) as (N, *shape), each by `fit_image`. What fits already is returned as it is."""
    import numpy as np

    if images.shape[1:] == shape:
        return images
    fitted = np.empty((len(images), *shape), dtype=np.uint8)
    for index, image in enumerate(images):
        fitted[index] = fit_image(image, shape)
    return fitted


def fit_image(image: NDArray[uint8], shape: tuple[int, int, int]) -> NDArray[uint8]:
    """An image (h, w, c) as (H, W, C): its channels turned, then resized by Pillow, stretched where the shapes differ.

    Grey is ITU-R 601's luma, L = 0.299 R + 0.587 G + 0.114 B; grey as RGB is repeated, RGB as RGBA is opaque, and
    RGBA as anything else loses its opacity. Pillow's bilinear filter widens as it shrinks, so that nothing aliases.
    """
    import numpy as np
    from PIL import Image

    height, width, channels = shape
    if image.shape[-1] != channels:
        image = _turned(image, channels)
    if image.shape[:2] == (height, width):
        return image
    # As RGBA, Pillow would lose the colours where the opacity is zero, and a fourth channel may be something else.
    planes = [image] if channels == 3 else [image[..., channel] for channel in range(channels)]
    size = (width, height)
    return np.dstack([np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR)) for plane in planes])


def _turned(image: NDArray[uint8], channels: int) -> NDArray[uint8]:
    """An image of 1, 3 or 4 channels as one of another of these counts."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return np.asarray(picture.convert(_MODES[channels])).reshape(*image.shape[:2], channels)
