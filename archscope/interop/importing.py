"""keras.Model -> Graph: by the model's own configuration, with what only the live model knows filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archscope.configs import graph_of
from archscope.errors import GraphError
from archscope.graph import Graph, Shape, Weight, verify

if TYPE_CHECKING:
    import keras


def import_model(model: keras.Model, input_shape: Shape | None = None) -> Graph:
    """The verified graph of a functional or sequential model, at `input_shape` where one is given.

    A layer without a rule becomes an Opaque with its recorded shape and its weights. Raises GraphError for a model
    that is no network from one image to one tensor, and for one that does not record what its layers read.
    """
    try:
        config = json.loads(model.to_json())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise GraphError(
            f"{model.name}: a {type(model).__name__} does not record what its layers read",
            "import a functional or sequential model",
        ) from error

    def weights(path: tuple[str, ...]) -> tuple[Weight, ...]:
        layer = model
        for name in path:
            layer = layer.get_layer(name)
        trainable = {id(weight) for weight in layer.trainable_weights}
        return tuple(Weight(w.name, tuple(w.shape), id(w) in trainable) for w in layer.weights)

    return verify(graph_of(config, input_shape, weights)).graph
