"""A folder of images by class through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_prove import archscope, refused

SPEC = "mobilenet_v2@16,alpha=0.1,classes=3+cut:block_2_add+head:16"


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of twelve pictures, of several sizes and kinds, and no split."""
    folder = tmp_path_factory.mktemp("images") / "flowers"
    random = np.random.default_rng(0)
    for name, suffix in (("rose", "jpg"), ("aster", "png"), ("iris", "bmp")):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (20 + number, 40, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.{suffix}")
    (folder / "notes.txt").write_text("x")
    return folder


def test_a_folder_of_images_trains_and_is_evaluated_again(flowers: Path, tmp_path: Path) -> None:
    quick = ("--epochs", "1", "--lr", "0.01", "--batch-size", "8", "--no-latency", "--out", "run")
    done = archscope(tmp_path, "train-eval", SPEC, "--data", str(flowers), *quick)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert (record["name"], record["classes"]) == ("flowers", ["aster", "iris", "rose"])
    assert record["slug"] == f"flowers-{record['sha256'][:8]}"
    assert record["source"] == (
        f"{flowers} (folder of images; no test split: a stratified fifth is held out as one; 1 other file passed over)"
    )
    assert record["test_images"] == 6
    assert "flowers" in done.stdout
    again = archscope(tmp_path, "evaluate", "run")  # where they were
    assert again.returncode == 0, again.stdout + again.stderr
    moved = flowers.rename(flowers.with_name("moved"))
    unnamed = refused(archscope(tmp_path, "evaluate", "run"))
    moved.rename(flowers)
    assert "the run is of flowers, found then at " in unnamed
    assert unnamed.endswith("; name it with --data PATH")


def test_another_class_count_and_a_damaged_picture_are_refused(flowers: Path, tmp_path: Path) -> None:
    done = archscope(
        tmp_path, "train-eval", SPEC.replace("classes=3", "classes=10"), "--data", str(flowers), "--epochs", "1"
    )
    assert "the network tells 10 classes apart, and flowers has 3; put ,classes=3 behind the model" in refused(done)
    damaged = tmp_path / "damaged"
    for name in ("a", "b", "c"):
        (damaged / name).mkdir(parents=True)
        for picture in (flowers / "rose").iterdir():
            (damaged / name / picture.name).write_bytes(picture.read_bytes())
    (damaged / "b" / "3.jpg").write_bytes((damaged / "b" / "3.jpg").read_bytes()[:600])
    done = archscope(tmp_path, "train-eval", SPEC, "--data", str(damaged), "--epochs", "1")
    assert f"{damaged / 'b' / '3.jpg'} cannot be read: " in refused(done)
    assert not list(tmp_path.glob("reports/*"))
