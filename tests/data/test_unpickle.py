from __future__ import annotations

import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_makers import batch, cycle, pixels, py2_batch, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.data.unpickle import load_batch
from archscope.errors import DataError


def _load(data: bytes) -> dict[str, object]:
    return load_batch(data, "a/data_batch_1")


def test_a_batch_as_python_2_wrote_it() -> None:
    images = pixels(20)
    content = _load(py2_batch(images, cycle(20).tolist()))
    assert content.keys() == {"data", "labels"}
    assert content["labels"] == cycle(20).tolist()
    assert isinstance(content["data"], np.ndarray)
    assert content["data"].dtype == np.uint8
    assert (content["data"] == rows(images)).all()


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4"])
def test_every_protocol_of_numpy_2(protocol: int, dtype: str) -> None:
    array = np.arange(24).reshape(6, 4).astype(dtype)
    for variant in (array, np.asfortranarray(array)):
        found = _load(pickle.dumps({b"data": variant}, protocol=protocol))["data"]
        assert isinstance(found, np.ndarray)
        assert found.dtype == array.dtype
        assert (found == array).all()


class _Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def _hostile(marker: Path) -> dict[str, object]:
    touch = f"open({str(marker)!r}, 'w')"
    return {
        "posix.system": _Calls(os.system, f"touch {marker}"),
        "builtins.eval": _Calls(eval, touch),
        "builtins.exec": _Calls(exec, touch),
        "builtins.getattr": _Calls(getattr, _Calls(__import__, "os"), "system"),
        "builtins.__import__": _Calls(__import__, "os"),
        "zlib.decompress": _Calls(zlib.decompress, zlib.compress(b"0" * 10**6)),
        "numpy.load": _Calls(np.load, "x.npy", None, True),
        "numpy.zeros": _Calls(np.zeros, 10),
    }


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("asked", _hostile(Path("x")))
@pytest.mark.parametrize("nested", [False, True])
def test_a_pickle_that_tries_to_run_code(tmp_path: Path, protocol: int, asked: str, nested: bool) -> None:
    marker = tmp_path / "ran"
    evil = _hostile(marker)[asked]
    data = pickle.dumps({"data": [{"deep": (evil,)}] if nested else evil}, protocol=protocol)
    with pytest.raises(DataError, match=r"^a/data_batch_1 asks for '.*', which a CIFAR batch never needs; do not use"):
        _load(data)
    assert not marker.exists()


def test_the_refusal_names_what_was_asked_for() -> None:
    with pytest.raises(DataError, match=r"asks for 'posix\.system'"):
        _load(b"cposix\nsystem\n(S'true'\ntR.")
    # A dotted name must not reach through an allowed module.
    with pytest.raises(DataError, match=r"asks for 'numpy\.ndarray\.__class__'"):
        _load(b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy\ndtype\n}(U\x04roleU\x07ndarrayub.",
        b"\x80\x02cnumpy\ndtype\nN}(U\x04roleU\x07ndarrayu\x86b.",
    ],
)
def test_build_cannot_change_a_stand_in(data: bytes) -> None:
    with pytest.raises(DataError, match="tries to change 'dtype'"):
        _load(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",  # ndarray(2**31 - 1)
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\x00\x85U\x01b\x87R.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
    ],
)
def test_an_allowed_name_called_in_another_way(data: bytes) -> None:
    with pytest.raises(DataError, match="as no pickled array does"):
        _load(data)


@pytest.mark.parametrize("op", [b"\x81", b"\x92"])
def test_newobj_makes_nothing(op: bytes) -> None:
    arguments = b")" if op == b"\x81" else b")}"
    with pytest.raises(DataError, match="cannot be read"):
        _load(b"\x80\x04cnumpy\nndarray\n" + arguments + op + b".")


def test_a_memo_bomb() -> None:
    # LONG_BINPUT 2**32 - 1: the C unpickler would make a memo of 64 GiB.
    with pytest.raises(DataError, match="writes entry 4294967295 of a memo"):
        _load(b"\x80\x02}r\xff\xff\xff\xff.")


def test_too_many_opcodes() -> None:
    with pytest.raises(DataError, match="more than 1,000,000 pickle opcodes"):
        _load(b"\x80\x02](" + b"N" * 1_000_001 + b"e.")


def test_announced_bytes_that_are_not_there() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        _load(b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.")


def test_endless_names_are_not_printed() -> None:
    # 50 levels of (t, t): its repr has 2**50 parts.
    nested = b"K\x00" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(50))
    with pytest.raises(DataError, match="a tuple stands where a name belongs"):
        _load(b"\x80\x02cnumpy\ndtype\n" + nested + b"\x85R.")


@pytest.mark.parametrize("dtype", ["object", "float64", "U3", "M8[s]", "bool"])
def test_arrays_of_anything_but_integers(dtype: str) -> None:
    with pytest.raises(DataError, match=r"dtype .* pixels and labels are integers|cannot be read"):
        _load(pickle.dumps({"data": np.zeros(4, dtype=dtype)}, protocol=2))


def test_an_array_whose_bytes_do_not_fit() -> None:
    good = py2_batch(pixels(20), cycle(20).tolist())
    more = good.replace(b"J" + struct.pack("<i", 20) + b"M\x00\x0c", b"J" + struct.pack("<i", 21) + b"M\x00\x0c")
    with pytest.raises(DataError, match=r"shape \(21, 3072\) with 61,440 bytes instead of 64,512"):
        _load(more)
    negative = good.replace(b"J" + struct.pack("<i", 20) + b"M", b"J" + struct.pack("<i", -1) + b"M")
    with pytest.raises(DataError, match="not one or two sizes"):
        _load(negative)


def test_something_else_than_a_dict() -> None:
    with pytest.raises(DataError, match="holds a list, and a CIFAR batch is a dict"):
        _load(pickle.dumps([1, 2]))


@pytest.mark.parametrize("length", [0, 1, 10, 100, 5000, -1])
def test_truncated(length: int) -> None:
    with pytest.raises(DataError, match=r"a/data_batch_1 cannot be read: .*; get a fresh copy"):
        _load(batch(20)[:length])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_give_only_data_errors(data: bytes) -> None:
    _only_data_errors(data)


_GOOD = py2_batch(pixels(1), [3])
_HEAD = _GOOD.index(b"T") + 5


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, _HEAD - 1) | st.integers(len(_GOOD) - 20, len(_GOOD) - 1), st.integers(0, 255)))
)
def test_damaged_batches_give_only_data_errors(changes: list[tuple[int, int]]) -> None:
    data = bytearray(_GOOD)
    for position, value in changes:
        data[position] = value
    _only_data_errors(bytes(data))


def _only_data_errors(data: bytes) -> None:
    message = ""
    try:
        assert isinstance(_load(data), dict)
    except DataError as error:
        message = str(error)
    assert "\n" not in message
    assert not message or message.startswith("a/data_batch_1 ")
