from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from write_faults import CALLS, Faults, Killed

from archscope.errors import OutputError, TrainingError
from archscope.runs import EpochRecord
from archscope.train import Generations, Recipe, TrainingState, has_state
from archscope.train.generations import GENERATIONS
from archscope.train.state import best_epoch, decode_state, encode_state


def record(epoch: int, accuracy: float) -> EpochRecord:
    return EpochRecord(epoch, 0.1, 1.5, 0.4, 1.25, accuracy, 3.0, 900.0)


def make_state(step: int = 7) -> TrainingState:
    values = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array(step, dtype=np.int64), np.array([1, 2], np.uint32))
    history = (record(1, 0.5), record(2, 0.1 + 0.2))
    return TrainingState(values, values[:1], history, Recipe(seed=3), 12345, step=step, seconds=0.1 * step)


def same(a: TrainingState, b: TrainingState) -> bool:
    arrays = zip(a.variables + a.best, b.variables + b.best, strict=True)
    return (
        all(x.dtype == y.dtype and x.shape == y.shape and (x == y).all() for x, y in arrays)
        and (len(a.variables), a.history, a.recipe) == (len(b.variables), b.history, b.recipe)
        and (a.data_checksum, a.step, a.seconds) == (b.data_checksum, b.step, b.seconds)
    )


ENCODED = encode_state(make_state())


def test_a_state_survives_its_bytes() -> None:
    state = make_state()
    loaded = decode_state(ENCODED, "x")
    assert same(state, loaded)
    assert (loaded.epoch, loaded.place) == (2, "step 7 of epoch 3")
    assert replace(loaded, step=0).place == "epoch 2"


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert best_epoch([record(1, 0.5), record(2, 0.7), record(3, 0.7)]) == 2
    assert best_epoch([]) == 0


@given(st.integers(0, len(ENCODED) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_found_wherever_it_is(place: int, bit: int) -> None:
    damaged = bytearray(ENCODED)
    damaged[place] ^= 1 << bit
    with pytest.raises(TrainingError, match="x is damaged: its content does not fit its SHA-256"):
        decode_state(bytes(damaged), "x")


@given(st.integers(0, len(ENCODED) - 1))
def test_so_is_a_missing_end(length: int) -> None:
    with pytest.raises(TrainingError, match="x is damaged"):
        decode_state(ENCODED[:length], "x")


def signed(content: bytes) -> bytes:
    return content + sha256(content).digest()


@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda tail: ENCODED[:-32] + tail))
def test_bytes_with_a_right_checksum_and_no_state_in_them_are_one_sentence(content: bytes) -> None:
    try:
        read = decode_state(signed(content), "x")
    except TrainingError as error:
        sentence = str(error)
    else:  # a .zip may have anything behind it
        assert same(read, make_state())
        return
    assert sentence.startswith("x ")


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "state.npz", meta=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TrainingError, match="is not a saved training"):
        decode_state(signed((tmp_path / "state.npz").read_bytes()), "x")


def test_a_member_that_would_unpack_to_more_than_the_file_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "state.npz", meta=np.zeros(10**7, np.uint8))
    with pytest.raises(TrainingError, match=r"is not a saved training: meta\.npy is compressed, or larger"):
        decode_state(signed((tmp_path / "state.npz").read_bytes()), "x")


def test_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archscope.train.state.STATE_VERSION", 99)
    content = encode_state(make_state())
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="x has state version 99 and this archscope reads 2; start"):
        decode_state(content, "x")


def test_two_generations_take_turns(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    assert not has_state(tmp_path)
    for step in range(1, 6):
        generations.save(make_state(step))
        assert has_state(tmp_path)
        whole, note = Generations(tmp_path).load()
        assert (whole.step, note) == (step, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GENERATIONS)
    assert sorted(decode_state(path.read_bytes(), "").step for path in tmp_path.iterdir()) == [4, 5]


@pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b"", lambda b: b[:99] + b"?" + b[100:]])
def test_a_damaged_newest_falls_back_to_the_one_before_and_is_written_over(
    harm: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    generations = Generations(tmp_path)
    generations.save(make_state(1))
    generations.save(make_state(2))
    newest = tmp_path / generations.newest
    newest.write_bytes(harm(newest.read_bytes()))
    again = Generations(tmp_path)
    state, note = again.load()
    assert same(state, make_state(1))
    assert note == (
        f"{newest} is damaged: its content does not fit its SHA-256; "
        "the other saved state is whole, up to step 1 of epoch 3"
    )
    again.save(make_state(3))  # over the damaged one: the whole one is never the victim
    assert same(decode_state(newest.read_bytes(), "newest"), make_state(3))


def test_two_damaged_ones_and_none_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is no saved training in .*; start the training anew"):
        Generations(tmp_path).load()
    for name in GENERATIONS:
        (tmp_path / name).write_bytes(ENCODED[:-1])
    with pytest.raises(
        TrainingError, match=r"state-a\.npz is damaged: .*, and .*state-b\.npz is damaged: .*; start the"
    ):
        Generations(tmp_path).load()


def test_what_a_killed_save_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".state-a.x1y2.npz", ".state-b.x1y2.npz", *GENERATIONS, "plan.json", ".other"):
        (tmp_path / name).touch()
    Generations(tmp_path).remove_leftovers()
    assert {path.name for path in tmp_path.iterdir()} == {*GENERATIONS, "plan.json", ".other"}


def test_a_refusing_disk_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        Generations(tmp_path / "file").save(make_state())


# Faults at every call that a save makes of the system. What comes out must be the old state or the new one, whole.


@pytest.fixture
def saved(tmp_path: Path) -> Generations:
    generations = Generations(tmp_path)
    for step in (1, 2):
        generations.save(make_state(step))
    return generations


def calls_of_a_save(folder: Path) -> list[str]:
    """What a third save asks of the system, in order."""
    generations = Generations(folder)
    for step in (1, 2):
        generations.save(make_state(step))
    with Faults() as faults:
        generations.save(make_state(3))
    return faults.made


def loads_whole(folder: Path) -> int:
    """The step of the state that the next process finds; it is the state of that step in every figure."""
    state, _ = Generations(folder).load()
    assert same(state, make_state(state.step))
    return state.step


def test_a_save_is_synced_in_the_right_order(tmp_path: Path) -> None:
    made = [call for call in calls_of_a_save(tmp_path) if call in ("write", "fsync", "replace")]
    assert made == ["write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_an_error_at_any_call_leaves_a_whole_state_and_the_next_save_succeeds(
    error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = calls_of_a_save(tmp_path / "count")
    assert {"open", "write", "fsync", "replace", "chmod", "close"} <= set(calls) <= set(CALLS)
    for at, name in enumerate(calls):
        folder = tmp_path / f"{at}-{name}"
        generations = Generations(folder)
        for step in (1, 2):
            generations.save(make_state(step))
        newest = generations.newest
        with Faults(error_at=at, error=error), suppress(OutputError):
            generations.save(make_state(3))
        # Only behind the rename may a save have failed and its state be there.
        found = loads_whole(folder)
        assert found == 2 or "replace" in calls[:at] or generations.newest != newest
        generations.save(make_state(4))
        assert loads_whole(folder) == 4


@pytest.mark.parametrize("power_cut", [False, True], ids=["killed", "power cut"])
def test_a_kill_at_any_call_leaves_the_old_state_or_the_new_one(power_cut: bool, tmp_path: Path) -> None:
    """After the kill nothing more reaches the disk; a power cut also takes what was written and not synced."""
    calls = calls_of_a_save(tmp_path / "count")
    seen = []
    for at, name in enumerate(calls):
        for half in (False, True) if name == "write" else (False,):
            folder = tmp_path / f"{at}-{name}-{half}"
            generations = Generations(folder)
            for step in (1, 2):
                generations.save(make_state(step))
            with Faults(kill_at=at, half=half) as faults, pytest.raises(Killed):
                generations.save(make_state(3))
            if power_cut:
                faults.lose_what_was_not_synced(folder)
            seen.append(loads_whole(folder))
            again = Generations(folder)
            again.load()
            again.remove_leftovers()
            again.save(make_state(5))
            assert loads_whole(folder) == 5
            assert sorted(path.name for path in folder.iterdir()) == sorted(GENERATIONS)
    assert seen == sorted(seen)  # the old one up to the rename, the new one from there on
    assert set(seen) == {2, 3}


def test_a_disk_that_takes_a_few_bytes_at_a_time_is_written_whole(
    saved: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, bytes(data[:100])))
    saved.save(make_state(3))
    assert loads_whole(saved.folder) == 3
