"""train-eval, evaluate, export, latency and demo through the real command line, on the digits."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

# Small enough to train in seconds, with every kind of layer that the real ones have.
SPEC = "mobilenet_v2@16,alpha=0.1+cut:block_2_add+head:16"
QUICK = ("--data", "digits", "--epochs", "2", "--batch-size", "128")


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "archscope.cli.main", *arguments]
    environment = {**os.environ, "COLUMNS": "100", "TF_NUM_INTRAOP_THREADS": "1", **environment}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run in the background ignores Ctrl-C, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def archscope(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    process = start(folder, *arguments, **environment)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a refusal: exit code 2, last line of stderr."""
    assert done.returncode == 2, done
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("archscope: ")
    return last


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("prove")
    done = archscope(folder, "train-eval", SPEC, *QUICK)
    assert done.returncode == 0, done.stderr
    (run,) = (folder / "reports").iterdir()
    return folder, run, done


def test_a_run_leaves_a_whole_folder_and_says_what_it_did(
    trained: tuple[Path, Path, subprocess.CompletedProcess[str]],
) -> None:
    _, run, done = trained
    assert {path.name for path in run.iterdir()} == {
        "run.json",
        "history.csv",
        "predictions.npz",
        "report.html",
        "README.md",
        "curves.png",
        "curves.svg",
        "confusion.png",
        "confusion.svg",
        "model.keras",
        "model.tflite",
    }
    record = json.loads((run / "run.json").read_text())
    assert record["network"]["spec"] == SPEC
    assert record["data"]["name"] == "scikit-learn digits"
    assert record["recipe"]["flip"] == "none"
    assert len(record["history"]) == 2
    assert record["times_tested"] == 1
    assert [entry["runtime"] for entry in record["latency"]] == ["litert", "tf.function", "predict"]
    assert f"accuracy {100 * record['test']['accuracy']:.2f}%" in done.stdout
    assert "test set of scikit-learn digits" in done.stdout
    assert "macro avg" in done.stdout
    # What comes before the first epoch: data source, epochs, an estimate.
    before = done.stderr[: done.stderr.index("epoch     rate")]
    assert all(word in before for word in ("data: scikit-learn digits", "2 epochs", "estimate: about"))
    # Only our own lines: nothing that TensorFlow prints.
    assert "oneDNN" not in done.stderr
    assert "cuda" not in done.stderr.lower()


def test_evaluate_reproduces_the_accuracy(trained: tuple[Path, Path, subprocess.CompletedProcess[str]]) -> None:
    folder, run, _ = trained
    done = archscope(folder, "evaluate", str(run))
    assert done.returncode == 0
    assert "✓ Reproduced" in done.stdout


def test_evaluate_refuses_another_model_file(
    trained: tuple[Path, Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    _, run, _ = trained
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "run.json").write_text((run / "run.json").read_text())
    (copy / "model.keras").write_bytes((run / "model.keras").read_bytes()[:-1])
    assert "is not the model that the run recorded" in refused(archscope(tmp_path, "evaluate", "copy"))
    (copy / "model.keras").unlink()
    assert "does not exist" in refused(archscope(tmp_path, "evaluate", "copy"))


def test_export_writes_both_formats_and_asks_before_overwriting(
    trained: tuple[Path, Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    _, run, _ = trained
    for form, suffix in (("keras", ".keras"), ("litert", ".tflite")):
        done = archscope(tmp_path, "export", str(run), "--format", form)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / f"{run.name}{suffix}").stat().st_size > 10_000
    assert "exists already" in refused(archscope(tmp_path, "export", str(run), "--format", "keras"))
    assert archscope(tmp_path, "export", str(run), "--format", "keras", "--yes").returncode == 0


def test_distilled_on_another_backend(trained: tuple[Path, Path, subprocess.CompletedProcess[str]]) -> None:
    """JAX where it is installed: trains from a teacher, exports to LiteRT, and says whom it learnt from."""
    folder, teacher, _ = trained
    backend = "jax" if find_spec("jax") else "tensorflow"
    words = (*QUICK, "--epochs", "1", "--train-images", "256", "--no-latency", "--out", "student")
    settings = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    done = archscope(folder, "train-eval", SPEC, *words, "--teacher", str(teacher), **settings)
    assert done.returncode == 0, done.stderr
    record, known = (json.loads((run / "run.json").read_text()) for run in (folder / "student", teacher))
    assert record["versions"].get("keras backend", "tensorflow") == backend
    assert record["recipe"]["distill"] == 0.9
    assert record["teacher"]["accuracy"] == known["test"]["accuracy"]
    assert (record["teacher"]["digest"], record["teacher"]["model_sha256"]) == (
        known["network"]["digest"],
        known["model_sha256"],
    )
    said = f"(distilled from {teacher.name}, {100 * known['test']['accuracy']:.1f}%)"
    pages = [(folder / "student" / name).read_text() for name in ("report.html", "README.md")]
    for text in (" ".join(done.stdout.split()), pages[0], pages[1].replace("\\", "")):
        assert said in text
    assert (folder / "student" / "model.tflite").stat().st_size > 10_000


def test_a_teacher_that_does_not_fit_is_refused(
    trained: tuple[Path, Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    _, run, _ = trained
    for words, sentence in (
        (("--input", "24"), f"the teacher {run} takes 16x16x3 images and the network 24x24x3"),
        (("--teacher", "nowhere"), "there is no run at nowhere"),
    ):
        done = archscope(tmp_path, "train-eval", SPEC, *QUICK, "--teacher", str(run), *words)
        assert sentence in refused(done)
    model = tmp_path / "teacher" / "model.keras"
    shutil.copytree(run, model.parent)
    model.write_bytes(b"another")
    assert "is not the model that the run recorded" in refused(
        archscope(tmp_path, "train-eval", SPEC, *QUICK, "--teacher", "teacher")
    )
    assert not (tmp_path / "reports").exists() or not any((tmp_path / "reports").iterdir())


def test_a_second_run_of_the_design_counts_the_tests(
    trained: tuple[Path, Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, run, _ = trained
    arguments = ("train-eval", SPEC, *QUICK, "--no-latency", "--seed", "1")
    done = archscope(folder, *arguments, "--no-test")
    assert "The training left the test set alone." in done.stdout
    assert "on the validation set of" in done.stdout
    (left_alone,) = (path for path in (folder / "reports").iterdir() if path.name.endswith("-2"))
    done = archscope(folder, "evaluate", str(left_alone))
    assert done.returncode == 2
    assert "left the test set alone" in done.stderr
    answers = (left_alone / "predictions.npz").read_bytes()
    (left_alone / "predictions.npz").unlink()
    done = archscope(folder, "evaluate", str(left_alone), "--test", "--predictions")
    assert "--predictions are the answers that its own figure counts; leave --test or" in refused(done)
    assert json.loads((left_alone / "run.json").read_text())["tested_since"] == 0
    done = archscope(folder, "evaluate", str(left_alone), "--predictions")
    assert done.returncode == 0, done.stderr
    assert "✓ Reproduced: " in done.stdout
    assert "287 validation images" in done.stderr
    assert (left_alone / "predictions.npz").read_bytes() == answers
    for name in ("a", "b", "c"):
        for number in range(5):
            (folder / "imgs" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (40 * number,) * 3).save(folder / "imgs" / name / f"{number}.png")
    done = archscope(folder, "evaluate", str(left_alone), "--test", "--data", "imgs")
    assert "the network tells 10 classes apart, and imgs has 3; name data of its own classes" in refused(done)
    done = archscope(folder, "evaluate", str(left_alone), "--test")
    assert done.returncode == 0, done.stderr
    assert "it has been scored there once since, which its run.json counts" in done.stderr
    assert json.loads((left_alone / "run.json").read_text())["tested_since"] == 1
    done = archscope(folder, *arguments)
    assert "tested 3 times" in done.stdout
    names = {path.name for path in (folder / "reports").iterdir()}
    assert names == {run.name, f"{run.name}-2", f"{run.name}-3"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--data", "nowhere"), "nowhere"),
        (("--data", "digits", "--lr", "0"), "learning rate is 0.0 and must be a number above 0"),
        (("--data", "digits", "--lr", "nan"), "learning rate is nan"),
        (("--data", "digits", "--lr", "1e30"), "learning rate is 1e+30 and must be a number above 0 and at most 10"),
        (("--data", "digits", "--weight-decay", "1e30"), "by a factor of three to ten, or --weight-decay (1e+30 now)"),
        (("--data", "digits", "--epochs", "0"), "epochs is 0"),
        (("--data", "digits", "--batch-size", "5000"), "do not fill a batch of 5,000"),
        (("--data", "digits", "--optimizer", "lion"), "'lion'"),
        (("--data", "digits", "--out", "/proc/nowhere/run"), "cannot write"),
        (("--resume", "nothing"), "--resume takes nothing beside it, and got mobilenet_v2@16"),
    ],
)
def test_wrong_inputs_are_one_sentence_and_leave_nothing(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    assert sentence in refused(archscope(tmp_path, "train-eval", SPEC, *arguments))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_resume_says_what_there_is_to_resume(
    tmp_path: Path, trained: tuple[Path, Path, subprocess.CompletedProcess[str]]
) -> None:
    done = archscope(tmp_path, "train-eval", "--resume", "nothing")
    assert "nothing.partial does not exist; there is no interrupted run in reports/" in refused(done)
    _, run, _ = trained
    assert "is a finished run; see " in refused(archscope(tmp_path, "train-eval", "--resume", str(run)))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    assert "damaged/run.json is not JSON" in refused(archscope(tmp_path, "train-eval", "--resume", "damaged"))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (f"{SPEC}+head:none", "has no head"),
        ("mobilenet_v2@16,alpha=0.1,classes=7+cut:block_2_add", "tells 7 classes apart"),
        ("mobilenet_v2@16x16x2,alpha=0.1", "channels"),
    ],
)
def test_a_network_that_does_not_suit_the_data_is_refused(spec: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in refused(archscope(tmp_path, "train-eval", spec, "--data", "digits"))


def test_without_cifar10_it_says_what_was_tried_and_stops(tmp_path: Path) -> None:
    # No data, no cache, and a proxy that refuses: as on a machine without a network.
    nowhere = {"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    sentence = refused(archscope(tmp_path, "train-eval", SPEC, ARCHSCOPE_CIFAR10="", **nowhere))
    assert "--data digits" in sentence
    assert "--data PATH" in sentence


def test_latency_of_an_untrained_network_as_json(tmp_path: Path) -> None:
    done = archscope(tmp_path, "latency", SPEC, "--runs", "20", "--format", "json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["latency"][0]["threads"] == 1
    assert all(entry["median_ms"] > 0 for entry in record["latency"])


def test_the_demo_ends_with_its_report(tmp_path: Path) -> None:
    done = archscope(tmp_path, "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "archscope-demo" / "digits" / "report.html").is_file()
    assert "archscope-demo/digits/report.html" in done.stdout.splitlines()[-1]
    assert not (tmp_path / "archscope.toml").exists()
