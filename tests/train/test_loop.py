from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from archscope.errors import TrainingError
from archscope.runs import EpochRecord
from archscope.train import Checkpoint, EpochEnd, Finished, Recipe, Started, StepEnd, TrainingState, train
from archscope.train.state import decode_state, encode_state

RECIPE = Recipe(epochs=4, batch_size=32, label_smoothing=0.1, cutout=4, flip="alternating", mixup=0.2, ema=0.9)
Build = Callable[..., Any]


def figures(history: tuple[EpochRecord, ...]) -> list[EpochRecord]:
    """The history without its clock."""
    return [replace(record, seconds=0.0, images_per_second=0.0) for record in history]


@pytest.fixture(scope="module")
def whole(tiny_model: Build, splits: Any) -> tuple[list[Any], list[np.ndarray]]:
    """The events and final weights of one uninterrupted run that hands out every state there is."""
    model = tiny_model()
    return list(train(model, *splits, RECIPE, due=lambda: True)), model.get_weights()


@pytest.fixture(scope="module")
def states(whole: Any) -> dict[tuple[int, int], TrainingState]:
    """Every state of that run, by (epochs done, steps done behind them)."""
    return {(e.state.epoch, e.state.step): e.state for e in whole[0] if isinstance(e, Checkpoint)}


def test_events_come_in_order(whole: Any) -> None:
    events, _ = whole
    started, finished = events[0], events[-1]
    assert isinstance(started, Started)
    assert (started.steps_per_epoch, started.first_epoch, started.epochs) == (12, 1, 4)
    assert started.trainable_params == 3 * 3 * 3 * 8 + 16 + 9 * 8 + 8 + 8 * 4 + 4
    assert started.seconds_left == pytest.approx(4 * started.seconds_per_epoch)
    assert isinstance(finished, Finished)
    ends = [event.record for event in events if isinstance(event, EpochEnd)]
    assert tuple(ends) == finished.history
    assert [record.epoch for record in ends] == [1, 2, 3, 4]
    assert [event.epoch for event in events if isinstance(event, StepEnd) and event.step == 12] == [1, 2, 3, 4]


def test_it_learns_and_ends_with_the_best_epochs_weights(whole: Any, tiny_model: Build, splits: Any) -> None:
    events, weights = whole
    finished = events[-1]
    accuracies = [record.validation_accuracy for record in finished.history]
    assert max(accuracies) > 0.7
    assert finished.best_epoch == accuracies.index(max(accuracies)) + 1
    model = tiny_model(seed=9)
    model.set_weights(weights)
    images, labels = splits[1]
    answers = model.predict(images.astype("float32"), verbose=0).argmax(axis=1)
    assert (answers == labels).mean() == max(accuracies)


def test_the_same_seed_gives_the_same_run(whole: Any, tiny_model: Build, splits: Any) -> None:
    events, weights = whole
    model = tiny_model()
    again = list(train(model, *splits, RECIPE))
    assert figures(again[-1].history) == figures(events[-1].history)
    assert all((a == b).all() for a, b in zip(model.get_weights(), weights, strict=True))


def test_a_state_is_to_be_had_behind_every_step_and_validation_and_epoch(states: Any) -> None:
    assert sorted(states) == [*[(epoch, step) for epoch in range(4) for step in range(13)][1:], (4, 0)]


@pytest.mark.parametrize("place", [(0, 1), (1, 0), (1, 7), (2, 12), (3, 11)])
def test_a_resumed_run_equals_the_uninterrupted_one(
    place: tuple[int, int], whole: Any, states: Any, tiny_model: Build, splits: Any
) -> None:
    events, weights = whole
    model = tiny_model(seed=5)  # other weights and other dropout: all of it must come from the state
    state = decode_state(encode_state(states[place]), "state")
    resumed = list(train(model, *splits, RECIPE, resume=state))
    assert (resumed[0].first_epoch, resumed[0].first_step) == (place[0] + 1, place[1])
    assert figures(resumed[-1].history) == figures(events[-1].history)
    assert all((a == b).all() for a, b in zip(model.get_weights(), weights, strict=True))


def test_a_run_resumed_again_and_again_equals_it_too(whole: Any, tiny_model: Build, splits: Any) -> None:
    """From state to state the same as in one go."""
    events, weights = whole
    state, last, parts = None, None, 0
    while not isinstance(last, Finished):
        model, asked = tiny_model(seed=parts), count()
        for last in train(model, *splits, RECIPE, resume=state, due=lambda asked=asked: next(asked) == 17):
            if isinstance(last, Checkpoint):
                state, parts = last.state, parts + 1
                break
    assert parts == 3
    assert figures(last.history) == figures(events[-1].history)
    assert all((a == b).all() for a, b in zip(model.get_weights(), weights, strict=True))


def test_the_clock_of_an_epoch_goes_on_over_an_interruption(states: Any, tiny_model: Build, splits: Any) -> None:
    state = replace(states[2, 6], seconds=1000.0)
    finished = list(train(tiny_model(), *splits, RECIPE, resume=state))[-1]
    third, fourth = finished.history[2:]
    assert 1000 < third.seconds < 1100
    assert third.images_per_second == pytest.approx(12 * 32 / 1000, rel=0.1)
    assert fourth.seconds < 100


def test_a_finished_run_resumes_to_its_end(whole: Any, states: Any, tiny_model: Build, splits: Any) -> None:
    events, weights = whole
    model = tiny_model(seed=5)
    started, finished = train(model, *splits, RECIPE, resume=states[4, 0])
    assert started.seconds_left == 0
    assert finished == events[-1]
    assert all((a == b).all() for a, b in zip(model.get_weights(), weights, strict=True))


def test_batch_norms_take_the_recipes_momentum(tiny_model: Build, splits: Any) -> None:
    import keras

    inner = tiny_model()
    outer = keras.Sequential([keras.Input((16, 16, 3)), inner])
    next(train(outer, *splits, replace(RECIPE, bn_momentum=0.8)))
    momenta = [layer.momentum for layer in inner.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert momenta == [0.8]


def test_timing_before_the_start_changes_no_weight(tiny_model: Build, splits: Any) -> None:
    model = tiny_model()
    before = [variable.numpy() for variable in model.variables]
    next(train(model, *splits, RECIPE))
    assert all((a.numpy() == b).all() for a, b in zip(model.variables, before, strict=True))


def test_images_that_grow_are_trained_on_resumed_and_estimated(tiny_model: Build, splits: Any) -> None:
    recipe = replace(RECIPE, start_size=0.5)
    model = tiny_model()
    events = list(train(model, *splits, recipe, due=lambda: True))
    started, finished = events[0], events[-1]
    assert max(record.validation_accuracy for record in finished.history) > 0.6
    side = splits[0][0].shape[1]
    work = [(recipe.side_at(epoch, side) / side) ** 2 for epoch in range(1, 5)]
    assert work[0] < work[1] <= work[2] < work[3] == 1
    assert started.seconds_left < 4 * started.seconds_per_epoch
    ends = [event for event in events if isinstance(event, EpochEnd)]
    assert [end.last for end in ends] == [False, False, False, True]
    # Training grows with the images, and each validation takes what one takes.
    first = ends[0].record
    training = len(splits[0][0]) // recipe.batch_size * recipe.batch_size / first.images_per_second
    expected = training * sum(work[1:]) / work[0] + (first.seconds - training) * 3
    assert ends[0].seconds_left == pytest.approx(expected, rel=1e-6)
    middle = next(e.state for e in events if isinstance(e, Checkpoint) and (e.state.epoch, e.state.step) == (2, 5))
    again = tiny_model(seed=4)
    resumed = list(train(again, *splits, recipe, resume=middle))
    assert figures(resumed[-1].history) == figures(finished.history)
    assert all((a == b).all() for a, b in zip(again.get_weights(), model.get_weights(), strict=True))


def test_images_that_grow_and_a_teacher_do_not_go_together(tiny_model: Build, splits: Any) -> None:
    recipe = replace(RECIPE, start_size=0.5, distill=0.5)
    with pytest.raises(TrainingError, match=r"start size is 0\.5 and there is a teacher"):
        next(train(tiny_model(), *splits, recipe, teacher=tiny_model()))


def test_patience_stops(tiny_model: Build, splits: Any) -> None:
    model = tiny_model()
    recipe = replace(RECIPE, learning_rate=1e-12, patience=2, epochs=9)
    # Nothing is learned at this rate and the moving statistics are frozen with it, so the first epoch stays the best.
    for layer in model.layers:
        layer.trainable = layer.name.startswith("dense")
    *events, finished = train(model, *splits, recipe)
    assert (finished.stopped_early, len(finished.history), finished.best_epoch) == (True, 3, 1)
    assert [event.last for event in events if isinstance(event, EpochEnd)] == [False, False, True]


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
def test_weight_decay_shrinks_kernels_alone(optimizer: str, tiny_model: Build, splits: Any) -> None:
    """With gradients of zero, k steps at rate r leave a kernel at (1 - r * decay)^k of itself."""
    model = tiny_model()
    (images, labels), validation = splits
    model.layers[-1].kernel.assign(np.zeros((8, 4)))  # a classifier of zeros passes no gradient to what is below
    recipe = Recipe(
        optimizer=optimizer, learning_rate=0.01, weight_decay=0.5, warmup=0.0, schedule="constant", epochs=1,
        batch_size=400, crop=0.0, flip="none",
    )  # fmt: skip
    before = {variable.path: variable.numpy() for variable in model.trainable_variables}
    list(train(model, (images, labels), validation, recipe))
    for variable in model.trainable_variables[:-2]:
        factor = 1 - 0.01 * 0.5 if "kernel" in variable.path else 1.0
        np.testing.assert_allclose(variable.numpy(), before[variable.path] * factor, rtol=1e-6)


def test_the_loss_keeps_its_gradient_where_the_softmax_saturates(tiny_model: Build, splits: Any) -> None:
    """At logits 400 apart every probability is 0 or 1: from clipped probabilities no image would be learned."""
    model = tiny_model()
    bias = model.layers[-1].bias
    bias.assign([400.0, 0.0, 0.0, 0.0])
    recipe = Recipe(learning_rate=1.0, momentum=0.0, weight_decay=0.0, warmup=0.0, epochs=1, batch_size=400)
    events = list(train(model, *splits, recipe))
    wrong = (splits[0][1] != 0).mean()
    assert bias.numpy()[0] == pytest.approx(400 - wrong, abs=1e-3)
    assert events[-1].history[0].train_loss == pytest.approx(400 * wrong, rel=0.02)


def test_a_diverged_loss_names_step_rate_and_remedy(tiny_model: Build, splits: Any) -> None:
    # A decay that multiplies every kernel by -1e30 in each step: no loss survives two of them.
    recipe = replace(RECIPE, learning_rate=1.0, weight_decay=1e30, warmup=0.0, schedule="constant")
    with pytest.raises(TrainingError, match=r"at step [23] of epoch 1 \(learning rate 1\); lower --learning-rate"):
        list(train(tiny_model(), *splits, recipe))


def test_what_is_kept_is_the_moving_average_by_its_definition(states: Any, tiny_model: Build) -> None:
    variables = tiny_model().variables
    floats = [i for i, variable in enumerate(variables) if variable.dtype == "float32"]
    average = [variables[i].numpy() for i in floats]
    for taken in range(1, 13):
        decay = min(0.9, (1 + taken) / (10 + taken))
        weights = [states[0, taken].variables[i] for i in floats]
        average = [a * decay + w * (1 - decay) for a, w in zip(average, weights, strict=True)]
    for kept, expected in zip((states[1, 0].best[i] for i in floats), average, strict=True):
        np.testing.assert_allclose(kept, expected, rtol=1e-4, atol=1e-6)


def test_a_state_of_another_recipe_network_or_data_is_refused(states: Any, tiny_model: Build, splits: Any) -> None:
    state: TrainingState = states[1, 0]
    with pytest.raises(TrainingError, match=r"has learning rate 0\.1 and this one 0\.2; resume with the same recipe"):
        next(train(tiny_model(), *splits, replace(RECIPE, learning_rate=0.2), resume=state))
    (images, labels), validation = splits
    with pytest.raises(TrainingError, match="other images or labels"):
        next(train(tiny_model(), (images, np.roll(labels, 1)), validation, RECIPE, resume=state))
    wider = replace(state, variables=state.variables[:-1])
    with pytest.raises(TrainingError, match="of another network"):
        next(train(tiny_model(), *splits, RECIPE, resume=wider))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda x, y: (x[:10], y[:10]), "10 training images do not fill a batch of 32; set --batch-size 10 or less"),
        (lambda x, y: (x, np.where(y == 2, 1, y)), "the training labels have no image of class 2"),
        (lambda x, y: (x, y + 1), "the training labels go from 1 to 4 and the network tells 4 classes apart"),
        (lambda x, y: (x, y[:-1]), r"has 400 images and labels of shape \(399,\); give one label per image"),
        (lambda x, y: (x[:0], y[:0]), "has 0 images"),
        (lambda x, y: (x[..., :1], y), "the training images have 1 channels and the network takes 3"),
        (lambda x, y: (x[:, :8], y), "the training images are 8x16 pixels and the network takes 16x16"),
        (lambda x, y: (x / 255, y), "the training images are float64 of shape .*; give raw pixels from 0 to 255"),
    ],
)
def test_what_does_not_fit_is_one_sentence_before_the_first_step(
    damage: Callable[..., Any], sentence: str, tiny_model: Build, splits: Any
) -> None:
    with pytest.raises(TrainingError, match=sentence):
        next(train(tiny_model(), damage(*splits[0]), splits[1], RECIPE))


def test_a_network_without_trainable_weights_is_refused(tiny_model: Build, splits: Any) -> None:
    model = tiny_model()
    model.trainable = False
    with pytest.raises(TrainingError, match="no trainable weights"):
        next(train(model, *splits, RECIPE))
