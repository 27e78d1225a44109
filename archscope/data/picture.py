"""One picture file to pixels, of any kind that people keep images in."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.data.reading import reading
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import integer, uint8
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_REMEDY = "replace or remove it"


def decode(file: Path | bytes, where: str) -> tuple[NDArray[uint8], str]:
    """The pixels (h, w, 1, 3 or 4: grey, RGB, RGBA), upright, and the format. Of several frames, the first.

    Sixteen bits become eight by value (65535 is 255). Raises DataError for what is no picture, damaged, of floating
    point, or of so many pixels (Pillow's limit, 89 million) that the file could be a decompression bomb.
    """
    from PIL import Image, UnidentifiedImageError

    with reading(where, _REMEDY), warnings.catch_warnings():
        # Pillow warns of what it could mend; what it could not is an error.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            stream = io.BytesIO(file) if isinstance(file, bytes) else file
            with Image.open(stream, formats=FORMATS) as picture:
                picture.load()
                return _pixels(_upright(picture), where), str(picture.format)
        except UnidentifiedImageError as error:
            raise DataError(
                f"{where} is no picture of a kind that can be read ({', '.join(FORMATS)})", _REMEDY
            ) from error
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataError(
                f"{where} has more than {Image.MAX_IMAGE_PIXELS:,} pixels, as decompression bombs have",
                "make it smaller or remove it",
            ) from error


def _upright(picture: Picture) -> Picture:
    """The picture as a viewer shows it: cameras note how they were held, in EXIF."""
    turn = None
    # A note that cannot be read is no reason to refuse a picture that can, and parsers of EXIF raise anything.
    with contextlib.suppress(Exception):
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    if turn is None:
        return picture
    from PIL.Image import Transpose

    return picture.transpose(Transpose[turn])


def _pixels(picture: Picture, where: str) -> NDArray[uint8]:
    import numpy as np

    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return _eight_bits(np.asarray(picture), where)
    if picture.mode == "F":
        raise DataError(f"{where} has pixels of floating point, and their range is not known", "save it with 8 bits")
    wanted = "RGBA" if picture.has_transparency_data else "L" if picture.mode in ("1", "L") else "RGB"
    if picture.mode != wanted:
        picture = picture.convert(wanted)
    pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _eight_bits(values: NDArray[integer], where: str) -> NDArray[uint8]:
    """Grey of 16 bits (h, w) as uint8 (h, w, 1), rounded."""
    import numpy as np

    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise DataError(
            f"{where} has grey values beyond 0 to 65535, and their range is not known", "save it with 8 bits"
        )
    return ((wide + 128) // 257).astype(np.uint8)[..., np.newaxis]
