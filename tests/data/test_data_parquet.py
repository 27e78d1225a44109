from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_makers import SHAPE, cycle, encode, pixels
from PIL import Image

from archscope.data import load
from archscope.data.cifar10 import LABEL_NAMES
from archscope.errors import DataError


def _write(
    path: Path,
    count: int,
    *,
    seed: int = 0,
    form: str = "PNG",
    column: str = "img",
    images: list[bytes | None] | None = None,
    labels: object = None,
    paths: list[str] | None = None,
    names: tuple[str, ...] = (),
) -> None:
    contents = images or [encode(image, form) for image in pixels(count, seed)]
    records = [
        None if data is None else {"bytes": data, "path": paths[row] if paths else None}
        for row, data in enumerate(contents)
    ]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({column: pa.array(records, struct), "label": pa.array(cycle(count) if labels is None else labels)})
    if names:
        note = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(note)})
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, row_group_size=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(tmp_path / "train.parquet", 30)
    _write(tmp_path / "test.parquet", 10, seed=1)
    return tmp_path


def test_png_keeps_the_pixels(folder: Path) -> None:
    data = load(str(folder), SHAPE)
    assert (data.name, data.classes) == (folder.name, tuple("0123456789"))
    assert data.source == f"{folder} (Parquet)"
    assert (data.train.images == pixels(30)).all()
    assert (data.test.images == pixels(10, 1)).all()
    assert data.train.labels.tolist() == cycle(30).tolist()


def test_jpeg_is_named_even_in_one_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSCOPE_CIFAR10", str(folder))
    assert load(None, SHAPE).name == "CIFAR-10 subset of 30/10 images"
    images: list[bytes | None] = [encode(image, "PNG") for image in pixels(10, 1)]
    images[9] = encode(pixels(1)[0], "JPEG")
    _write(folder / "test.parquet", 10, images=images)
    assert load(None, SHAPE).name == "JPEG re-encoded CIFAR-10 subset of 30/10 images"


def test_other_classes_sizes_and_kinds(tmp_path: Path) -> None:
    """As Hugging Face has beans: three names, a validation split; here grey, and no two sizes alike."""
    pictures = [pixels(1, row)[0, : 9 + row, : 20 - row, 0] for row in range(9)]
    forms = ("PNG", "BMP", "GIF")
    images: list[bytes | None] = [encode(picture, forms[row % 3]) for row, picture in enumerate(pictures)]
    names = ("bean", "leaf", "rust")
    for split, part in (("train", images), ("validation", images[:3])):
        _write(tmp_path / "data" / f"{split}-00000-of-00001.parquet", len(part), images=part, names=names,
               labels=cycle(len(part)) % 3, column="image")  # fmt: skip
    data = load(str(tmp_path), (16, 16, 1))
    assert (data.name, data.classes) == ("data", names)
    assert data.source == f"{tmp_path / 'data'} (Parquet; validation is the test set)"
    assert data.train.labels.tolist() == [0, 1, 2] * 3
    for picture, image in zip(pictures, data.train.images, strict=True):
        by_hand = Image.fromarray(picture).resize((16, 16), Image.Resampling.BILINEAR)
        assert (image[..., 0] == np.asarray(by_hand)).all()
    assert load(str(tmp_path), (8, 8, 4)).sha256 == data.sha256


def test_more_rows_than_memory_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """2**31 equal labels take next to nothing in a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"img": pa.nulls(2**21, image), "label": pa.array(np.zeros(2**21, np.int64))})
    for split in ("train", "test"):
        pq.write_table(table, tmp_path / f"{split}.parquet")
    assert (tmp_path / "train.parquet").stat().st_size < 10**6
    with pytest.raises(DataError, match=r"4,194,304 images of 1000x1000x3 need 11,\d\d\d\.\d GiB"):
        load(str(tmp_path), (1000, 1000, 3))


def test_shards_in_plain_text(tmp_path: Path, folder: Path) -> None:
    inner = tmp_path / "hf" / "plain_text"
    inner.parent.mkdir()
    for number in range(2):
        _write(inner / f"train-0000{number}-of-00002.parquet", 20, seed=number, column="image", names=LABEL_NAMES)
    _write(inner / "test-00000-of-00001.parquet", 10, column="image")
    data = load(str(inner.parent), SHAPE)
    assert data.source == f"{inner} (Parquet)"
    assert (data.train.images[20:] == pixels(20, 1)).all()
    (inner / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(DataError, match="plain_text lacks shard 0 of the train split's 2; get a complete copy"):
        load(str(inner.parent), SHAPE)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("train.parquet",), r"has no test\.parquet and no test-\*\.parquet"),
        (("train.parquet", "train-00000-of-00001.parquet", "test.parquet"), "holds the train split more than once"),
        (("train-00000-of-00001.parquet", "train-00000-of-00002.parquet", "test.parquet"), "more than once"),
        (("train-0.parquet", "train-2.parquet", "test.parquet"), "lacks shard 1 of the train split's 3"),
    ],
)
def test_files_that_do_not_make_a_data_set(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    for name in names:
        _write(tmp_path / name, 10)
    with pytest.raises(DataError, match=said):
        load(str(tmp_path), SHAPE)


def _bytes_with(row: int, data: bytes | None) -> list[bytes | None]:
    images: list[bytes | None] = [encode(image, "JPEG") for image in pixels(30)]
    images[row] = data
    return images


_JPEG = encode(pixels(1)[0], "JPEG")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [-1, *cycle(29).tolist()]}, "label has label -1 at row 0"),
        ({"labels": [10, *cycle(29).tolist()], "names": LABEL_NAMES}, "label 10 at row 0, and labels are 0 to 9"),
        ({"labels": [None, *cycle(29).tolist()]}, "has 1 rows without a label"),
        ({"labels": cycle(30) * 1.0}, "column label is double, and labels are integers"),
        ({"labels": cycle(30) // 2}, "no image of class 5, 6, 7, 8, 9 while the test split has"),
        ({"column": "picture"}, r"has columns picture, label, not img \(or image\) and label"),
        ({"images": _bytes_with(9, None)}, "row 9 has no image"),
        ({"images": _bytes_with(9, b"")}, "row 9 has no image"),
        ({"images": _bytes_with(9, b"\x89PNG no more")}, "row 9: its image is no picture of a kind"),
        (
            {"images": _bytes_with(9, _JPEG[: len(_JPEG) // 2])},
            "row 9: its image cannot be read: image file is truncated",
        ),
        ({"images": _bytes_with(29, encode(pixels(1)[0], "ICO"))}, "row 29: its image is no picture of a kind"),
        ({"names": ("airplane", "truck")}, "training split has label 2 at row 2, and labels are 0 to 1"),
        ({"names": (*LABEL_NAMES[:9], "ship")}, "calls two classes 'ship'"),
        (
            {"paths": ["truck/0.jpg"] * 30, "names": LABEL_NAMES},
            "row 0 is labelled airplane, but its path is 'truck/0.jpg': it is mislabelled",
        ),
    ],
)
def test_wrong_content(folder: Path, changes: dict[str, object], said: str) -> None:
    _write(folder / "train.parquet", 30, **changes)
    with pytest.raises(DataError, match=said):
        load(str(folder), SHAPE)


def test_paths_that_agree_or_say_nothing(folder: Path) -> None:
    paths = [f"{LABEL_NAMES[label]}/{label}.jpg" for label in cycle(29).tolist()] + ["somewhere/1.png"]
    _write(folder / "train.parquet", 30, paths=paths, names=LABEL_NAMES)
    assert load(str(folder), SHAPE).classes == LABEL_NAMES


def test_another_column_type(folder: Path) -> None:
    pq.write_table(pa.table({"img": [b"x"] * 10, "label": cycle(10)}), folder / "test.parquet")
    with pytest.raises(DataError, match=r"column img is binary, not struct<bytes, path>"):
        load(str(folder), SHAPE)


def test_shards_of_two_data_sets(folder: Path) -> None:
    _write(folder / "train.parquet", 30, names=LABEL_NAMES)
    _write(folder / "test.parquet", 10, names=LABEL_NAMES[::-1])
    with pytest.raises(DataError, match="has shards whose class names differ; keep the files of one data set"):
        load(str(folder), SHAPE)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated(folder: Path, share: float) -> None:
    path = folder / "train.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"train\.parquet cannot be read: .*; get a fresh copy"):
        load(str(folder), SHAPE)


def test_damaged_in_the_middle(folder: Path) -> None:
    path = folder / "train.parquet"
    content = bytearray(path.read_bytes())
    content[40:4000] = bytes(3960)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.parquet"):
        load(str(folder), SHAPE)
