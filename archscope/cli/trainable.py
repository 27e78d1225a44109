"""Whether a network can be trained by a recipe, and on a data set: asked of its graph, before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archscope.errors import GraphError, RunError, TrainingError
from archscope.graph import (
    Activation,
    Dropout,
    Flatten,
    Graph,
    Input,
    Op,
    Reshape,
    Softmax,
    Trace,
    digest,
    shape_text,
    verify,
)

if TYPE_CHECKING:
    from archscope.data import Dataset
    from archscope.runs.plan import Plan
    from archscope.train import Recipe


PLAIN = "`archscope head plain` adds one, and so does +head:plain in a spec"


def check_classifier(spec: str, trace: Trace, classes: int) -> None:
    """Raise TrainingError unless the network gives the chances of `classes` classes: a row, by a softmax."""
    if not trace.graph.has_head:
        raise TrainingError(f"{spec} has no head, and nothing to train without", PLAIN)
    if trace.output != (classes,):
        raise TrainingError(
            f"{spec} ends in {shape_text(trace.output)}, which is no classifier of {classes} classes",
            PLAIN,
        )
    end = trace.graph.output
    while isinstance(end.op, (Reshape, Flatten, Dropout)) or end.op == Activation(function="linear"):
        end = trace.graph.node(end.inputs[0])
    if not _is_softmax(end.op):
        raise TrainingError(
            f"{spec} ends in {end.name!r} without a softmax, and what is trained and scored are chances",
            "save the model with a softmax behind its scores, or let `archscope head plain` put a new head on",
        )


def _is_softmax(op: Op) -> bool:
    named = op.function if isinstance(op, Activation) else getattr(op, "activation", None)
    return isinstance(op, Softmax) or named == "softmax"


def check_classes(spec: str, trace: Trace, classes: int, dataset: Dataset) -> None:
    """Raise TrainingError unless the network is a classifier of as many classes as the data set has."""
    check_classifier(spec, trace, classes)
    if classes != len(dataset.classes):
        raise TrainingError(
            f"the network tells {classes} classes apart, and {dataset.name} has {len(dataset.classes)}",
            f"put ,classes={len(dataset.classes)} behind the model in the spec, before any +EDIT; or "
            f"`archscope set classes={len(dataset.classes)}` where an archscope.toml holds the design",
        )


def check_same(plan: Plan, trace: Trace) -> None:
    """Raise RunError unless the network is the one that was planned: a spec that names a file does not say so."""
    if plan.digest and digest(trace.graph) != plan.digest:
        raise RunError(
            f"{plan.spec} is another network than when its training began",
            "restore its file, or train it anew into another folder",
        )


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
