"""Images in Hugging Face's Parquet layout: `img` or `image` as struct<bytes, path>, the label as an integer.

The bytes are an image file. Of CIFAR-10 they may be PNG (the pixels of the original) or JPEG (pixels that differ
slightly, and the data's name says so).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from archscope.data.dataset import check_classes, labels_of
from archscope.data.found import Found, name_of
from archscope.data.intake import Raw, check_memory, take_in
from archscope.data.picture import decode
from archscope.data.reading import reading
from archscope.data.resize import check_channels
from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

_IMAGE_COLUMNS = ("img", "image")
_LABEL_COLUMNS = ("label", "labels", "fine_label")
_NAME = re.compile(r"(?P<split>train|test|validation|valid|val)(-(?P<number>\d+)(-of-(?P<total>\d+))?)?\.parquet")
_TEST_SPLITS = ("test", "validation", "valid", "val")
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class _Shard:
    """An opened Parquet file, its columns found, and the class names that its schema notes."""

    path: Path
    file: Any
    image_column: str
    label_column: str
    names: tuple[str, ...] | None

    @property
    def rows(self) -> int:
        return int(self.file.metadata.num_rows)


def parquet_files(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files in `folder` that are a split's, by split, in the order of their names.

    Where there is no test split, the validation split is it.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match:
            files.setdefault(match["split"], []).append(path)
    test = next((files[split] for split in _TEST_SPLITS if split in files), [])
    return {"train": files.get("train", []), "test": test}


def read_parquet(folder: Path, shape: tuple[int, int, int]) -> Found:
    """Read train and test from `folder`, each one file or all shards of it.

    Raises DataError for a split or shard that is missing, a column that is not as Hugging Face has it, an image that
    is damaged, and a label that contradicts the file's class names or the image's recorded path.
    """
    files = parquet_files(folder)
    for split, paths in files.items():
        _check_complete(folder, split, paths)
    by = _NAME.fullmatch(files["test"][0].name)
    split = by["split"] if by else "test"
    source = f"{folder} (Parquet{'' if split == 'test' else f'; {split} is the test set'})"
    check_channels(3, shape, source)
    train, test = ([_open(path) for path in paths] for paths in files.values())
    # A few bytes can announce any number of rows.
    check_memory((sum(shard.rows for shard in (*train, *test)), *shape), source)
    names = _one_list([*train, *test], folder)
    train_labels, test_labels = _labels(train), _labels(test)
    classes = check_classes(train_labels, test_labels, names, source)
    formats: set[str] = set()
    intake = take_in(
        Raw(train_labels, _images(train, train_labels, classes, formats)),
        Raw(test_labels, _images(test, test_labels, classes, formats)),
        shape,
        source,
    )
    return Found(name_of(folder), source, classes, intake, named=names is not None, jpeg="JPEG" in formats)


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


def _open(path: Path) -> _Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(str(path)):
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    images = [name for name in _IMAGE_COLUMNS if name in schema.names]
    labels = [name for name in _LABEL_COLUMNS if name in schema.names]
    if not images or not labels:
        raise DataError(
            f"{path} has columns {', '.join(schema.names[:8])}, not img (or image) and label",
            "name a data set of images and classes in Hugging Face's layout",
        )
    image, label = schema.field(images[0]).type, schema.field(labels[0]).type
    if not pa.types.is_struct(image) or image.get_field_index("bytes") < 0:
        raise DataError(f"{path}: column {images[0]} is {image}, not struct<bytes, path>", "use Hugging Face's layout")
    if not pa.types.is_integer(label):
        raise DataError(f"{path}: column {labels[0]} is {label}, and labels are integers", "use int64 labels")
    return _Shard(path, file, images[0], labels[0], _names_in(schema.metadata or {}, labels[0], path))


def _names_in(metadata: dict[bytes, bytes], column: str, path: Path) -> tuple[str, ...] | None:
    """The class names that Hugging Face's writer notes in the schema."""
    with reading(f"{path}: its schema's note"):
        info = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
        names = info.get("features", {}).get(column, {}).get("names")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: its schema's class names are not a list of strings", "get a fresh copy")
    return tuple(names)


def _one_list(shards: list[_Shard], folder: Path) -> tuple[str, ...] | None:
    """The class names of those shards that note any."""
    lists = {shard.names for shard in shards if shard.names is not None}
    if len(lists) > 1:
        raise DataError(f"{folder} has shards whose class names differ", "keep the files of one data set")
    return lists.pop() if lists else None


def _labels(shards: list[_Shard]) -> NDArray[int64]:
    """All labels of a split (N,)."""
    import numpy as np

    return np.concatenate([_labels_in(shard) for shard in shards])


def _labels_in(shard: _Shard) -> NDArray[int64]:
    with reading(str(shard.path)):
        column = shard.file.read(columns=[shard.label_column]).column(0)
        values = column.to_numpy() if not column.null_count else None
    if values is None:
        raise DataError(f"{shard.path} has {column.null_count:,} rows without a label", "get a fresh copy")
    if len(values) != shard.rows:
        raise DataError(f"{shard.path} announces {shard.rows:,} rows and holds {len(values):,}", "get a fresh copy")
    return labels_of(values, f"{shard.path}: {shard.label_column}")


def _images(
    shards: list[_Shard], labels: NDArray[int64], classes: tuple[str, ...], formats: set[str]
) -> Iterator[NDArray[uint8]]:
    """The split's images in order; the formats of their files are added to `formats`."""
    position = 0
    for shard in shards:
        for row, record in enumerate(_records(shard)):
            where = f"{shard.path}: row {row:,}"
            if not record or not record["bytes"]:
                raise DataError(f"{where} has no image", "get a fresh copy")
            image, form = decode(record["bytes"], f"{where}: its image")
            formats.add(form)
            if position < len(labels):
                _check_path(record.get("path"), classes[labels[position]], classes, where)
            position += 1
            yield image


def _records(shard: _Shard) -> Iterator[dict[str, Any] | None]:
    with reading(str(shard.path)):
        for batch in shard.file.iter_batches(_ROWS_AT_ONCE, columns=[shard.image_column]):
            yield from batch.column(0).to_pylist()


def _check_path(path: object, name: str, classes: tuple[str, ...], where: str) -> None:
    """Some copies keep the path of the image file, whose folder is the class: a second opinion on the label."""
    if not isinstance(path, str):
        return
    folder = PurePosixPath(path).parent.name
    if folder in classes and folder != name:
        raise DataError(
            f"{where} is labelled {name}, but its path is {path[:80]!r}: it is mislabelled", "get a fresh copy"
        )
