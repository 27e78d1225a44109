"""The state of a training between two steps, and its bytes: an .npz without pickles, and the SHA-256 of it behind."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zlib import crc32

from archscope.errors import TrainingError
from archscope.runs import EpochRecord
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import numpy.typing as npt

STATE_VERSION = 2
DIGEST_BYTES = 32
START_ANEW = "start the training anew"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingState:
    """All that the next step depends on. Shuffling, augmentation and the learning rate need no state: they follow from
    seed, epoch and step.

    variables: all that a step changes: weights, moving statistics, dropout seeds, the optimizer's variables and the
        sums of the epoch so far, in the order of a backend's Step.
    best: the model's variables after the best epoch.
    data_checksum: CRC-32 of the training and validation arrays.
    step: steps done in the epoch behind the last one of `history`; all of them where only its validation is to come.
    seconds: the time that these steps took.
    backend: Keras' backend, whose rounding and dropout they are.
    """

    variables: tuple[npt.NDArray[Any], ...]
    best: tuple[npt.NDArray[Any], ...]
    history: tuple[EpochRecord, ...]
    recipe: Recipe
    data_checksum: int
    step: int = 0
    seconds: float = 0.0
    backend: str = "tensorflow"

    @property
    def epoch(self) -> int:
        """The number of epochs that are done."""
        return len(self.history)

    @property
    def place(self) -> str:
        """The last thing that is done: `epoch 3`, or `step 40 of epoch 4`."""
        return f"step {self.step} of epoch {self.epoch + 1}" if self.step else f"epoch {self.epoch}"


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
    import keras

    backend = keras.backend.backend()
    if state.backend != backend:
        raise TrainingError(
            f"the saved training ran on {state.backend} and this one on {backend}",
            f"set KERAS_BACKEND={state.backend}, or start anew",
        )
    saved = state.recipe.to_dict()
    for knob, value in recipe.to_dict().items():
        if saved[knob] != value:
            raise TrainingError(
                f"the saved training has {knob.replace('_', ' ')} {saved[knob]!r} and this one {value!r}",
                "resume with the same recipe, or start anew",
            )
    if state.data_checksum != data_checksum:
        raise TrainingError("the saved training saw other images or labels", "resume with the same data, or start anew")


def encode_state(state: TrainingState) -> bytes:
    """The bytes of a state file."""
    import numpy as np

    meta = {
        "state_version": STATE_VERSION,
        "recipe": state.recipe.to_dict(),
        "history": [asdict(record) for record in state.history],
        "data_checksum": state.data_checksum,
        "step": state.step,
        "seconds": state.seconds,
        "backend": state.backend,
    }
    arrays = {"meta": np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)}
    arrays |= {f"variables_{i:05d}": value for i, value in enumerate(state.variables)}
    arrays |= {f"best_{i:05d}": value for i, value in enumerate(state.best)}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    content.write(sha256(content.getbuffer()).digest())
    return content.getvalue()


def decode_state(content: bytes, name: str) -> TrainingState:
    """The inverse of `encode_state`. Raises TrainingError, naming `name`, for bytes that are not exactly a state."""
    import numpy as np

    body, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    if sha256(body).digest() != digest:
        raise TrainingError(f"{name} is damaged: its content does not fit its SHA-256", START_ANEW)
    try:
        _check_sizes(body)
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in sorted(archive.files)}
        meta = json.loads(arrays.pop("meta").tobytes())
        if meta["state_version"] != STATE_VERSION:
            raise TrainingError(
                f"{name} has state version {meta['state_version']} and this archscope reads {STATE_VERSION}", START_ANEW
            )
        return TrainingState(
            variables=tuple(value for key, value in arrays.items() if key.startswith("variables_")),
            best=tuple(value for key, value in arrays.items() if key.startswith("best_")),
            history=tuple(EpochRecord(**record) for record in meta["history"]),
            recipe=Recipe.from_dict(meta["recipe"]),
            data_checksum=meta["data_checksum"],
            step=meta["step"],
            seconds=meta["seconds"],
            backend=meta.get("backend", "tensorflow"),  # the only one, before it was kept
        )
    except (
        OSError,
        EOFError,
        MemoryError,
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
        raise TrainingError(f"{name} is not a saved training: {error}", START_ANEW) from error


def _check_sizes(body: bytes) -> None:
    """The arrays are stored as they are: a member that unpacks to more than it takes is not of our writing."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(body):
                raise ValueError(f"{member.filename} is compressed, or larger than the file")
