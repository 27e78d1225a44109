"""Distillation: the loss by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from archscope.errors import TrainingError
from archscope.train import Recipe, train
from archscope.train.forward import giving_logits, loss_of

RECIPE = Recipe(batch_size=32, epochs=2, distill=0.75, temperature=4.0)
Build = Callable[..., Any]


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_the_loss_is_hintons() -> None:
    rng = np.random.default_rng(0)
    logits, taught = (rng.normal(0, 3, (8, 5)) for _ in range(2))
    targets = softmax(rng.normal(size=(8, 5)))
    hard = -(targets * np.log(softmax(logits))).sum(axis=-1).mean()
    soft = -(softmax(taught / 4) * np.log(softmax(logits / 4))).sum(axis=-1).mean()
    given = [array.astype(np.float32) for array in (logits, targets, taught)]
    assert float(loss_of(RECIPE, *given)) == pytest.approx(0.25 * hard + 0.75 * 16 * soft, rel=1e-5)
    assert float(loss_of(RECIPE, *given[:2])) == pytest.approx(hard, rel=1e-5)


def test_logits_come_from_in_front_of_the_softmax_and_the_model_stays_as_it_was(tiny_model: Build) -> None:
    import keras

    model = tiny_model()
    images = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)
    outer = keras.Sequential([keras.Input((16, 16, 3)), model])
    for network in (model, outer):
        with giving_logits(network) as logits_of:
            logits = np.asarray(logits_of(network(images)))
        probabilities = np.asarray(network(images))
        assert np.abs(logits.sum(axis=-1)).min() > 1e-3
        np.testing.assert_allclose(softmax(logits), probabilities, rtol=1e-5)


def test_a_network_without_a_softmax_at_its_end_has_the_logarithms_of_its_answers(tiny_model: Build) -> None:
    import keras

    model = tiny_model()
    halved = keras.layers.Average()([model.output, model.output])
    other = keras.Model(model.input, halved)
    images = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)
    with giving_logits(other) as logits_of:
        logits = np.asarray(logits_of(other(images)))
    np.testing.assert_allclose(np.exp(logits), np.asarray(model(images)), rtol=1e-5)


def test_a_network_learns_from_a_teacher_alone(tiny_model: Build, splits: Any) -> None:
    """With labels that say nothing, all that is known comes from the teacher."""
    (images, labels), validation = splits
    teacher = tiny_model()
    plain = Recipe(batch_size=32, epochs=4, crop=0.0)
    list(train(teacher, *splits, plain))
    weights = teacher.get_weights()
    shuffled = np.random.default_rng(0).permutation(labels)
    student = tiny_model(seed=1)
    finished = list(train(student, (images, shuffled), validation, replace(plain, distill=1.0), teacher=teacher))[-1]
    assert max(record.validation_accuracy for record in finished.history) > 0.6
    assert all((a == b).all() for a, b in zip(teacher.get_weights(), weights, strict=True))


@pytest.mark.parametrize(
    ("distill", "teacher", "sentence"),
    [
        (0.5, None, "distill is 0.5 and there is no teacher; name one with --teacher"),
        (0.0, {}, "there is a teacher and distill is 0; set --distill above 0"),
        (0.5, {"classes": 3}, "the teacher gives 3 and the network 4; choose a teacher of the same"),
        (0.5, {"channels": 1}, "the teacher takes 16x16x1 and the network 16x16x3; choose"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(
    distill: float, teacher: Any, sentence: str, tiny_model: Build, splits: Any
) -> None:
    model, taught_by = tiny_model(), None if teacher is None else tiny_model(**teacher)
    with pytest.raises(TrainingError, match=sentence):
        next(train(model, *splits, replace(RECIPE, distill=distill), teacher=taught_by))
