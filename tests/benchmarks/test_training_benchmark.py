from __future__ import annotations

import numpy as np
import pytest
import trainer_side
from baselines.rounds import BATCH, images_and_labels, network
from training import NETWORKS, OURS, SIDES, VARIANTS, Measured, table

from archscope.graph import trace, verify
from archscope.interop.lower import lower
from archscope.train import seed_everything

MB = 2**20


ODD = "mobilenet_v2@33x40,alpha=0.35,classes=7+cut:block_7_add+stride:block_3_depthwise,to=1"


@pytest.mark.parametrize("spec", [*NETWORKS.values(), ODD])
def test_the_torch_twin_is_the_same_network(spec: str) -> None:
    torch = pytest.importorskip("torch")
    from baselines.torch_twin import Twin

    seed_everything(3)
    graph = network(spec)
    model, twin = lower(graph), Twin(graph).eval()
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (8, *verify(graph).input)).astype("float32")
    # Scales and offsets of their own for every channel, and the statistics that these images have.
    model.set_weights([w if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    model(pixels, training=True)
    twin.load({layer.name: layer.get_weights() for layer in model.layers if layer.count_params()})
    traced = verify(graph)
    assert sum(weight.numel() for weight in twin.parameters()) == traced.trainable_params
    running = [value for name, value in twin.named_buffers() if "running" in name]
    assert sum(value.numel() for value in running) == traced.non_trainable_params
    wanted = model.predict(pixels, verbose=0)
    maps = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    with torch.no_grad():
        for layout in (torch.contiguous_format, torch.channels_last):
            answers = twin.to(memory_format=layout)(maps.contiguous(memory_format=layout)).softmax(1).numpy()
            assert np.abs(answers - wanted).max() <= 1e-5 * wanted.max()
    assert np.ptp(wanted, axis=0).max() > 0.01, "the images must be told apart"


@pytest.mark.parametrize("spec", NETWORKS.values())
def test_both_networks_have_the_study_s_parameters(spec: str) -> None:
    assert trace(network(spec)).params == 572_066


def test_every_side_decays_the_same_weights() -> None:
    pytest.importorskip("torch")
    from baselines.keras_fit import compiled
    from baselines.pytorch import optimizer_of
    from baselines.torch_twin import Twin

    spec = NETWORKS["the study's cut network"]
    model, twin = compiled(spec), Twin(network(spec))
    kernels = sum(np.prod(weight.shape) for weight in model.trainable_variables if len(weight.shape) > 1)
    decayed = [weight for weight in model.trainable_variables if model.optimizer._use_weight_decay(weight)]
    assert sum(np.prod(weight.shape) for weight in decayed) == kernels
    first, second = optimizer_of(twin).param_groups
    assert sum(weight.numel() for weight in first["params"]) == kernels
    assert (first["weight_decay"], second["weight_decay"]) == (pytest.approx(5e-4), 0)


def test_the_images_fill_their_batches_and_have_every_class() -> None:
    images, labels = images_and_labels(2)
    assert images.shape == (2 * BATCH, 32, 32, 3)
    assert set(labels) == set(range(10))


def test_the_bare_recipe_leaves_out_what_all_of_it_has() -> None:
    bare, everything = (trainer_side.recipe_of(name, 3).to_dict() for name in ("none", "all"))
    knobs = ("crop", "flip", "cutout", "rotation", "sharpness", "jitter", "mixup")
    assert [bare[knob] for knob in knobs] == [0, "none", 0, 0, 0, 0, 0]
    assert all(bare[knob] != everything[knob] for knob in knobs)
    assert {knob: value for knob, value in bare.items() if knob not in knobs} == {
        knob: value for knob, value in everything.items() if knob not in knobs
    }


def test_ratios_are_taken_round_by_round() -> None:
    ours, slow = Measured((100.0, 300.0, 200.0), 64 * MB), Measured((50.0, 100.0, 160.0), 1500 * MB)
    assert ours.over(slow) == "**2.00x** (1.25..3.00)"
    # The ratio of the medians, 200 over 200, would be 1.
    assert ours.over(Measured((200.0, 150.0, 400.0), 0)) == "**0.50x** (0.50..2.00)"
    assert ours.rate == 200


def test_a_side_that_is_not_there_says_so() -> None:
    one = Measured((100.0,), 64 * MB)
    names = [name for name in (*SIDES, *VARIANTS) if "PyTorch" not in name]
    lines = table(dict.fromkeys(names, one))
    assert sum("PyTorch is not installed" in line for line in lines) == 2
    assert f"| {OURS} | 100 |  | 64 |" in lines


def test_every_side_names_a_variant_that_exists() -> None:
    ours = [words for words in (SIDES | VARIANTS).values() if words[0] == "trainer_side"]
    assert [words[-1] for words in ours] == list(trainer_side.VARIANTS)
