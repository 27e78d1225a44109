"""The Python interface: what it gives, what it refuses, how it looks, and what it does not load."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest

import archscope
from archscope.design import Cut, build, parse_spec
from archscope.errors import DesignError
from archscope.graph import HEAD, GlobalAveragePooling2D, Graph, Node, digest

STUDY = "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"


def test_the_study_in_three_calls() -> None:
    net = archscope.build("mobilenet_v2", input=32, alpha=0.9).cut("block_12_add", head=1000)
    assert net.spec == STUDY
    assert (net.params, net.macs, net.final_map, net.classes) == (572_066, 4_296_592, (2, 2, 88), 10)
    assert net.digest == digest(build(parse_spec(STUDY)))
    wider = net.stride("Conv1", to=1)
    assert (wider.params, wider.final_map) == (572_066, (4, 4, 88))
    assert net.spec == STUDY  # nothing changes in place


@pytest.mark.parametrize("size", [48, "48", "48x48", (48, 48), (48, 48, 3)])
def test_an_input_has_several_spellings(size: int | str | tuple[int, ...]) -> None:
    assert archscope.build(input=size).spec == "mobilenet_v2@48"


def test_networks_are_values() -> None:
    assert archscope.build("mobilenet_v2") == archscope.build("mobilenet_v2@32")
    assert len({archscope.build("mobilenet_v2"), archscope.build("mobilenet_v2@32"), archscope.build(input=48)}) == 2


def test_every_edit_can_be_spelled_or_given_as_a_value() -> None:
    net = archscope.build(STUDY)
    spelled = net.edit("stride:Conv1,to=1", "upsample:2", "head:plain")
    assert spelled.digest == net.stride("Conv1", 1).upsample(2).head().digest
    assert archscope.build(alpha=0.9).edit(Cut("block_12")).spec == "mobilenet_v2@32,alpha=0.9+cut:block_12_add"
    assert net.head("none").trace.output == (2, 2, 88)


def test_a_file_of_a_design_is_built(tmp_path: Path) -> None:
    path = tmp_path / "archscope.toml"
    path.write_text('[design]\nmodel = "mobilenet_v2"\nalpha = 0.9\nedits = ["cut:block_12_add", "head:1000"]\n')
    assert archscope.build(path).params == 572_066


def test_diagnosis_and_its_remedies() -> None:
    net = archscope.build("mobilenet_v2")
    found = net.diagnose()
    assert not found.healthy
    assert "block_13_depthwise (2x2 -> 1x1)" in found.sentences[0]
    assert str(found).splitlines()[0] == found.sentences[0]
    repaired = net.apply(found, 1)
    assert repaired.spec == "mobilenet_v2@32+cut:block_12_add"
    assert repaired.params == found.remedies[0].after.params
    for number in (0, -1, len(found.remedies) + 1):
        with pytest.raises(IndexError, match=f"there is no remedy {number}; the remedies are 1 to"):
            net.apply(found, number)


def test_a_healthy_network_has_nothing_found_and_says_so() -> None:
    net = archscope.build("mobilenet_v1@224")
    healthy = net.diagnose()
    assert (healthy.healthy, healthy.findings, healthy.remedies) == (True, (), ())
    (clean,) = healthy.sentences
    assert str(healthy).splitlines()[0] == clean
    assert "COLLAPSE" not in str(healthy)
    assert repr(healthy) == "<Diagnosis of mobilenet_v1@224: 0 findings, 0 remedies>"
    with pytest.raises(IndexError, match="there is no remedy 1"):
        net.apply(healthy, 1)


def live(graph: Graph, told: int | None = None) -> archscope.Network:
    """A network as `from_keras` makes it, without Keras: a graph and no design."""
    return archscope.Network(graph, "mine", told=told)


def test_a_live_network_remembers_how_many_classes_it_told_apart() -> None:
    net = live(build(parse_spec("mobilenet_v2@32")))
    bare = net.head("none")
    assert (net.classes, bare.classes, bare.trace.output) == (10, 10, (1, 1, 1280))
    assert bare.head("plain").trace.output == (10,)
    for cut in (net.cut("block_5", head="none"), bare.cut("block_5"), bare.stride("Conv1", 1).cut("block_5")):
        assert cut.trace.output[2] == 32
        assert (cut.classes, cut.head(48).trace.output) == (10, (10,))
    assert net.head(5).cut("block_3").head("none").head("plain").trace.output == (10,)


def test_a_live_body_is_asked_for_the_classes_of_its_head() -> None:
    body = archscope.build("mobilenet_v2@32").head("none").graph
    net = live(body)
    assert net.classes is None
    assert not net.diagnose().healthy
    assert net.cut("block_5").stride("Conv1", 1).head("none").trace.output == (8, 8, 32)
    for units in ("plain", 32):
        with pytest.raises(archscope.ArchscopeError, match="mine has no classifier, so nobody knows how many classes"):
            net.edit(f"head:{units}")
    told = live(body, told=7)
    assert told.cut("block_5", head=32).trace.output == (7,)
    # Bare features are no classes.
    pooled = live(body.extended([Node("pool", GlobalAveragePooling2D(), (body.output.name,), HEAD, HEAD)]))
    assert pooled.classes is None
    with pytest.raises(archscope.ArchscopeError, match=r"from_keras\(model, classes=10\) says it"):
        pooled.cut("block_5")


@pytest.mark.parametrize("name", ["my net+1.keras", "a,b=c@64.keras", "%41.keras"])
def test_a_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    config = [
        {"class_name": "InputLayer", "config": {"name": "image", "batch_shape": [None, 9, 8, 3]}},
        {"class_name": "Conv2D", "config": {"name": "conv", "filters": 4, "kernel_size": 3, "padding": "valid"}},
    ]
    with zipfile.ZipFile(path, "w") as archive:
        whole = {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": config}}
        archive.writestr("config.json", json.dumps(whole))
        archive.writestr("model.weights.h5", b"")
    net = archscope.build(path)
    assert net.trace.output == (7, 6, 4)
    assert archscope.build(net.spec).digest == net.digest
    assert archscope.build(path, input=16, classes=3).head("plain").trace.output == (3,)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: archscope.build("mobilenet_v9"), "no model 'mobilenet_v9'"),
        (lambda: archscope.build(alpha=-1.0), "alpha=-1.0: alpha is a number above 0"),
        (lambda: archscope.build(beta=1.0), "mobilenet_v2 has no argument 'beta'"),
        (lambda: archscope.build(input=0), "input=0x0x3: height, width and channels are 1 to"),
        (lambda: archscope.build(input=(32,) * 4), "input=32x32x32x32"),
        (lambda: archscope.build().edit("cut"), "'cut' lacks its argument"),
        (lambda: archscope.build().cut("block_99"), "no layer 'block_99'"),
        (lambda: archscope.build("nowhere.toml"), "nowhere.toml"),
        (lambda: archscope.build("nowhere.keras"), "nowhere.keras"),
        (lambda: archscope.build(Path("no where+1.keras")), "no file no where+1.keras"),
    ],
)
def test_what_is_wrong_is_one_sentence(call: object, sentence: str) -> None:
    assert callable(call)
    with pytest.raises(archscope.ArchscopeError, match=re.escape(sentence)):
        call()


def test_text_and_table() -> None:
    net = archscope.build("mobilenet_v2")
    assert repr(net) == (
        "<Network mobilenet_v2@32: 2,270,794 params, 6.12M MACs, final map 1x1, collapse at block_13_depthwise>"
    )
    assert "✗ COLLAPSE block_13_depthwise 2x2 -> 1x1" in str(net)
    frame = net.to_pandas()
    assert len(frame) == len(net.graph.nodes)
    assert frame["params"].sum() == net.params
    assert list(net.to_pandas("stage")["name"])[:2] == ["input", "stem"]
    with pytest.raises(DesignError, match="a row stands for a layer or a block or a stage, not for by='foo'"):
        net.to_pandas(cast(Any, "foo"))


# Keras reads a variable with np.array(copy=False), which TensorFlow's variables do not implement.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_a_live_model_keeps_what_it_has_learnt() -> None:
    keras = pytest.importorskip("keras")
    import numpy as np

    layers = keras.layers
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="conv")(image)
    x = layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, layers.Dense(5, activation="softmax", name="classes")(x), name="mine")
    net = archscope.from_keras(model)
    assert (net.title, net.design, net.classes, net.params) == ("mine", None, 5, model.count_params())
    with pytest.raises(archscope.ArchscopeError, match="mine came from a live model and has no spec"):
        net.spec  # noqa: B018
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    with pytest.raises(archscope.ArchscopeError, match="classes=0: classes is a whole number from 1"):
        archscope.from_keras(model, classes=0)
    assert archscope.from_keras(model, classes=3).head("plain").trace.output == (3,)
    assert np.abs(net.lower().predict(pictures, verbose=0) - model.predict(pictures, verbose=0)).max() < 1e-6
    shorter = net.stride("conv", to=1).cut("conv").lower()
    for ours, theirs in zip(
        shorter.get_layer("conv").get_weights(), model.get_layer("conv").get_weights(), strict=True
    ):
        assert (ours == theirs).all()
    assert shorter.output_shape == (None, 5)
    with pytest.raises(archscope.ArchscopeError, match="a live model has no design to find ImageNet's weights by"):
        net.lower(weights="imagenet")


class _Tags(HTMLParser):
    """Holds the open tags against the closed ones."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_cards_are_whole_fragments_that_escape_their_texts() -> None:
    net = archscope.build("mobilenet_v2")
    strange = archscope.Network(net.graph, "<script>alert(1)</script>&")
    for card in (net._repr_html_(), net.diagnose()._repr_html_(), strange._repr_html_()):
        tags = _Tags()
        tags.feed(card)
        assert not tags.open
        assert not tags.seen & {"script", "img", "link", "iframe"}
        assert "http" not in card
    assert "COLLAPSE block_13_depthwise 2x2 -&gt; 1x1" in net._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in strange._repr_html_()


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = """
import sys
import archscope
assert not [name for name in sys.modules if name.startswith("archscope.")], "archscope loads its rooms at once"
assert {"build", "from_keras", "Network"} <= set(dir(archscope))
net = archscope.build("mobilenet_v2").cut("block_12_add", head=1000)
net.diagnose(), repr(net), str(net), net._repr_html_()
print(*sorted({"keras", "tensorflow", "jax", "torch", "numpy", "pandas", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'archscope' has no attribute 'nothing'"):
        archscope.nothing  # noqa: B018
