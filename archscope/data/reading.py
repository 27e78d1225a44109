"""The boundary to foreign bytes: whatever a decoder raises becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archscope.errors import DataError

_LONGEST_REASON = 160


@contextmanager
def reading(where: str, remedy: str = "get a fresh copy") -> Iterator[None]:
    """Turn any error inside into a DataError that names the file. Keep the block to the decoding alone.

    Every Exception, because decoders of damaged bytes (tarfile, zlib, pickle, Pillow, Arrow) raise whatever the
    bytes lead them to: struct.error, SyntaxError, RecursionError, MemoryError and more.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{where} cannot be read: {_reason(error)}", remedy) from error


def _reason(error: Exception) -> str:
    """The first line of what the decoder said, or its type where it said nothing."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    said = str(error).strip().splitlines()
    return (said[0] if said else type(error).__name__)[:_LONGEST_REASON].rstrip(". ")
