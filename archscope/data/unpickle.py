"""Read a CIFAR batch without running anything that it asks for.

The reader builds lists, dicts, bytes, strings and ints. The few names that a pickled NumPy array needs are answered
by inert stand-ins that only note what they are given, so that not even NumPy's own unpickling code meets a stranger's
bytes; an array is built afterwards, from checked parts. Every other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.data.reading import reading
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Python 2 and NumPy 1 wrote the first spelling, NumPy 2 writes the second.
_ROLES = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy.core.numeric", "_frombuffer"): "frombuffer",
    ("numpy._core.numeric", "_frombuffer"): "frombuffer",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}
_MEMO_WRITES = {"PUT", "BINPUT", "LONG_BINPUT"}
# A batch has about 60,000 opcodes: labels and file names.
_MOST_OPCODES = 1_000_000
_INTEGER = re.compile(r"[iu][1248]")
_REFUSED = "do not use this file; get CIFAR-10 from a source you trust"


def load_batch(data: bytes, where: str) -> dict[str, object]:
    """The dict that `data` holds, its keys as strings and its arrays as integer ndarrays.

    Raises DataError, naming `where`, for a name that could run code, for damaged bytes and for any other content.
    """
    with reading(where):
        _check_opcodes(data, where)
        content = _Reader(data, where).load()
        if not isinstance(content, dict):
            raise DataError(
                f"{where} holds a {type(content).__name__}, and a CIFAR batch is a dict", "get a fresh copy"
            )
        return {
            _text(key): _to_array(value, where) if isinstance(value, _Array) else value
            for key, value in content.items()
        }


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, where: str) -> None:
        super().__init__(io.BytesIO(data), encoding="bytes")
        self._where = where

    def find_class(self, module: str, name: str) -> Any:
        role = _ROLES.get((module, name))
        if role is None:
            asked = f"{module}.{name}"[:100]
            raise DataError(f"{self._where} asks for {asked!r}, which a CIFAR batch never needs", _REFUSED)
        return _StandIn(role, self._where)


@dataclass(slots=True, eq=False)
class _DType:
    """A noted dtype: its letters ('u1') and its byte order."""

    letters: str
    order: str = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])


@dataclass(slots=True, eq=False)
class _Array:
    """A noted array: its parts as the pickle gave them, nothing checked yet."""

    shape: Any = None
    dtype: Any = None
    fortran: Any = None
    raw: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, self.shape, self.dtype, self.fortran, self.raw = state


@dataclass(slots=True, eq=False)
class _StandIn:
    """What an allowed name is answered with, without a state that BUILD could overwrite.

    Not frozen: with slots, Python 3.11.2 then puts a `__setstate__` of its own in the place of this one.
    """

    role: str
    where: str

    def __call__(self, *arguments: Any) -> object:
        match self.role, arguments:
            case "reconstruct", (_StandIn(role="ndarray"), _, _):
                return _Array()
            case "frombuffer", (raw, dtype, shape, order):
                return _Array(shape, dtype, order == "F", raw)
            case "dtype", (letters, *_):
                return _DType(_text(letters))
            case "encode", (str(text), str(encoding)) if encoding == "latin1":
                return text.encode("latin-1")
        raise DataError(f"{self.where} calls {self.role!r} as no pickled array does", _REFUSED)

    def __setstate__(self, state: object) -> None:
        raise DataError(f"{self.where} tries to change {self.role!r}", _REFUSED)


def _check_opcodes(data: bytes, where: str) -> None:
    """Refuse memory bombs: a memo index sizes the memo, so it may not run ahead of the opcodes that fill it."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if count >= _MOST_OPCODES:
            raise DataError(f"{where} has more than {_MOST_OPCODES:,} pickle opcodes", _REFUSED)
        if opcode.name in _MEMO_WRITES and argument is not None and argument > count:
            raise DataError(f"{where} writes entry {argument} of a memo of at most {count}", _REFUSED)


def _to_array(noted: _Array, where: str) -> NDArray[Any]:
    """The ndarray that was noted, if it is one of integers whose bytes are all there."""
    import numpy as np

    dtype, shape, raw = noted.dtype, noted.shape, noted.raw
    if (
        not isinstance(dtype, _DType)
        or not _INTEGER.fullmatch(dtype.letters)
        or dtype.order not in {"<", ">", "|", "="}
    ):
        letters = dtype.letters[:20] if isinstance(dtype, _DType) else None
        raise DataError(f"{where} has an array of dtype {letters!r}, and pixels and labels are integers", _REFUSED)
    if not isinstance(shape, tuple) or len(shape) > 2 or not all(type(side) is int and side >= 0 for side in shape):
        raise DataError(f"{where} has an array whose shape is not one or two sizes", _REFUSED)
    size = math.prod(shape) * int(dtype.letters[1])
    if not isinstance(raw, bytes | bytearray) or len(raw) != size:
        found = f"{len(raw):,} bytes" if isinstance(raw, bytes | bytearray) else "no bytes"
        raise DataError(f"{where} has an array of shape {shape} with {found} instead of {size:,}", "get a fresh copy")
    return np.frombuffer(raw, dtype=dtype.order + dtype.letters).reshape(shape, order="F" if noted.fortran else "C")


def _text(value: object) -> str:
    """Python 2's strings come as bytes. Anything else has no place here, and its repr may be without end."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} stands where a name belongs")
    return value
