"""What a network said to each image: kept with the run, so that two runs can be compared image by image."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archscope.errors import RunError
from archscope.files import write_atomic
from archscope.runs.record import Scores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PREDICTIONS_FILE = "predictions.npz"
_ARRAYS = ("labels", "predicted")


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Class numbers, both (images,), in the order of the split: the truth, and the network's answer."""

    labels: npt.NDArray[np.integer]
    predicted: npt.NDArray[np.integer]

    @property
    def hits(self) -> npt.NDArray[np.bool_]:
        """(images,): where the answer is right."""
        right: npt.NDArray[np.bool_] = self.labels == self.predicted
        return right


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Write `predictions.npz` (`labels`, `predicted`: unsigned, as narrow as the classes allow).

    Some 10 KB for 10,000 images of ten classes. Raises OutputError when the disk refuses.
    """
    import numpy as np

    highest = max(int(array.max(initial=0)) for array in (predictions.labels, predictions.predicted))
    narrow = np.min_scalar_type(highest)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, labels=predictions.labels.astype(narrow), predicted=predictions.predicted.astype(narrow)
    )
    write_atomic(folder / PREDICTIONS_FILE, buffer.getvalue())


def read_predictions(folder: Path, scores: Scores) -> Predictions | None:
    """The predictions in `folder`, None where it has none.

    Raises RunError for a file that is damaged, or whose answers are not those that `scores` counted.
    """
    path = folder / PREDICTIONS_FILE
    if not path.exists():
        return None
    try:
        found = Predictions(*(_read_array(path, name, scores.images) for name in _ARRAYS))
    except Exception as error:  # decoders of damaged bytes raise whatever the bytes lead them to
        raise RunError(f"{path} holds no predictions: {error}", _remedy(folder)) from error
    if confusion(found.labels, found.predicted, len(scores.confusion)) != scores.confusion:
        raise RunError(f"{path} holds other answers than those that the run counted", _remedy(folder))
    return found


def confusion(
    labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], classes: int
) -> tuple[tuple[int, ...], ...]:
    """(classes, classes): how many images of class i were called j. Numbers from `classes` on fit no cell: ()."""
    import numpy as np

    if max(labels.max(initial=0), predicted.max(initial=0)) >= classes:
        return ()
    pairs = labels.astype(np.int64) * classes + predicted.astype(np.int64)
    counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(int(count) for count in row) for row in counts)


def _read_array(path: Path, name: str, images: int) -> npt.NDArray[np.integer]:
    """One array; what its header declares is checked first, because that is what NumPy would allocate."""
    from numpy.lib import format as npy

    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is not in .npy format 1.0")
        shape, _, dtype = npy.read_array_header_1_0(file)
        if dtype.kind != "u" or shape != (images,):
            raise ValueError(f"{name} is {dtype}{list(shape)}, and the run scored {images:,} images")
        file.seek(0)
        array: npt.NDArray[np.integer] = npy.read_array(file, allow_pickle=False)
        return array


def _remedy(folder: Path) -> str:
    return f"`archscope evaluate {folder} --predictions` writes it anew"
