"""Random images, labels, batches and image files for the tests of the data room."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image

SHAPE = (32, 32, 3)


def pixels(count: int, seed: int = 0) -> np.ndarray:
    """Random images (count, 32, 32, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def cycle(count: int) -> np.ndarray:
    """Labels 0, 1, ..., 9, 0, ... (count,)."""
    return np.arange(count) % 10


def rows(images: np.ndarray) -> np.ndarray:
    """Images as a batch holds them: (N, 3072), red, green and blue plane."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(len(images), -1))


def py2_batch(images: np.ndarray, labels: list[int]) -> bytes:
    """A batch as Python 2's cPickle and NumPy 1 wrote it, protocol 2, opcode by opcode."""
    data = rows(images)
    ints = b"".join(b"K" + bytes([label]) for label in labels)
    return (
        b"\x80\x02}q\x01(U\x04data"
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04"
        b"(K\x01" + b"J" + struct.pack("<i", len(data)) + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<i", data.nbytes) + data.tobytes() + b"tb"
        b"U\x06labels](" + ints + b"eu."
    )


def batch(count: int, seed: int = 0, **changes: object) -> bytes:
    """A batch as NumPy 2 writes it; `changes` replace or add entries."""
    content = {"data": rows(pixels(count, seed)), "labels": cycle(count).tolist()} | changes
    return pickle.dumps(content, protocol=2)


def encode(image: np.ndarray, form: str) -> bytes:
    """One image as the bytes of a PNG or JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form)
    return stream.getvalue()


def binary(images: np.ndarray, labels: np.ndarray) -> bytes:
    """A batch of CIFAR-10's binary version: for each image its label and its planes."""
    return np.hstack([np.asarray(labels, np.uint8)[:, None], rows(images)]).tobytes()


def picture(path: Path, image: np.ndarray, **options: object) -> Path:
    """Write one image (h, w) or (h, w, 3 or 4) to `path`, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path
