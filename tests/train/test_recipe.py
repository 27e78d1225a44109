from __future__ import annotations

import math
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.errors import ArchscopeError, TrainingError
from archscope.train import FLIPS, OPTIMIZER_DEFAULTS, OPTIMIZERS, PRESETS, Recipe, load_preset


def test_the_default_is_the_default_optimizers_choice() -> None:
    assert Recipe() == Recipe.choose() == Recipe.choose(optimizer="sgd")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_choose_takes_the_optimizers_defaults_and_what_is_given(optimizer: str) -> None:
    recipe = Recipe.choose(optimizer=optimizer, momentum=0.5, learning_rate=None)
    assert recipe.learning_rate == OPTIMIZER_DEFAULTS[optimizer]["learning_rate"]
    assert recipe.momentum == 0.5


@given(
    st.builds(
        Recipe,
        optimizer=st.sampled_from(OPTIMIZERS),
        learning_rate=st.floats(1e-9, 10),
        flip=st.sampled_from(FLIPS),
        warmup=st.floats(0, 0.99),
        patience=st.integers(0, 99),
        seed=st.integers(0, 2**32 - 1),
    )
)
def test_a_recipe_survives_its_dict(recipe: Recipe) -> None:
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("knob", "value", "sentence"),
    [
        ("optimizer", "adam", "must be one of sgd, rmsprop, adamw"),
        ("learning_rate", 0.0, "must be a number above 0"),
        ("learning_rate", math.nan, "learning rate is nan and must be"),
        ("learning_rate", math.inf, "must be a number above 0"),
        ("learning_rate", "0.1", "must be a number above 0"),
        ("momentum", 1.0, r"must be in \[0, 1\)"),
        ("weight_decay", -1e-4, "must be a number of at least 0"),
        ("batch_size", 0, "batch size is 0 and must be a whole number of at least 1; set --batch-size"),
        ("batch_size", True, "must be a whole number"),
        ("epochs", 0, "must be a whole number of at least 1"),
        ("epochs", 1.5, "must be a whole number of at least 1"),
        ("warmup", 1.0, "must be a fraction"),
        ("schedule", "step", "must be one of cosine, constant"),
        ("label_smoothing", 1.0, "must be in"),
        ("flip", "both", "must be one of none, random, alternating"),
        ("ema", 1.0, "must be in"),
        ("crop", 0.6, "must be a fraction from 0 to 0.5"),
        ("rotation", 181, "must be an angle from 0 to 180"),
        ("sharpness", 1.5, "must be from 0 to 1"),
        ("jitter", -0.1, "must be from 0 to 1"),
        ("mixup", 0.6, "must be from 0 to 0.5"),
        ("cutout", -1, "must be a side in pixels"),
        ("start_size", 0.0, "must be a share above 0 and up to 1"),
        ("start_size", 1.1, "must be a share above 0 and up to 1"),
        ("bn_momentum", 1.0, "must be in"),
        ("bn_groups", 0, "must be a whole number of at least 1"),
        ("bn_groups", 3, "batches of 128 cannot be split into 3 equal groups"),
        ("patience", -1, "must be a whole number of epochs"),
        ("validation_fraction", 0.0, "must be in"),
        ("seed", 2**32, "must be a whole number from 0"),
    ],
)
def test_a_value_outside_its_rule_is_one_sentence(knob: str, value: object, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        Recipe.choose(**{knob: value})


def test_an_unknown_knob_is_told_its_nearest() -> None:
    with pytest.raises(TrainingError, match="did you mean 'learning_rate'"):
        Recipe.from_dict({"learning_rat": 0.1})


def test_the_cosine_schedule_by_hand() -> None:
    recipe = Recipe(learning_rate=0.8, warmup=0.2)
    rates = [recipe.learning_rate_at(step, 10) for step in range(10)]
    assert rates[:3] == [0.4, 0.8, 0.8]
    assert rates[6] == pytest.approx(0.4)
    assert rates[9] == pytest.approx(0.4 * (1 + math.cos(math.pi * 7 / 8)))
    assert all(later < earlier for earlier, later in pairwise(rates[2:]))


def test_images_grow_in_steps_of_four_over_three_quarters_of_the_epochs() -> None:
    recipe = Recipe(epochs=8, start_size=0.5)
    # 0.5 + 0.5 * (epoch - 1) / 6 of 32 pixels, to the nearest 4; of 10 and of 3 pixels, never more than there are.
    assert [recipe.side_at(epoch, 32) for epoch in range(1, 9)] == [16, 20, 20, 24, 28, 28, 32, 32]
    assert [recipe.side_at(epoch, 10) for epoch in (1, 6, 7)] == [4, 8, 10]
    assert recipe.side_at(1, 3) == 3
    assert {Recipe(epochs=8).side_at(epoch, 33) for epoch in range(1, 9)} == {33}


def test_the_constant_schedule_stays() -> None:
    recipe = Recipe(learning_rate=0.3, warmup=0.0, schedule="constant")
    assert {recipe.learning_rate_at(step, 7) for step in range(7)} == {0.3}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_recipe_and_reads_the_same_from_a_copy(name: str, tmp_path: Path) -> None:
    knobs = load_preset(name)
    assert Recipe.choose(**knobs).epochs == knobs["epochs"]
    text = files("archscope.train").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")  # it says what it is for
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert load_preset(str(tmp_path / "mine.toml")) == knobs


@pytest.mark.parametrize("line", ['epochs = "three"', "learning_rate = nan"])
def test_a_wrong_value_names_its_file(line: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f"[recipe]\n{line}\n")
    with pytest.raises(TrainingError, match=r"mine\.toml: (epochs|learning rate) is .*; correct it there"):
        load_preset(str(tmp_path / "mine.toml"))


def test_what_two_knobs_must_be_to_each_other_options_may_bring_about(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[recipe]\nbn_groups = 3\n")
    knobs = load_preset(str(tmp_path / "mine.toml"))
    assert Recipe.choose(**knobs, batch_size=96).bn_groups == 3
    with pytest.raises(TrainingError, match=r"batches of 128 cannot be split into 3 equal groups; set --bn-groups to"):
        Recipe.choose(**knobs)


def test_the_study_preset_is_the_studys_setting() -> None:
    study = Recipe.choose(**load_preset("study"))
    assert (study.optimizer, study.learning_rate, study.momentum, study.weight_decay) == ("rmsprop", 5e-4, 0.9, 0)
    assert (study.crop, study.flip, study.validation_fraction, study.bn_momentum) == (0, "none", 0.2, 0.999)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("stron", None, "there is no recipe 'stron'; did you mean 'strong'"),
        ("none.toml", None, "there is no recipe"),
        ("mine.toml", "epochs = 3", r"has no table \[recipe\]"),
        ("mine.toml", "[recipe]\nepoch = 3", "there is no knob 'epoch'; did you mean 'epochs'"),
        ("mine.toml", "[recipe", "is not TOML"),
        ("mine.toml", "recipe = 3", "is not a table"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_sentence(name: str, text: str | None, sentence: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
        name = str(tmp_path / name)
    with pytest.raises(ArchscopeError, match=sentence):
        load_preset(name)
