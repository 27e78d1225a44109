"""Training curves as TensorBoard reads them: an event file of scalars, written without TensorFlow.

An event file is a sequence of TFRecords: length (uint64), masked CRC-32C of the length, data, masked CRC-32C of the
data, all little-endian (tensorflow/core/lib/io/record_writer.h). The data is an `Event` protocol buffer
(tensorflow/core/util/event.proto), of which these fields are written: wall_time 1 (double), step 2 (int64),
file_version 3 (string), summary 5 (message), session_log 7 (message). A summary holds values (1), each with tag 1
(string) and simple_value 2 (float).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from archscope.runs import EpochRecord

PREFIX = "events.out.tfevents"
TAGS = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "images_per_second")
_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected
_MASK_DELTA = 0xA282EAD8
_WIRE_VARINT, _WIRE_DOUBLE, _WIRE_BYTES, _WIRE_FLOAT = 0, 1, 2, 5


class EventLog:
    """The event file of one training in `folder`; a step is an epoch.

    A resumed training begins a new file with the epochs of its `history` and removes the old ones, so that no epoch
    stands in the log twice. A reader that has the old ones in memory is told to drop them by a session that starts.
    Raises OSError when the disk refuses.
    """

    def __init__(self, folder: Path, history: Sequence[EpochRecord]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        old = list(folder.glob(f"{PREFIX}.*"))
        now = time.time()
        self.path = folder / f"{PREFIX}.{int(now):010d}.{socket.gethostname()}.{os.getpid()}"
        start = _field(7, _WIRE_BYTES, _field(1, _WIRE_VARINT, _varint(1)))
        self.path.write_bytes(
            _record(_event(now, 0, _field(3, _WIRE_BYTES, b"brain.Event:2"))) + _record(_event(now, 1, start))
        )
        # The epochs' own times, as far as they are known: the last one ended now.
        ended = now - sum(record.seconds for record in history)
        for record in history:
            ended += record.seconds
            self._append(record, ended)
        for path in old:
            if path != self.path:
                path.unlink()

    def add(self, record: EpochRecord) -> None:
        """Append an epoch's figures."""
        self._append(record, time.time())

    def _append(self, record: EpochRecord, wall_time: float) -> None:
        values = b"".join(_value(tag, getattr(record, tag)) for tag in TAGS)
        with self.path.open("ab") as file:
            file.write(_record(_event(wall_time, record.epoch, _field(5, _WIRE_BYTES, values))))


def _value(tag: str, number: float) -> bytes:
    spelled = tag.replace("_", "/", 1) if tag.startswith(("train_", "validation_")) else tag
    inner = _field(1, _WIRE_BYTES, spelled.encode()) + _field(2, _WIRE_FLOAT, struct.pack("<f", number))
    return _field(1, _WIRE_BYTES, inner)


def _event(wall_time: float, step: int, content: bytes) -> bytes:
    return _field(1, _WIRE_DOUBLE, struct.pack("<d", wall_time)) + _field(2, _WIRE_VARINT, _varint(step)) + content


def _field(number: int, wire: int, content: bytes) -> bytes:
    length = _varint(len(content)) if wire == _WIRE_BYTES else b""
    return _varint(number << 3 | wire) + length + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _masked_crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _table()[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


@cache
def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)
