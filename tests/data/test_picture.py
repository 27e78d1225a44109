"""Pictures of every kind: what a viewer shows is what the network gets."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from data_makers import pixels
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from archscope.data.picture import decode
from archscope.data.resize import fit_image
from archscope.errors import DataError

_RGB = pixels(1)[0, :12, :20]
_PICTURE = Image.fromarray(_RGB)


def _bytes(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def _alpha() -> Image.Image:
    picture = _PICTURE.convert("RGBA")
    picture.putalpha(Image.fromarray(_RGB[..., 0]))
    return picture


@pytest.mark.parametrize(
    ("mode", "form", "channels"),
    [
        ("1", "PNG", 1),
        ("L", "PNG", 1),
        ("LA", "PNG", 4),
        ("P", "PNG", 3),
        ("P", "GIF", 3),
        ("RGB", "PNG", 3),
        ("RGBA", "PNG", 4),
        ("RGBA", "WEBP", 4),
        ("L", "JPEG", 1),
        ("CMYK", "JPEG", 3),
        ("CMYK", "TIFF", 3),
        ("YCbCr", "TIFF", 3),
        ("LAB", "TIFF", 3),
    ],
)
def test_every_mode_is_what_pillow_shows(mode: str, form: str, channels: int) -> None:
    source = _alpha() if mode in ("RGBA", "LA") else _PICTURE
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    if mode == "LAB":
        source = Image.frombytes("LAB", (20, 12), _RGB.tobytes())
    data = _bytes(source if mode == "LAB" else source.convert(mode), form, **options)
    image, found = decode(data, "x")
    assert (image.shape, image.dtype, found) == ((12, 20, channels), np.uint8, form)
    for wanted, target in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        with Image.open(io.BytesIO(data)) as picture:
            # Pillow's palette to luma goes straight from the palette, and rounds alike.
            expected = np.asarray(picture.convert("RGB" if channels == 3 else picture.mode).convert(target))
        assert (fit_image(image, (12, 20, wanted)) == expected.reshape(12, 20, wanted)).all()


def test_a_transparent_palette() -> None:
    data = _bytes(_PICTURE.convert("P"), "PNG", transparency=_PICTURE.convert("P").getpixel((3, 2)))
    image, _ = decode(data, "x")
    assert image.shape == (12, 20, 4)
    assert image[2, 3, 3] == 0
    assert (image[..., :3] == np.asarray(_PICTURE.convert("P").convert("RGB"))).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_become_eight_by_value(form: str) -> None:
    values = np.linspace(0, 65535, 240).astype(np.uint16).reshape(12, 20)
    image, _ = decode(_bytes(Image.fromarray(values), form), "x")
    assert (image[..., 0] == np.rint(values / 257)).all()
    assert image[0, 0, 0] == 0
    assert image[-1, -1, 0] == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_turned_upright(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "JPEG" else {}
    data = _bytes(_PICTURE, form, exif=exif, **options)
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        expected = np.asarray(ImageOps.exif_transpose(picture))
    image, _ = decode(data, "x")
    assert image.shape[:2] == ((12, 20) if orientation < 5 else (20, 12))
    assert (image == expected).all()


def test_a_damaged_note_of_orientation_does_no_harm() -> None:
    data = _bytes(_PICTURE, "JPEG", exif=b"Exif\0\0junk that is no TIFF")
    assert decode(data, "x")[0].shape == (12, 20, 3)


def test_of_several_frames_the_first() -> None:
    data = _bytes(Image.new("L", (4, 4), 10), "GIF", save_all=True, append_images=[Image.new("L", (4, 4), 200)])
    assert fit_image(decode(data, "x")[0], (4, 4, 1)).max() == 10


@pytest.mark.parametrize(
    ("picture", "form", "said"),
    [
        (Image.fromarray(np.ones((4, 4), np.float32)), "TIFF", "has pixels of floating point, .*; save it"),
        (Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF", "has grey values beyond 0 to 65535"),
        (
            _PICTURE,
            "ICO",
            "is no picture of a kind that can be read .JPEG, PNG, BMP, GIF, WEBP, TIFF, PPM.",
        ),
    ],
)
def test_refused(picture: Image.Image, form: str, said: str) -> None:
    with pytest.raises(DataError, match=f"^cat/7 {said}"):
        decode(_bytes(picture, form), "cat/7")


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_decompression_bomb(side: int) -> None:
    data = bytearray(_bytes(_PICTURE, "PNG"))
    # The header's width and height, and its checksum.
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    said = "^x has more than 89,478,485 pixels, as decompression bombs have; make it smaller or remove it"
    with pytest.raises(DataError, match=said):
        decode(bytes(data), "x")


_STARTS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF", b"II*\0", b"P6 "]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(_STARTS),
    st.binary(),
)
def test_random_bytes_give_one_sentence(start: bytes, rest: bytes) -> None:
    message = ""
    try:
        image, _ = decode(start + rest, "x")
        assert image.ndim == 3
    except DataError as error:
        message = str(error)
    assert "\n" not in message


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])),
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])),
    st.integers(0, 255),
)
def test_plain_images_stay_plain(found: tuple[int, int, int], shape: tuple[int, int, int], value: int) -> None:
    image = np.full(found, value, np.uint8)
    fitted = fit_image(image, shape)
    assert fitted.shape == shape
    # Grey of equal channels is that value; opacity that a picture lacks is full.
    assert (fitted[..., : min(3, shape[2])] == value).all()
    if shape[2] == 4:
        assert (fitted[..., 3] == (value if found[2] == 4 else 255)).all()


def test_shrinking_does_not_alias() -> None:
    # Stripes of one pixel: without a widened filter all would be black or all white.
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    middle = fit_image(stripes, (16, 16, 1))[4:12, 4:12]
    assert (abs(middle.astype(int) - 128) <= 16).all()


def test_colours_behind_no_opacity_survive() -> None:
    image = np.dstack([_RGB, np.zeros((12, 20), np.uint8)])
    assert (fit_image(image, (6, 10, 4))[..., :3] == fit_image(_RGB, (6, 10, 3))).all()
