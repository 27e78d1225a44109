"""From what a person calls weights to the file that holds them."""

from __future__ import annotations

from pathlib import Path

from archscope.design import Design
from archscope.errors import DesignError
from archscope.runs import read_run, saved_model

OWN, IMAGENET = "own", "imagenet"


def weights_file(named: str, design: Design | None) -> Path:
    """The file that is named: by its path, by a run's folder, as `own` or as `imagenet`.

    Raises DesignError or RunError where there is none for that design (None: a network without one).
    """
    if named == OWN:
        if design is None or not design.model.endswith(".keras"):
            model = design.model if design else "this network"
            raise DesignError(
                f"{model} is no .keras file with weights of its own", "name them: --weights FILE, or imagenet"
            )
        return Path(design.model)
    if named == IMAGENET:
        if design is None:
            raise DesignError("a live model has no design to find ImageNet's weights by", "name a file")
        from archscope.interop.imagenet import imagenet_file

        return imagenet_file(design)
    path = Path(named)
    return saved_model(path, read_run(path)) if path.is_dir() else path
