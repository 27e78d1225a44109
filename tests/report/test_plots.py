"""Pictures: valid files, the same bytes for the same run, and the record's figures in them."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from archscope.errors import OutputError
from archscope.report import plots
from archscope.report.figure import rendered, settings
from archscope.report.plots import curve_svg, write_confusion, write_curves
from archscope.runs.record import ClassScore, Run, Scores


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [
        text for node in root.iter() if node.tag.endswith(("text", "tspan")) and (text := (node.text or "").strip())
    ]


def confusion_texts(scores: Scores, dataset: str) -> list[str]:
    with settings(salt="test", fonttype="none"):
        return texts(rendered(plots._confusion_figure(scores, dataset), "svg").decode())


def test_files_are_valid_pictures(run: Run, tmp_path: Path) -> None:
    assert run.test is not None
    written = write_curves(run, tmp_path / "new") + write_confusion(run.test, run.data.name, tmp_path / "new")
    assert [path.name for path in written] == ["curves.png", "curves.svg", "confusion.png", "confusion.svg"]
    assert sorted(written) == sorted((tmp_path / "new").iterdir())
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
                assert image.format == "PNG"
                assert image.width >= 1200  # sharp at the 830 points of a README on a dense screen
                assert not image.info.get("Software")
        else:
            assert ElementTree.fromstring(path.read_text()).tag == "{http://www.w3.org/2000/svg}svg"
            assert "<dc:date>" not in path.read_text()


def test_same_run_same_bytes_whatever_the_users_settings(run: Run, tmp_path: Path) -> None:
    assert run.test is not None
    first = write_curves(run, tmp_path / "a") + write_confusion(run.test, run.data.name, tmp_path / "a")
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "svg.hashsalt": "x", "axes.facecolor": "pink"}):
        second = write_curves(run, tmp_path / "b") + write_confusion(run.test, run.data.name, tmp_path / "b")
        assert matplotlib.rcParams["font.size"] == 20  # and they are the user's again
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    changed = write_curves(replace(run, best_epoch=3), tmp_path / "c")
    assert changed[1].read_bytes() != first[1].read_bytes()


def test_curves_carry_the_figures_of_the_record(run: Run) -> None:
    last, best = run.history[-1], run.history[run.best_epoch - 1]
    accuracy = texts(curve_svg(run, "accuracy"))
    assert f"best: epoch {best.epoch}, {100 * best.validation_accuracy:.1f}%" in accuracy
    for name, value in (("train", last.train_accuracy), ("validation", last.validation_accuracy)):
        assert name in accuracy
        assert f"{100 * value:.1f}%" in accuracy
    loss = texts(curve_svg(run, "loss"))
    assert f"best: epoch {best.epoch}, {best.validation_loss:.3f}" in loss
    assert f"{last.train_loss:.3f}" in loss


def test_two_panels_share_no_id(run: Run) -> None:
    ids = [set(re.findall(r'<clipPath id="([^"]+)"', curve_svg(run, quantity))) for quantity in ("accuracy", "loss")]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_histories(run: Run, tmp_path: Path, epochs: int) -> None:
    short = replace(run, history=run.history[:epochs], best_epoch=1)
    assert len(write_curves(short, tmp_path)) == 2
    assert "best: epoch 1" in " ".join(texts(curve_svg(short, "loss")))


def test_no_history_no_picture(run: Run, tmp_path: Path) -> None:
    assert write_curves(replace(run, history=()), tmp_path / "x") == ()
    assert not (tmp_path / "x").exists()


def test_confusion_prints_shares_and_counts() -> None:
    # Rows: 3 of 4 right (75%), then 1 of 8 right (12.5% -> 12) and 7 wrong (87.5% -> 88).
    scores = Scores(
        "validation",
        12,
        4 / 12,
        0.1,
        0.6,
        1.0,
        (ClassScore("a$1$", 0, 0, 0, 4), ClassScore("<b>", 0, 0, 0, 8)),
        ((3, 1), (7, 1)),
    )
    said = confusion_texts(scores, "Digits & Co")
    assert {"75", "25", "12", "88", "a$1$", "<b>"} <= set(said)
    assert {"3", "7"} <= set(said)
    assert "Validation accuracy 33.3%  (95% interval 10.0–60.0%)" in said
    assert "Digits & Co, 12 images; in % of the true class" in said


def test_a_class_without_images_and_many_classes(tmp_path: Path) -> None:
    names = tuple(ClassScore(f"猫 {i}", 0, 0, 0, i) for i in range(30))
    confusion = tuple(tuple(i if i == j else 0 for j in range(30)) for i in range(30))
    scores = Scores("test", 435, 1.0, 0.99, 1.0, 0.0, names, confusion)
    assert len(write_confusion(scores, "x", tmp_path)) == 2
    assert "100" not in confusion_texts(scores, "x")  # too many classes for figures in the cells


def test_an_unwritable_folder_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_curves(run, tmp_path / "file")


def test_pyplot_and_displays_stay_untouched(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, "tests/report")
from archscope.report import page, plots, readme
assert "matplotlib" not in sys.modules and "numpy" not in sys.modules
import conftest
scores = conftest.make_scores("test", conftest.CONFUSION, conftest.NAMES)
from pathlib import Path
plots.write_confusion(scores, "x", Path(sys.argv[1]))
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_no_accuracy_is_above_one(run: Run) -> None:
    full = tuple(replace(record, train_accuracy=1.0) for record in run.history)
    ticks = [
        float(text[:-1])
        for text in texts(curve_svg(replace(run, history=full), "accuracy"))
        if re.fullmatch(r"\d+%", text)
    ]
    assert max(ticks) == 100
