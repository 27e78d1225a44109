"""Which models there are, and which arguments each takes."""

from __future__ import annotations

from collections.abc import Mapping

from archscope.errors import DesignError, did_you_mean
from archscope.zoo.imported import imported_model, is_imported
from archscope.zoo.mobilenet_v1 import build_mobilenet_v1
from archscope.zoo.mobilenet_v2 import build_mobilenet_v2
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, count_argument, dropout_argument

MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model(
            "mobilenet_v1",
            "MobileNetV1",
            "Howard et al. 2017, arXiv:1704.04861",
            (
                ALPHA,
                count_argument("depth_multiplier"),
                CLASSES,
                TOP,
                dropout_argument(0.001),
            ),
            build_mobilenet_v1,
        ),
        Model(
            "mobilenet_v2",
            "MobileNetV2",
            "Sandler et al. 2018, arXiv:1801.04381",
            (ALPHA, CLASSES, TOP, dropout_argument(0.0)),
            build_mobilenet_v2,
        ),
    )
}


def find_model(name: str) -> Model:
    """The model of that name; case, `_` and `-` do not matter. A path that ends in .keras is a file, and `keras:NAME`
    a network of keras.applications.

    Raises DesignError, with the nearest names; for a file RunError and GraphError as well.
    """
    if is_imported(name):
        return imported_model(name)
    wanted = name.lower().replace("_", "").replace("-", "")
    for model in MODELS.values():
        if model.name.replace("_", "") == wanted:
            return model
    raise DesignError(
        f"no model {name!r}", did_you_mean(name, MODELS, f"the models are {', '.join(MODELS)}, and keras:NAME")
    )
