"""The training loop: a generator of events that leaves the best epoch's weights in the model."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

from archscope.errors import DivergedError
from archscope.runs import EpochRecord
from archscope.train.ahead import ahead
from archscope.train.augment import Augmenter
from archscope.train.checks import check_training
from archscope.train.evaluate import accuracy, cross_entropy
from archscope.train.events import Checkpoint, EpochEnd, Event, Finished, Started, StepEnd
from archscope.train.recipe import Recipe
from archscope.train.state import TrainingState, best_epoch, check_resume, checksum, restore, snapshot
from archscope.train.step import PREDICT_BATCH, Predictor, training_step

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    from archscope.train.checks import Split

    Floats = npt.NDArray[np.float32]

EVENT_SECONDS = 0.25  # between two StepEnd events
LOOK_STEPS = 32  # at the latest after so many steps a diverged loss is seen
TIMED_STEPS = 5
VALIDATED_AT_ONCE = 4 * PREDICT_BATCH  # images between two looks at whether a state is wanted


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras. Call it before the model is built: initial weights and dropout follow from it."""
    import keras
    import numpy as np

    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    else:
        # The same, less the import of TensorFlow. Keras' own seeds are drawn from Python's numbers.
        random.seed(seed)
        np.random.seed(seed)


def never() -> bool:
    """Asks for no state."""
    return False


def train(
    model: keras.Model,
    train: Split,
    validation: Split,
    recipe: Recipe,
    resume: TrainingState | None = None,
    due: Callable[[], bool] = never,
    teacher: keras.Model | None = None,
) -> Iterator[Event]:
    """Train `model` (raw pixels in, softmax out); yield Started, Steps and an EpochEnd for each epoch, and Finished.

    `train` and `validation` are (uint8 images (n, height, width, channels), labels (n,)). Every epoch reshuffles and
    drops the remainder of its last batch, so that all batches have one shape.

    Behind every step, every part of a validation and every epoch `due` is asked whether a Checkpoint with the state is
    wanted. With `resume`, such a state of the same recipe and data, the run goes on as if it had not been interrupted.

    `teacher` takes and gives what the model does, and stands in the recipe's `distill` for a share of the labels.

    Raises TrainingError before the first step for what does not fit, and during the run when the loss is no longer
    a finite number.
    """
    check_training(model, train, validation, recipe, teacher)
    run = _Run(model, train, validation, recipe, due, teacher)
    if resume is not None:
        run.resume(resume)
    yield run.start()
    while not run.is_done():
        yield from run.epoch()
    restore(model.variables, run.best)
    yield Finished(tuple(run.history), best_epoch(run.history), run.stopped_early())


class _Run:
    """One training: what stays the same, and what each epoch changes."""

    def __init__(
        self,
        model: keras.Model,
        train: Split,
        validation: Split,
        recipe: Recipe,
        due: Callable[[], bool],
        teacher: keras.Model | None,
    ) -> None:
        self.model, self.recipe, self.due = model, recipe, due
        self.images, labels = train[0], train[1].astype("int64")
        self.validation_images, self.validation_labels = validation[0], validation[1].astype("int64")
        self.steps = len(self.images) // recipe.batch_size
        self.data_checksum = checksum(self.images, labels, self.validation_images, self.validation_labels)
        self.history: list[EpochRecord] = []
        # What was done of the epoch to come before this process had it.
        self.steps_done, self.seconds_done = 0, 0.0
        self.validation_seconds = 0.0  # what one takes
        self.best = snapshot(model.variables)
        self.augment = Augmenter(self.images, labels, model.output_shape[-1], recipe)
        self.step = training_step(model, recipe, self.augment, teacher)
        self.predict = Predictor(model)

    def resume(self, state: TrainingState) -> None:
        """Continue behind the last step of `state`."""
        check_resume(state, self.recipe, self.data_checksum)
        restore(self.step.variables, state.variables)
        self.history, self.best = list(state.history), state.best
        self.steps_done, self.seconds_done = state.step, state.seconds

    def stopped_early(self) -> bool:
        """Whether patience ran out before the epochs did."""
        done, patience = len(self.history), self.recipe.patience
        return 0 < patience <= done - best_epoch(self.history) and done < self.recipe.epochs

    def is_done(self) -> bool:
        """Whether no epoch is to follow."""
        return len(self.history) >= self.recipe.epochs or self.stopped_early()

    def start(self) -> Started:
        """Compile, and time a few steps and a validation batch; what they did to the variables is taken back."""
        before = snapshot(self.step.variables)
        next_epoch = len(self.history) + 1
        batch = self._batch(next_epoch, 0, self.augment.order(next_epoch)[: self.recipe.batch_size])

        def one_step() -> None:
            self.step(batch, learning_rate=0.0)
            self.step.totals()

        def one_prediction() -> None:
            self.predict(self.validation_images[:1])

        compile_seconds = _seconds(one_step)
        step_seconds = median(_seconds(one_step) for _ in range(TIMED_STEPS))
        with self.step.averaged():
            compile_seconds += _seconds(one_prediction)
            prediction_seconds = _seconds(one_prediction)
        self.validation_seconds = self.predict.batches(len(self.validation_images)) * prediction_seconds
        full_step = step_seconds / self._work(next_epoch)
        seconds_per_epoch = self.steps * full_step + self.validation_seconds
        epochs = self.recipe.epochs - len(self.history)
        left = self.steps * self._work_after(next_epoch - 1) - self.steps_done * self._work(next_epoch)
        restore(self.step.variables, before)
        return Started(
            epochs=self.recipe.epochs,
            first_epoch=next_epoch,
            first_step=self.steps_done,
            steps_per_epoch=self.steps,
            batch_size=self.recipe.batch_size,
            train_images=len(self.images),
            validation_images=len(self.validation_images),
            trainable_params=sum(math.prod(variable.shape) for variable in self.model.trainable_variables),
            compile_seconds=compile_seconds,
            seconds_per_epoch=seconds_per_epoch,
            seconds_left=left * full_step + epochs * self.validation_seconds,
        )

    def epoch(self) -> Iterator[Event]:
        """Train what is left of one epoch, validate, and remember the best weights."""
        epoch = len(self.history) + 1
        started = time.perf_counter() - self.seconds_done
        yield from self._train(epoch, started)
        training_seconds = time.perf_counter() - started
        totals = self.step.totals()
        state = self._state(self.steps, training_seconds)
        with self.step.averaged():
            probabilities = yield from self._validate(state)
            scored = snapshot(self.model.variables)
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
            images_per_second=totals.images / training_seconds,
        )
        self.history.append(record)
        self.steps_done, self.seconds_done = 0, 0.0
        improved = best_epoch(self.history) == epoch
        if improved:
            self.best = scored
        # Only the training has growing images; a validation takes what it takes.
        training = training_seconds * self._work_after(epoch) / self._work(epoch)
        validations = (record.seconds - training_seconds) * (self.recipe.epochs - epoch)
        yield EpochEnd(record, improved, training + validations, self.is_done())
        if self.due():
            yield Checkpoint(replace(state, best=self.best, history=tuple(self.history), step=0, seconds=0.0))

    def _train(self, epoch: int, started: float) -> Iterator[Event]:
        order, first = self.augment.order(epoch), self.steps_done
        if not first:
            self.step.reset()
        begun = told = time.perf_counter()
        size = self.recipe.batch_size
        steps = range(first, self.steps)
        batches = ahead(lambda step: self._batch(epoch, step, order[step * size : (step + 1) * size]), steps)
        for step, batch in zip(steps, batches, strict=True):
            self.step(batch, learning_rate=self._learning_rate(epoch, step))
            now = time.perf_counter()
            last, wanted = step + 1 == self.steps, self.due()
            tell = last or now - told >= EVENT_SECONDS
            # What is absurd shows at once, and what creeps in need not be found at its very step.
            if tell or wanted or (step + 1) % LOOK_STEPS == 0 or (epoch == 1 and step < LOOK_STEPS):
                totals = self.step.totals()
                if totals.diverged_at is not None:
                    raise self._diverged(epoch, totals.diverged_at)
                if tell:
                    told = now
                    rate = (step + 1 - first) * self.recipe.batch_size / (now - begun)
                    left = self.steps * self._work_after(epoch) / self._work(epoch) + self.steps - (step + 1)
                    validations = (self.recipe.epochs - epoch + 1) * self.validation_seconds
                    yield StepEnd(
                        epoch=epoch,
                        step=step + 1,
                        loss=totals.loss / totals.images,
                        accuracy=totals.correct / totals.images,
                        images_per_second=rate,
                        seconds_left=left * self.recipe.batch_size / rate + validations,
                    )
                if wanted:
                    yield Checkpoint(self._state(step + 1, now - started))

    def _validate(self, state: TrainingState) -> Generator[Checkpoint, None, Floats]:
        """The probabilities of the validation images; `state` is that of all of it, which changes nothing."""
        import numpy as np

        parts = []
        for start in range(0, len(self.validation_images), VALIDATED_AT_ONCE):
            parts.append(self.predict(self.validation_images[start : start + VALIDATED_AT_ONCE]))
            if self.due():
                yield Checkpoint(state)
        return np.concatenate(parts)

    def _state(self, step: int, seconds: float) -> TrainingState:
        import keras

        variables = snapshot(self.step.variables)
        known = (self.best, tuple(self.history), self.recipe, self.data_checksum)
        return TrainingState(variables, *known, step, seconds, keras.backend.backend())

    def _batch(self, epoch: int, step: int, chosen: npt.NDArray[np.int64]) -> Any:
        progress = ((epoch - 1) * self.steps + step) / (self.recipe.epochs * self.steps)
        return self.step.prepare(chosen, self.augment.draw(chosen, epoch, step, progress))

    def _work(self, epoch: int) -> float:
        """What a step of `epoch` costs, as a share of one at full size: about its share of the pixels."""
        height, width = self.images.shape[1:3]
        share: float = self.recipe.side_at(epoch, height) * self.recipe.side_at(epoch, width) / (height * width)
        return share

    def _work_after(self, epoch: int) -> float:
        """What the epochs after `epoch` cost, in epochs at full size."""
        return sum(self._work(later) for later in range(epoch + 1, self.recipe.epochs + 1))

    def _learning_rate(self, epoch: int, step: int) -> float:
        return self.recipe.learning_rate_at((epoch - 1) * self.steps + step, self.recipe.epochs * self.steps)

    def _diverged(self, epoch: int, step: int) -> DivergedError:
        rate, decay = self._learning_rate(epoch, step - 1), self.recipe.weight_decay
        return DivergedError(
            f"the loss is no longer a finite number at step {step} of epoch {epoch} (learning rate {rate:.3g})",
            f"lower --learning-rate ({self.recipe.learning_rate:g} now) by a factor of three to ten"
            + (f", or --weight-decay ({decay:g} now)" if decay * self.recipe.learning_rate >= 1 else ""),
        )


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
