"""Weights by the command line: shown, exported, trained from, and every fault one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_process import Result
from weight_files import random_arrays, write_keras_3, write_legacy

from archscope.cli import carried
from archscope.configs.stored import file_sha256
from archscope.design import build, parse_spec
from archscope.errors import RunError, TrainingError
from archscope.graph import verify
from archscope.interop import imagenet
from archscope.interop.source import read_source
from archscope.runs import read_run, write_run
from archscope.runs.plan import Plan

Archscope = Callable[..., Result]
REPORTS = Path(__file__).parents[2] / "reports"
SMALL = "mobilenet_v2@32,alpha=0.05"
PLAN = Plan(SMALL, "digits", {}, True, False, "archscope", "now", weights="w.weights.h5", weights_sha256="")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    trace = verify(build(parse_spec(SMALL)))
    return write_keras_3(tmp_path / "w.weights.h5", random_arrays(trace))


def test_the_report_of_weights_alone(archscope: Archscope, weights: Path) -> None:
    shown = archscope("weights", f"{SMALL}+cut:block_12_add+head:20", "--weights", weights.name, "--no-compute")
    assert (shown.code, shown.err) == (0, "")
    assert "head_conv   + new" in shown.out
    assert "no layer of that name there" in shown.out
    assert "· new 3 (" in shown.out
    assert "head_conv, head_bn, head_dense" in " ".join(shown.out.split())
    narrow = archscope("weights", f"{SMALL}+head:20", "-w", weights.name, "--no-compute", columns=60, NO_COLOR="1")
    assert "no layer of that name there" in narrow.out
    assert max(map(len, narrow.lines)) <= 60


def test_the_machine_formats_hold_every_layer(archscope: Archscope, weights: Path) -> None:
    words = ("weights", SMALL, "--weights", weights.name, "--no-compute", "--format")
    record = json.loads(archscope(*words, "json").out)
    layers = record["layers"]
    assert {layer["outcome"] for layer in layers} == {"exact"}
    assert sum(layer["params"] for layer in layers) == verify(build(parse_spec(SMALL))).params
    assert record["weights_sha256"] == file_sha256(weights)
    assert len(archscope(*words, "csv").lines) == len(layers) + 1
    assert archscope(*words, "md").lines[0] == "| layer | weights | params | how |"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("weights", SMALL), "--weights does not say whose; give a .keras or .weights.h5 file"),
        (("weights", SMALL, "-w", "absent.keras"), "no file absent.keras; give"),
        (("weights", SMALL, "-w", "own"), "mobilenet_v2 is no .keras file with weights of its own; name them"),
        (("weights", SMALL, "-w", "."), "there is no run at .;"),
        (("export", SMALL), f"{SMALL} is no run folder, and a network that was not trained has no weights to write"),
        (("train-eval", SMALL, "--freeze-prefix"), "--freeze-prefix keeps weights as they are"),
        (("train-eval", SMALL, "--weights", "text.h5"), "text.h5: its weights cannot be read"),
    ],
)
def test_each_fault_is_one_sentence(words: tuple[str, ...], said: str, archscope: Archscope, tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no weights")
    shown = archscope(*words, *(("--data", "digits") if words[0] == "train-eval" else ()))
    assert shown.code == 2
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert not (tmp_path / "reports").exists()


def test_other_weights_than_at_the_beginning_are_refused(weights: Path) -> None:
    design = parse_spec(SMALL)
    plan = replace(PLAN, weights=str(weights), weights_sha256=file_sha256(weights))
    source = carried.planned_weights(plan, design)
    assert source is not None
    assert source.sha256 == plan.weights_sha256
    with pytest.raises(TrainingError, match=r"w\.weights\.h5 holds other weights than when this run began"):
        carried.planned_weights(replace(plan, weights_sha256="5bb"), design)
    assert carried.planned_weights(replace(plan, weights=None), design) is None


@pytest.mark.parametrize("named", ["", "model.keras"], ids=["folder", "file"])
@pytest.mark.parametrize("seed", [0, 5])
def test_weights_of_a_run_have_seen_what_it_trained_on_however_they_are_named(
    named: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = read_run(REPORTS / "study-cut")
    recipe = run.recipe | {"seed": seed}
    plan = replace(PLAN, recipe=recipe, weights=str(REPORTS / "study-cut" / named), weights_sha256=run.model_sha256)
    source = carried.planned_weights(plan, parse_spec(run.network.spec))
    assert source is not None
    assert carried._saw_held_out(source, plan, run.data) is (seed != 0)
    assert ("! the run of the weights may have learnt from images" in capsys.readouterr().err) is (seed != 0)
    assert not carried._saw_held_out(replace(source, sha256="another"), plan, run.data)


def test_a_training_begins_with_weights_and_leaves_the_frozen_prefix_alone(
    archscope: Archscope, tmp_path: Path, weights: Path
) -> None:
    """All the way: from a file, by an export as `.keras`, to a run whose prefix holds the same bits."""
    made = archscope("export", SMALL, "--weights", weights.name, "--out", "begun.keras")
    assert (made.code, made.out.splitlines()[-1][:18]) == (0, "wrote begun.keras "), made.err
    assert "weights: w.weights.h5: exact" in made.err
    spec = "begun.keras@32+cut:block_3+head:8"
    knobs = ("--data", "digits", "--epochs", "1", "--train-images", "130", "--no-latency", "--ema", "0.9")
    done = archscope("train-eval", spec, "-w", "own", "--freeze-prefix", *knobs, "--no-test", "--out", "run")
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert "✓ up to" in said
    assert "the same activations as before on 4 random images" in said
    assert "frozen: " in said
    run = read_run(tmp_path / "run")
    record = run.weights
    assert record is not None
    assert (record.name, record.adapted, record.new) == ("begun.keras", (), ("head_conv", "head_bn", "head_dense"))
    assert record.frozen
    assert record.difference is not None
    assert "fine-tuned from begun.keras" in " ".join(done.out.split())
    before, after = read_source(tmp_path / "begun.keras"), read_source(tmp_path / "run" / "model.keras")
    for layer in record.frozen:
        pairs = zip(before.layers[layer], after.layers[layer], strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs), layer


def test_a_run_whose_file_holds_another_network_now_is_no_run_of_that(archscope: Archscope, tmp_path: Path) -> None:
    """A spec that names a file does not say what was in it, and the run's accuracy is that network's."""
    run = read_run(REPORTS / "study-cut")
    write_run(tmp_path / "run", replace(run, network=replace(run.network, digest="of another network")))
    for words in (("shapes", "run"), ("compare", "run", "mobilenet_v2"), ("train-eval", "run")):
        done = archscope(*words)
        assert done.code == 2
        assert "is another network than when run was trained; restore its file, or train it anew" in done.err
    write_run(tmp_path / "run", run)
    assert "572,066" in archscope("shapes", "run").out


def test_imagenet_from_keras_cache(archscope: Archscope, tmp_path: Path) -> None:
    """A file where Keras looks for its download; narrower than any that Keras has, by the next wider one."""
    trace = verify(build(parse_spec("mobilenet_v2@224,alpha=0.35,classes=1000")))
    arrays = random_arrays(trace)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224.h5"
    write_legacy(tmp_path / "home" / "models" / name, trace, arrays)
    places = {"KERAS_HOME": str(tmp_path / "home"), "ARCHSCOPE_CACHE": str(tmp_path / "cache")}
    words = ("weights", "mobilenet_v2@32,alpha=0.2", "--weights", "imagenet", "--no-compute", "--format", "json")
    shown = archscope(*words, **places)
    assert shown.code == 0, shown.err
    layers = {layer["layer"]: layer for layer in json.loads(shown.out)["layers"]}
    assert layers["predictions"]["how"] == "1,000 classes there, 10 here"
    assert layers["Conv1"]["how"] == "8 of 16 filters kept"
    (kept,) = (tmp_path / "cache").glob("MobileNetV2-*.keras")
    found = read_source(kept)
    assert found.layers.keys() == arrays.keys()
    assert all(np.array_equal(a, b) for key in arrays for a, b in zip(found.layers[key], arrays[key], strict=True))


URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/weights_1.0_224.h5"


def test_a_download_that_fails_says_which_file_goes_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(wanted: object, target: Path) -> None:
        raise imagenet.DesignError(
            f"Keras does not build keras:M: URL fetch failure on {URL}: None -- [Errno -3] no name"
        )

    monkeypatch.setattr(imagenet, "built_by_keras", refuse)
    monkeypatch.setenv("ARCHSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(RunError) as caught:
        imagenet.imagenet_file(parse_spec("mobilenet_v2"))
    file = tmp_path / "keras" / "models" / "weights_1.0_224.h5"
    assert str(caught.value) == (
        f"Keras cannot download the weights of MobileNetV2 ([Errno -3] no name); put {URL} at {file}, or try again"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("mobilenet_v1", "MobileNet"),
        ("mobilenet_v2", "MobileNetV2"),
        ("mobilenet_v3_small", "MobileNetV3Small"),
        ("efficientnet_b0", "EfficientNetB0"),
        ("keras:resnet50", "ResNet50"),
    ],
)
def test_which_network_of_keras_applications_a_model_is(model: str, name: str) -> None:
    assert imagenet.application_of(model) == name


def test_no_network_of_keras_applications() -> None:
    with pytest.raises(imagenet.DesignError, match=r"my\.keras is no network of keras\.applications.*--weights FILE"):
        imagenet.application_of("my.keras")
