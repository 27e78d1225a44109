"""Which models there are: those of the families, each in a file of its own, and those that come from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from archscope.errors import DesignError, did_you_mean
from archscope.zoo import (
    efficientnet,
    inception_v3,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    squeezenet,
    xception,
)
from archscope.zoo.imported import imported_model, is_imported
from archscope.zoo.model import Model

MODELS: Mapping[str, Model] = {
    model.name: model
    for family in (
        mobilenet_v1,
        mobilenet_v2,
        mobilenet_v3,
        squeezenet,
        efficientnet,
        xception,
        inception_v3,
    )
    for model in family.MODELS
}


def find_model(name: str) -> Model:
    """The model of that name; case, `_`, `-` and `.` do not matter.

    A path that ends in .keras is a file, and `keras:NAME` a network of keras.applications.

    Raises DesignError, with the nearest names; for a file RunError and GraphError as well.
    """
    if is_imported(name):
        return imported_model(name)
    wanted = _bare(name)
    for model in MODELS.values():
        if _bare(model.name) == wanted:
            return model
    kin = [known for known in MODELS if wanted and _bare(known).startswith(wanted)]
    known = f"the models are {', '.join(MODELS)}, and keras:NAME"
    raise DesignError(
        f"no model {name!r}", f"say which: {' or '.join(kin)}" if kin else did_you_mean(name, MODELS, known)
    )


def _bare(name: str) -> str:
    return name.lower().translate(str.maketrans("", "", "_-."))
