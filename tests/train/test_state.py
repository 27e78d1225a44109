from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archscope.errors import OutputError, TrainingError
from archscope.runs import EpochRecord
from archscope.train import Recipe, TrainingState, load_state, save_state
from archscope.train.state import best_epoch


def record(epoch: int, accuracy: float) -> EpochRecord:
    return EpochRecord(epoch, 0.1, 1.5, 0.4, 1.25, accuracy, 3.0, 900.0)


@pytest.fixture
def state() -> TrainingState:
    values = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, dtype=np.int64), np.array([1, 2], np.uint32))
    return TrainingState(values, values[:1], (record(1, 0.5), record(2, 0.1 + 0.2)), Recipe(seed=3), 12345)


def test_a_state_survives_its_file(state: TrainingState, tmp_path: Path) -> None:
    save_state(tmp_path / "run" / "state.npz", state)
    loaded = load_state(tmp_path / "run" / "state.npz")
    assert (loaded.history, loaded.recipe, loaded.data_checksum) == (state.history, state.recipe, state.data_checksum)
    assert loaded.epoch == 2
    for saved, read in zip(state.variables + state.best, loaded.variables + loaded.best, strict=True):
        assert saved.dtype == read.dtype
        np.testing.assert_array_equal(saved, read)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["state.npz"]


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert best_epoch([record(1, 0.5), record(2, 0.7), record(3, 0.7)]) == 2
    assert best_epoch([]) == 0


def test_a_missing_or_damaged_file_is_one_sentence(state: TrainingState, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    with pytest.raises(TrainingError, match="there is no saved training at"):
        load_state(path)
    save_state(path, state)
    whole = path.read_bytes()
    for damaged in (b"", b"no zip", whole[: len(whole) // 2], whole.replace(b"recipe", b"recite")):
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match="is not a saved training"):
            load_state(path)
    np.savez(path, something=np.zeros(3))
    with pytest.raises(TrainingError, match="is not a saved training"):
        load_state(path)


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    np.savez(path, meta=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TrainingError, match="is not a saved training"):
        load_state(path)


def test_another_version_is_named(state: TrainingState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archscope.train.state.STATE_VERSION", 2)
    save_state(tmp_path / "state.npz", state)
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="has state version 2 and this archscope reads 1"):
        load_state(tmp_path / "state.npz")


def test_a_refusing_disk_is_an_output_error(state: TrainingState, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_state(tmp_path / "file" / "state.npz", state)
