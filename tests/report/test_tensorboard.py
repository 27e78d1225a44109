"""The event files, held against TensorFlow's own reader and protocol buffers."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.report.tensorboard import PREFIX, TAGS, EventLog, _masked_crc, _varint
from archscope.runs import EpochRecord

FIRST = EpochRecord(1, 0.1, 1.5, 0.4, 1.25, 0.5, 3.0, 900.0)
SECOND = replace(FIRST, epoch=2, validation_accuracy=0.75, seconds=5.0)
THIRD = replace(FIRST, epoch=300, train_loss=1e-9)


def events_of(folder: Path) -> list:
    """All events, by TensorFlow's reader, which checks every checksum."""
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    (path,) = folder.iterdir()
    assert path.name.startswith(f"{PREFIX}.")
    return [event_pb2.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]


def scalars(events: list) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events:
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "tensorboard", ())
    for record in (FIRST, SECOND, THIRD):
        log.add(record)
    events = events_of(tmp_path / "tensorboard")
    assert events[0].file_version == "brain.Event:2"
    found = scalars(events)
    assert set(found) == {tag.replace("_", "/", 1) if "_loss" in tag or "_acc" in tag else tag for tag in TAGS}
    assert found["validation/accuracy"] == [(1, 0.5), (2, 0.75), (300, 0.5)]
    assert found["train/loss"][-1] == (300, float(np.float32(1e-9)))
    assert found["learning_rate"][0] == (1, float(np.float32(0.1)))
    assert all(abs(event.wall_time - time.time()) < 600 for event in events)


def test_a_resumed_log_holds_every_epoch_once_in_one_file(tmp_path: Path) -> None:
    from tensorflow.core.util import event_pb2

    EventLog(tmp_path, ()).add(replace(FIRST, validation_accuracy=0.1))
    (tmp_path / f"{PREFIX}.0000000001.elsewhere.7").write_bytes(b"of another session")
    log = EventLog(tmp_path, (FIRST, SECOND))
    log.add(THIRD)
    events = events_of(tmp_path)
    assert scalars(events)["validation/accuracy"] == [(1, 0.5), (2, 0.75), (300, 0.5)]
    # A reader that holds the old epochs drops those from this step on.
    assert (events[1].session_log.status, events[1].step) == (event_pb2.SessionLog.START, 1)
    times = [event.wall_time for event in events[2:]]
    assert times == sorted(times)
    assert times[1] - times[0] == pytest.approx(5.0)


@given(st.binary(max_size=300))
def test_checksums_are_tensorflows(data: bytes) -> None:
    """TFRecord's reader refuses a wrong one; a CRC-32C by polynomial division, bit by bit, is another witness."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if (crc ^ byte >> bit) & 1 else 0)
    crc ^= 0xFFFFFFFF
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    assert struct.unpack("<I", _masked_crc(data))[0] == (rotated + 0xA282EAD8) % 2**32


def test_the_crc_of_nine_digits() -> None:
    """RFC 3720's check value of CRC-32C: 0xE3069283 for `123456789`."""
    masked = struct.unpack("<I", _masked_crc(b"123456789"))[0]
    rotated = (masked - 0xA282EAD8) % 2**32
    assert (rotated >> 17 | rotated << 15) & 0xFFFFFFFF == 0xE3069283


@pytest.mark.parametrize(("value", "coded"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varints_are_protocol_buffers(value: int, coded: bytes) -> None:
    assert _varint(value) == coded
