"""CIFAR-10 in Hugging Face's Parquet layout: `img` or `image` as struct<bytes, path>, `label` as an integer.

The bytes are PNG (the pixels of the original) or JPEG (pixels that differ slightly, and the data's name says so).
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from archscope.data.cifar10 import (
    IMAGE_SHAPE,
    JPEG,
    LABEL_NAMES,
    ORIGINAL,
    TEST_IMAGES,
    TRAIN_IMAGES,
    Copy,
    check_count,
    check_label_names,
    labels_of,
)
from archscope.data.dataset import Split
from archscope.data.reading import reading
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

_IMAGE_COLUMNS = ("img", "image")
_LABEL_COLUMN = "label"
_NAME = re.compile(r"(?P<split>train|test)(-(?P<number>\d+)(-of-(?P<total>\d+))?)?\.parquet")
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, eq=False)
class _Shard:
    """An opened Parquet file, its columns found."""

    path: Path
    file: Any
    image_column: str

    @property
    def rows(self) -> int:
        return int(self.file.metadata.num_rows)


def parquet_files(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files in `folder` that are a split's, by split, in the order of their names."""
    files: dict[str, list[Path]] = {"train": [], "test": []}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match:
            files[match["split"]].append(path)
    return files


def read_parquet(folder: Path) -> Copy:
    """Read train and test from `folder`, each one file or all shards of it.

    Raises DataError for a split or shard that is missing, a column that is not as Hugging Face has it, an image that
    is damaged or not 32x32 RGB, and a label that contradicts the file's class names or the image's recorded path.
    """
    files = parquet_files(folder)
    for split, paths in files.items():
        _check_complete(folder, split, paths)
    train, train_jpeg = _read_split(files["train"], TRAIN_IMAGES)
    test, test_jpeg = _read_split(files["test"], TEST_IMAGES)
    return Copy(JPEG if train_jpeg or test_jpeg else ORIGINAL, f"{folder} (Parquet)", train, test)


def _check_complete(folder: Path, split: str, paths: list[Path]) -> None:
    """A split is one file, or all shards that the shards' names announce."""
    if not paths:
        raise DataError(f"{folder} has no {split}.parquet and no {split}-*.parquet", "get a complete copy")
    matches = [match for path in paths if (match := _NAME.fullmatch(path.name))]
    numbers = [int(match["number"]) for match in matches if match["number"]]
    totals = {int(match["total"]) for match in matches if match["total"]}
    if len(paths) > 1 and (len(numbers) < len(paths) or len(totals) > 1):
        listed = ", ".join(path.name for path in paths[:4])
        raise DataError(f"{folder} holds the {split} split more than once: {listed}", "keep one version of it")
    # Shards count from 0; without "-of-N" the numbers still say which in between is lost.
    expected = totals.pop() if totals else max(numbers, default=-1) + 1
    missing = sorted(set(range(min(expected, 1000))) - set(numbers))
    if missing:
        raise DataError(f"{folder} lacks shard {missing[0]} of the {split} split's {expected}", "get a complete copy")


def _read_split(paths: list[Path], limit: int) -> tuple[Split, bool]:
    """The images and labels of all shards, and whether any image was JPEG."""
    import numpy as np

    shards = [_open(path) for path in paths]
    rows = sum(shard.rows for shard in shards)
    check_count(rows, limit, f"{paths[0].parent}: {paths[0].name.partition('-')[0].removesuffix('.parquet')}")
    images = np.empty((rows, *IMAGE_SHAPE), dtype=np.uint8)
    labels = np.empty(rows, dtype=np.int64)
    jpeg = False
    start = 0
    for shard in shards:
        stop = start + shard.rows
        jpeg |= _read_shard(shard, images[start:stop], labels[start:stop])
        start = stop
    return Split(images, labels), jpeg


def _open(path: Path) -> _Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(str(path)):
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    names = [name for name in _IMAGE_COLUMNS if name in schema.names]
    if not names or _LABEL_COLUMN not in schema.names:
        raise DataError(
            f"{path} has columns {', '.join(schema.names[:8])}, not img (or image) and label",
            "name a copy of CIFAR-10 in Hugging Face's layout",
        )
    image = schema.field(names[0]).type
    if not pa.types.is_struct(image) or image.get_field_index("bytes") < 0:
        raise DataError(f"{path}: column {names[0]} is {image}, not struct<bytes, path>", "use Hugging Face's layout")
    label = schema.field(_LABEL_COLUMN).type
    if not pa.types.is_integer(label):
        raise DataError(f"{path}: column {_LABEL_COLUMN} is {label}, and labels are integers", "use int64 labels")
    _check_names_in(schema.metadata or {}, path)
    return _Shard(path, file, names[0])


def _check_names_in(metadata: dict[bytes, bytes], path: Path) -> None:
    """Hugging Face's writer notes the class names in the schema; where they are, they must be CIFAR-10's."""
    with reading(f"{path}: its schema's note"):
        info = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
        names = info.get("features", {}).get(_LABEL_COLUMN, {}).get("names")
    if isinstance(names, list):
        check_label_names(names, str(path))


def _read_shard(shard: _Shard, images: NDArray[uint8], labels: NDArray[Any]) -> bool:
    """Fill the arrays with the shard's rows; True if any image was JPEG."""
    row = 0
    jpeg = False
    with reading(str(shard.path)):
        labels[:] = _labels(shard)
        for batch in shard.file.iter_batches(_ROWS_AT_ONCE, columns=[shard.image_column]):
            for record in batch.column(0).to_pylist():
                where = f"{shard.path}: row {row:,}"
                jpeg |= _decode(record and record["bytes"], images[row], where)
                _check_path(record.get("path"), int(labels[row]), where)
                row += 1
    if row != shard.rows:
        raise DataError(f"{shard.path} announces {shard.rows:,} rows and holds {row:,}", "get a fresh copy")
    return jpeg


def _labels(shard: _Shard) -> NDArray[int64]:
    """All labels of the shard (rows,)."""
    column = shard.file.read(columns=[_LABEL_COLUMN]).column(0)
    if column.null_count:
        raise DataError(f"{shard.path} has {column.null_count:,} rows without a label", "get a fresh copy")
    return labels_of(column.to_numpy(), f"{shard.path}: {_LABEL_COLUMN}")


def _decode(data: bytes | None, image: NDArray[uint8], where: str) -> bool:
    """Decode one image into `image` (32, 32, 3); True if it was JPEG. The size is checked before decoding."""
    import numpy as np
    from PIL import Image

    if not data:
        raise DataError(f"{where} has no image", "get a fresh copy")
    height, width, _ = IMAGE_SHAPE
    with reading(f"{where}: its image"), Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
        if picture.size != (width, height) or picture.mode != "RGB":
            found = f"{picture.size[1]}x{picture.size[0]} {picture.mode}"
            raise DataError(f"{where} has an image of {found}, and CIFAR-10's are 32x32 RGB", "get a fresh copy")
        image[:] = np.asarray(picture)
        return picture.format == "JPEG"


def _check_path(path: object, label: int, where: str) -> None:
    """Some copies keep the path of the image file, whose folder is the class: a second opinion on the label."""
    if not isinstance(path, str):
        return
    folder = PurePosixPath(path).parent.name
    if folder in LABEL_NAMES and folder != LABEL_NAMES[label]:
        raise DataError(
            f"{where} is labelled {label} ({LABEL_NAMES[label]}), but its path is {path[:80]!r}: it is mislabelled",
            "get a fresh copy",
        )
