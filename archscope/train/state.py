"""The state of a training between two epochs, and its file: one .npz without pickles, written atomically."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from archscope.errors import TrainingError
from archscope.files import atomic_path
from archscope.runs import EpochRecord
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import numpy.typing as npt

STATE_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class TrainingState:
    """All that the next epoch depends on. Shuffling and augmentation need no state: they follow from seed and epoch.

    variables: weights, moving statistics, dropout seeds and the optimizer's variables, in the order of TrainingStep.
    best: the model's variables after the best epoch.
    data_checksum: CRC-32 of the training and validation arrays.
    """

    variables: tuple[npt.NDArray[Any], ...]
    best: tuple[npt.NDArray[Any], ...]
    history: tuple[EpochRecord, ...]
    recipe: Recipe
    data_checksum: int

    @property
    def epoch(self) -> int:
        """The number of epochs that are done."""
        return len(self.history)


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """The first epoch with the highest validation accuracy; 0 for no epoch."""
    return max(history, key=lambda record: (record.validation_accuracy, -record.epoch)).epoch if history else 0


def checksum(*arrays: npt.NDArray[Any]) -> int:
    """CRC-32 of the bytes of `arrays`, one after the other."""
    import numpy as np

    value = 0
    for array in arrays:
        value = crc32(np.ascontiguousarray(array).data, value)
    return value


def snapshot(variables: Sequence[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Copies of the values of Keras variables."""
    import numpy as np

    return tuple(np.array(variable.numpy()) for variable in variables)


def restore(variables: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> None:
    """Put `values` into Keras variables. Raises TrainingError, before it changes any, where a shape differs."""
    expected = [tuple(variable.shape) for variable in variables]
    if expected != [value.shape for value in values]:
        raise TrainingError(
            "the saved training state is of another network: its weights have other shapes",
            "resume with the design it was saved from, or start anew",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def check_resume(state: TrainingState, recipe: Recipe, data_checksum: int) -> None:
    """Raise TrainingError where going on from `state` would not be the same run."""
    saved = state.recipe.to_dict()
    for knob, value in recipe.to_dict().items():
        if saved[knob] != value:
            raise TrainingError(
                f"the saved training has {knob.replace('_', ' ')} {saved[knob]!r} and this one {value!r}",
                "resume with the same recipe, or start anew",
            )
    if state.data_checksum != data_checksum:
        raise TrainingError("the saved training saw other images or labels", "resume with the same data, or start anew")


def save_state(path: Path, state: TrainingState) -> None:
    """Write `state` to `path` (.npz), whole or not at all. Raises OutputError when the disk refuses."""
    import numpy as np

    meta = {
        "state_version": STATE_VERSION,
        "recipe": state.recipe.to_dict(),
        "history": [asdict(record) for record in state.history],
        "data_checksum": state.data_checksum,
    }
    arrays = {"meta": np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)}
    arrays |= {f"variables_{i:05d}": value for i, value in enumerate(state.variables)}
    arrays |= {f"best_{i:05d}": value for i, value in enumerate(state.best)}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def load_state(path: Path) -> TrainingState:
    """Read what `save_state` wrote. Raises TrainingError for a file that is missing, damaged or something else."""
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in sorted(archive.files)}
        meta = json.loads(arrays.pop("meta").tobytes())
        if meta["state_version"] != STATE_VERSION:
            raise TrainingError(
                f"{path} has state version {meta['state_version']} and this archscope reads {STATE_VERSION}",
                "start the training anew",
            )
        return TrainingState(
            variables=tuple(value for name, value in arrays.items() if name.startswith("variables_")),
            best=tuple(value for name, value in arrays.items() if name.startswith("best_")),
            history=tuple(EpochRecord(**record) for record in meta["history"]),
            recipe=Recipe.from_dict(meta["recipe"]),
            data_checksum=meta["data_checksum"],
        )
    except FileNotFoundError as error:
        raise TrainingError(f"there is no saved training at {path}", "start the training anew") from error
    except (
        OSError,
        EOFError,
        ArithmeticError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        AttributeError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise TrainingError(f"{path} is not a saved training: {error}", "start the training anew") from error
