"""What must hold before the first step: the arrays fit the network and the recipe, and each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope.errors import TrainingError
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    Split = tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]


def check_training(
    model: keras.Model, train: Split, validation: Split, recipe: Recipe, teacher: keras.Model | None = None
) -> None:
    """Raise TrainingError, in one sentence, for what could not be trained."""
    import numpy as np

    check_split(model, *train, "training")
    check_split(model, *validation, "validation")
    images, labels = len(train[0]), train[1]
    if images < recipe.batch_size:
        raise TrainingError(
            f"{images:,} training {'image does' if images == 1 else 'images do'} not fill a batch of "
            f"{recipe.batch_size:,}",
            f"set --batch-size {images}" + (" or less" if images > 1 else ", or take more images"),
        )
    classes = model.output_shape[-1]
    missing = np.setdiff1d(np.arange(classes), labels)
    if missing.size:
        raise TrainingError(
            f"the network tells {classes} classes apart and the training labels have no image of class {missing[0]}",
            "set the class count to the data's, or add images of that class",
        )
    side = min(train[0].shape[1:3])
    if recipe.cutout >= side:
        raise TrainingError(
            f"cutout is {recipe.cutout} and the images are {_by(train[0].shape[1:3])} pixels: it could hide all of one",
            f"set --cutout below {side}",
        )
    check_taught(recipe, teacher is not None)
    if teacher is not None:
        _check_teacher(model, teacher)
    if not model.trainable_variables:
        raise TrainingError("the network has no trainable weights", "make at least one layer trainable")


def check_split(model: keras.Model, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], name: str) -> None:
    """Raise TrainingError unless the split is uint8 images of the network's input with a label in range for each."""
    import numpy as np

    if images.dtype != np.uint8 or images.ndim != 4:
        raise TrainingError(
            f"the {name} images are {images.dtype} of shape {images.shape}",
            "give raw pixels from 0 to 255: uint8 of shape (images, height, width, channels)",
        )
    if not len(images) or labels.shape != (len(images),):
        raise TrainingError(
            f"the {name} split has {len(images)} images and labels of shape {labels.shape}", "give one label per image"
        )
    _check_input(model, images, name)
    classes = model.output_shape[-1]
    if labels.min() < 0 or labels.max() >= classes:
        raise TrainingError(
            f"the {name} labels go from {labels.min()} to {labels.max()} and the network tells {classes} classes apart",
            "set the class count to the data's",
        )


def _check_teacher(model: keras.Model, teacher: keras.Model) -> None:
    for what, theirs, ours in (
        ("takes", teacher.input_shape, model.input_shape),
        ("gives", teacher.output_shape, model.output_shape),
    ):
        if tuple(theirs[1:]) != tuple(ours[1:]):
            raise TrainingError(
                f"the teacher {what} {_by(theirs[1:])} and the network {_by(ours[1:])}",
                "choose a teacher of the same input and classes",
            )


def check_taught(recipe: Recipe, taught: bool) -> None:
    """Raise TrainingError unless the recipe is one for a training with a teacher (`taught`), or for one without."""
    if not taught and recipe.distill:
        raise TrainingError(
            f"distill is {recipe.distill:g} and there is no teacher", "name one with --teacher, or set --distill 0"
        )
    if taught and not recipe.distill:
        raise TrainingError("there is a teacher and distill is 0", "set --distill above 0, or leave the teacher out")
    if taught and recipe.start_size != 1:
        raise TrainingError(
            f"start size is {recipe.start_size:g} and there is a teacher, which answers to whole images only",
            "set --start-size 1, or leave the teacher out",
        )


def _check_input(model: keras.Model, images: npt.NDArray[np.uint8], name: str) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.output_shape) != 2:
        raise TrainingError(
            f"the network has {len(model.inputs)} inputs and outputs of shape {model.output_shape}",
            "a classifier takes one image and gives one row of class probabilities",
        )
    *size, channels = model.input_shape[1:]
    *given_size, given_channels = images.shape[1:]
    if channels not in (None, given_channels):
        raise TrainingError(
            f"the {name} images have {given_channels} channels and the network takes {channels}",
            "build the network for the data's channels",
        )
    if any(want not in (None, have) for want, have in zip(size, given_size, strict=True)):
        raise TrainingError(
            f"the {name} images are {_by(given_size)} pixels and the network takes {_by(size)}",
            "build the network for that size, or resize the images",
        )


def _by(size: Sequence[int]) -> str:
    return "x".join(str(side) for side in size)
