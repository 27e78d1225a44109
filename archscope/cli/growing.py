"""Whether a network takes the small images that a recipe begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archscope.errors import GraphError, TrainingError
from archscope.graph import Graph, Input, Trace, verify

if TYPE_CHECKING:
    from archscope.train import Recipe


def check_growing(trace: Trace, recipe: Recipe) -> None:
    """Raise TrainingError unless the same layers, with the same weights, fit every size that the recipe trains on.

    Asked of the graph, since TensorFlow answers for a window that has no room with values from nowhere.
    """
    height, width, channels = trace.input
    epochs = range(1, recipe.epochs + 1)
    for side in dict.fromkeys((recipe.side_at(epoch, height), recipe.side_at(epoch, width)) for epoch in epochs):
        image, *layers = trace.graph.nodes
        at = f"start size is {recipe.start_size:g}, and at {side[0]}x{side[1]}"
        try:
            small = verify(Graph((replace(image, op=Input(shape=(*side, channels))), *layers)))
        except GraphError as error:
            raise TrainingError(f"{at} {error.message}", "set a larger --start-size, or 1") from error
        for one, other in zip(small, trace, strict=True):
            if one.weights != other.weights:
                raise TrainingError(
                    f"{at} {one.name!r} would have other weights", "set --start-size 1: it is tied to the input's size"
                )
