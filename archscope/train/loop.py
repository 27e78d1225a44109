"""The training loop: a generator of events that leaves the best epoch's weights in the model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import TYPE_CHECKING

from archscope.errors import TrainingError
from archscope.runs import EpochRecord
from archscope.train.augment import augment
from archscope.train.checks import check_training
from archscope.train.evaluate import accuracy, cross_entropy
from archscope.train.events import EpochEnd, Event, Finished, Started, Step
from archscope.train.recipe import Recipe
from archscope.train.state import TrainingState, best_epoch, check_resume, checksum, restore, snapshot
from archscope.train.step import Predictor, TrainingStep

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    from archscope.train.checks import Split

EVENT_SECONDS = 0.25  # between two Step events
LOOK_STEPS = 32  # at the latest after so many steps a diverged loss is seen
TIMED_STEPS = 5


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras. Call it before the model is built: initial weights and dropout follow from it."""
    import keras

    keras.utils.set_random_seed(seed)


def train(
    model: keras.Model, train: Split, validation: Split, recipe: Recipe, resume: TrainingState | None = None
) -> Iterator[Event]:
    """Train `model` (raw pixels in, softmax out); yield Started, Steps and an EpochEnd for each epoch, and Finished.

    `train` and `validation` are (uint8 images (n, height, width, channels), labels (n,)). Every epoch reshuffles and
    drops the remainder of its last batch, so that all batches have one shape. With `resume`, a state that an
    EpochEnd of the same recipe and data carried, the run goes on as if it had not been interrupted.

    Raises TrainingError before the first step for what does not fit, and during the run when the loss is no longer
    a finite number.
    """
    check_training(model, train, validation, recipe)
    run = _Run(model, train, validation, recipe)
    if resume is not None:
        run.resume(resume)
    yield run.start()
    while len(run.history) < recipe.epochs and not run.stopped_early():
        yield from run.epoch()
    restore(model.variables, run.best)
    yield Finished(tuple(run.history), best_epoch(run.history), run.stopped_early())


class _Run:
    """One training: what stays the same, and what each epoch changes."""

    def __init__(self, model: keras.Model, train: Split, validation: Split, recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe
        self.images, self.labels = train[0], train[1].astype("int64")
        self.validation_images, self.validation_labels = validation[0], validation[1].astype("int64")
        self.steps = len(self.images) // recipe.batch_size
        self.data_checksum = checksum(self.images, self.labels, self.validation_images, self.validation_labels)
        self.history: list[EpochRecord] = []
        self.best = snapshot(model.variables)
        self.step = TrainingStep(model, recipe)
        self.predict = Predictor(model)

    def resume(self, state: TrainingState) -> None:
        """Continue behind the last epoch of `state`."""
        check_resume(state, self.recipe, self.data_checksum)
        restore(self.step.variables, state.variables)
        self.history, self.best = list(state.history), state.best

    def stopped_early(self) -> bool:
        """Whether patience ran out before the epochs did."""
        done, patience = len(self.history), self.recipe.patience
        return 0 < patience <= done - best_epoch(self.history) and done < self.recipe.epochs

    def start(self) -> Started:
        """Compile, and time a few steps and a validation batch; what they did to the variables is taken back."""
        before = snapshot(self.step.variables)
        next_epoch = len(self.history) + 1
        batch = self._batch(next_epoch, 0, self._order(next_epoch)[: self.recipe.batch_size])

        def one_step() -> None:
            self.step(*batch, learning_rate=0.0)
            self.step.totals()

        def one_prediction() -> None:
            self.predict(self.validation_images[:1])

        compile_seconds = _seconds(one_step) + _seconds(one_prediction)
        step_seconds = median(_seconds(one_step) for _ in range(TIMED_STEPS))
        predictions = self.predict.batches(len(self.validation_images))
        seconds_per_epoch = self.steps * step_seconds + predictions * _seconds(one_prediction)
        restore(self.step.variables, before)
        return Started(
            epochs=self.recipe.epochs,
            first_epoch=next_epoch,
            steps_per_epoch=self.steps,
            batch_size=self.recipe.batch_size,
            train_images=len(self.images),
            validation_images=len(self.validation_images),
            trainable_params=sum(math.prod(variable.shape) for variable in self.model.trainable_variables),
            compile_seconds=compile_seconds,
            seconds_per_epoch=seconds_per_epoch,
            seconds_left=seconds_per_epoch * (self.recipe.epochs - len(self.history)),
        )

    def epoch(self) -> Iterator[Event]:
        """Train one epoch, validate, and remember the best weights."""
        epoch = len(self.history) + 1
        started = time.perf_counter()
        yield from self._train(epoch)
        trained = time.perf_counter()
        totals = self.step.totals()
        probabilities = self.predict(self.validation_images)
        loss = cross_entropy(probabilities, self.validation_labels)
        if not math.isfinite(loss):
            raise self._diverged(epoch, self.steps)
        record = EpochRecord(
            epoch=epoch,
            learning_rate=self._learning_rate(epoch, self.steps - 1),
            train_loss=totals.loss / totals.images,
            train_accuracy=totals.correct / totals.images,
            validation_loss=loss,
            validation_accuracy=accuracy(probabilities, self.validation_labels),
            seconds=time.perf_counter() - started,
            images_per_second=totals.images / (trained - started),
        )
        self.history.append(record)
        improved = best_epoch(self.history) == epoch
        variables = snapshot(self.step.variables)
        if improved:
            self.best = variables[: len(self.model.variables)]
        state = TrainingState(variables, self.best, tuple(self.history), self.recipe, self.data_checksum)
        yield EpochEnd(record, improved, state, record.seconds * (self.recipe.epochs - epoch))

    def _train(self, epoch: int) -> Iterator[Step]:
        order = self._order(epoch)
        self.step.reset()
        started = told = time.perf_counter()
        for step in range(self.steps):
            chosen = order[step * self.recipe.batch_size : (step + 1) * self.recipe.batch_size]
            self.step(*self._batch(epoch, step, chosen), learning_rate=self._learning_rate(epoch, step))
            now = time.perf_counter()
            last = step + 1 == self.steps
            due = now - told >= EVENT_SECONDS
            if last or due or (step + 1) % LOOK_STEPS == 0:
                totals = self.step.totals()
                if totals.diverged_at is not None:
                    raise self._diverged(epoch, totals.diverged_at)
                if last or due:
                    told = now
                    rate = totals.images / (now - started)
                    left = self.steps * (self.recipe.epochs - epoch + 1) - (step + 1)
                    yield Step(
                        epoch=epoch,
                        step=step + 1,
                        loss=totals.loss / totals.images,
                        accuracy=totals.correct / totals.images,
                        images_per_second=rate,
                        seconds_left=left * self.recipe.batch_size / rate,
                    )

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        return self._rng(epoch, 0).permutation(len(self.images))

    def _batch(
        self, epoch: int, step: int, chosen: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        return augment(self.images[chosen], self.recipe, self._rng(epoch, step + 1)), self.labels[chosen]

    def _rng(self, epoch: int, stream: int) -> np.random.Generator:
        """Stream 0 shuffles the epoch, stream s + 1 augments its step s."""
        import numpy as np

        return np.random.default_rng([self.recipe.seed, epoch, stream])

    def _learning_rate(self, epoch: int, step: int) -> float:
        return self.recipe.learning_rate_at((epoch - 1) * self.steps + step, self.recipe.epochs * self.steps)

    def _diverged(self, epoch: int, step: int) -> TrainingError:
        rate = self._learning_rate(epoch, step - 1)
        return TrainingError(
            f"the loss is no longer a finite number at step {step} of epoch {epoch} (learning rate {rate:.3g})",
            f"lower --learning-rate ({self.recipe.learning_rate:g} now) by a factor of three to ten",
        )


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
