"""Augmentation of a batch: what is drawn for each image, and what that does to its pixels and its label.

Drawing and doing are apart: the numbers follow from the seed, the epoch and the step alone, not from threads or from
where a run was resumed, and whoever works on another device can do the same with them. Keras' own layers draw one crop
per batch, or pick their operations per call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archscope.train.pixels import cutout, jitter, mirror, mix, rotate, sharpen, shift, shrink, shrinking, to_pixels
from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archscope.train.pixels import Floats, Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The random numbers of one batch, an entry for each image; None for what the recipe leaves out.

    shift: (batch, 2) rows and columns by which the image moves up and left, negative for down and right.
    mirrored: (batch,) booleans. angle: (batch,) radians, counter-clockwise. sharpness: (batch,) factors.
    jitter: (batch, 3) factors of brightness, contrast and saturation. hole: (batch, 2) top and left of the square.
    share: (batch,) of the next image of the batch, the first being next to the last.
    shrink: not drawn: the matrices (new height, height) and (new width, width) that make the images smaller.
    """

    shift: npt.NDArray[np.int64] | None = None
    mirrored: npt.NDArray[np.bool_] | None = None
    angle: npt.NDArray[np.float32] | None = None
    sharpness: npt.NDArray[np.float32] | None = None
    jitter: npt.NDArray[np.float32] | None = None
    hole: npt.NDArray[np.int64] | None = None
    share: npt.NDArray[np.float32] | None = None
    shrink: tuple[Floats, Floats] | None = None


class Augmenter:
    """Augmented batches of one training set: uint8 images (n, height, width, channels) and integer labels (n,)."""

    def __init__(self, images: Pixels, labels: npt.NDArray[np.integer], classes: int, recipe: Recipe) -> None:
        import numpy as np

        self.images, self.labels, self.recipe = images, labels, recipe
        plain = np.full((classes, classes), recipe.label_smoothing / classes, dtype=np.float32)
        self.targets = plain + np.eye(classes, dtype=np.float32) * np.float32(1 - recipe.label_smoothing)
        self._begins_mirrored = self._rng(0, 0).integers(0, 2, len(images)).astype(bool)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The order of the images in `epoch`, which counts from 1."""
        return self._rng(epoch, 0).permutation(len(self.images))

    def make(self, chosen: npt.NDArray[np.int64], draws: Draws) -> tuple[Pixels, Floats]:
        """The images `chosen` (by index), changed as `draws` say, and their targets (batch, classes), rows of sum 1."""
        return apply(self.images[chosen], draws, self.recipe), mix(self.targets[self.labels[chosen]], draws.share)

    def draw(self, chosen: npt.NDArray[np.int64], epoch: int, step: int, progress: float) -> Draws:
        """The random numbers of one batch.

        step counts from 0 in its epoch; progress is the part of the whole run that is done, in [0, 1].
        """
        import numpy as np

        recipe, rng = self.recipe, self._rng(epoch, step + 1)
        batch, (height, width) = len(chosen), self.images.shape[1:3]

        def factors(spread: float, *more: int) -> Any:
            return rng.uniform(1 - spread, 1 + spread, (batch, *more)).astype(np.float32) if spread else None

        reach = np.rint([recipe.crop * height, recipe.crop * width]).astype(int)
        corner = np.array([height, width])
        mirrored = None
        if recipe.flip == "random":
            mirrored = rng.integers(0, 2, batch).astype(bool)
        elif recipe.flip == "alternating":
            mirrored = self._begins_mirrored[chosen] ^ bool(epoch % 2)
        turn = np.deg2rad(recipe.rotation)
        return Draws(
            shift=rng.integers(-reach, reach + 1, (batch, 2)) if recipe.crop else None,
            mirrored=mirrored,
            angle=rng.uniform(-turn, turn, batch).astype(np.float32) if turn else None,
            sharpness=factors(recipe.sharpness),
            jitter=factors(recipe.jitter, 3),
            hole=rng.integers(0, corner, (batch, 2)) - recipe.cutout // 2 if recipe.cutout else None,
            share=rng.uniform(0, recipe.mixup * progress, batch).astype(np.float32) if recipe.mixup else None,
            shrink=self._shrink(epoch),
        )

    def _shrink(self, epoch: int) -> tuple[Floats, Floats] | None:
        height, width = self.images.shape[1:3]
        rows, columns = (self.recipe.side_at(epoch, side) for side in (height, width))
        return None if (rows, columns) == (height, width) else (shrinking(height, rows), shrinking(width, columns))

    def _rng(self, epoch: int, stream: int) -> np.random.Generator:
        """Stream 0 shuffles the epoch, stream s + 1 augments its step s; epoch 0 is for what holds all along."""
        import numpy as np

        return np.random.default_rng([self.recipe.seed, epoch, stream])


def apply(images: Pixels, draws: Draws, recipe: Recipe) -> Pixels:
    """New images for `images` (batch, height, width, channels), changed as `draws` say; smaller ones where they do."""
    if draws.shift is not None:
        images = shift(images, draws.shift)
    if draws.mirrored is not None:
        images = mirror(images, draws.mirrored)
    if draws.angle is not None:
        images = rotate(images, draws.angle)
    if draws.sharpness is not None or draws.jitter is not None:
        floats: Floats = images.astype("float32")
        if draws.sharpness is not None:
            floats = sharpen(floats, draws.sharpness)
        if draws.jitter is not None:
            floats = jitter(floats, draws.jitter)
        images = to_pixels(floats)
    if draws.hole is not None:
        images = cutout(images, draws.hole, recipe.cutout)
    if draws.share is not None:
        images = to_pixels(mix(images.astype("float32"), draws.share))
    return images if draws.shrink is None else shrink(images, *draws.shrink)
