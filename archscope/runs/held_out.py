"""Which images a run kept out of its training, and whether another run that it learns from had kept them out too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from archscope.runs.record import KNOWN_DATA, DataRecord, Run


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The images of `data` that a split by `seed` holds out for validation, a `fraction` of them.

    `seen`: what the run learnt from may have learnt from them.
    """

    data: DataRecord
    seed: int
    fraction: float
    seen: bool = False

    @classmethod
    def by(cls, recipe: Mapping[str, object], data: DataRecord) -> HeldOut:
        """What a run with that resolved recipe holds out."""
        return cls(data, int(str(recipe["seed"])), float(str(recipe["validation_fraction"])))

    @classmethod
    def of(cls, run: Run) -> HeldOut:
        """What a finished run held out."""
        seen = any(source is not None and source.saw_held_out for source in (run.weights, run.teacher))
        return replace(cls.by(run.recipe, run.data), seen=seen)

    def covers(self, other: HeldOut) -> bool:
        """Whether nothing that `other` holds out was trained on here, for certain.

        A split goes by the places of the images in their data set, and of one seed the smaller share lies within the
        larger. Data of other content are sure to be other images only where both are data sets that are known.
        """
        if self.data.sha256 != other.data.sha256:
            return self.data.slug != other.data.slug and {self.data.slug, other.data.slug} <= set(KNOWN_DATA)
        return not self.seen and self.seed == other.seed and other.fraction <= self.fraction

    def __str__(self) -> str:
        return f"{self.data.name}, seed {self.seed}, fraction {self.fraction:g}"
