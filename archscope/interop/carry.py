"""Weights into a network that was lowered: transplanted, checked where nothing changed, and frozen there if wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archscope.errors import GraphError, TrainingError
from archscope.graph import Trace
from archscope.interop.prefix import Prefix, computed, put, untouched
from archscope.interop.transplant import Transplant, transplant

if TYPE_CHECKING:
    import keras

    from archscope.interop.source import Source


@dataclass(frozen=True, slots=True)
class Carriage:
    """What each layer took, and how far the network computes what the source's does."""

    transplant: Transplant
    prefix: Prefix

    @property
    def frozen(self) -> tuple[str, ...]:
        """The layers with weights in the untouched prefix: those that `freeze` is for."""
        return tuple(one.layer for one in self.transplant.layers if one.layer in self.prefix.layers)


def plan_carriage(source: Source, target: Trace) -> Carriage:
    """What would be carried over; nothing is computed, and Keras is not needed.

    Raises GraphError where there are layers with weights, and not one takes anything.
    """
    carried = transplant(source, target)
    if carried.layers and all(one.outcome == "new" for one in carried.layers):
        there = ", ".join(list(source.layers)[:3])
        raise GraphError(
            f"no layer of this network takes weights from {source.path}, whose layers are {there} ...",
            "name the file of the network that this one was made from",
        )
    return Carriage(carried, untouched(source, target, carried))


def carry(source: Source, target: Trace, model: keras.Model) -> Carriage:
    """Give `model`, lowered from `target`, its weights from `source`, and hold the prefix against the source's.

    Raises GraphError where not one layer fits, or where the untouched prefix does not compute what it did.
    """
    planned = plan_carriage(source, target)
    for one in planned.transplant.layers:
        if one.outcome == "new":
            continue
        layer = model.get_layer(one.layer)
        fresh = [weight.numpy() for weight in layer.weights if weight.name != "seed_generator_state"]
        put(layer, planned.transplant.arrays(one, source, fresh))
    return Carriage(planned.transplant, computed(planned.prefix, source, target, model))


def freeze(model: keras.Model, layers: Collection[str]) -> None:
    """Let no training change these layers: their weights stay as they are, and batch norms keep to their statistics.

    Raises TrainingError where none are named, or nothing would be left to train.
    """
    if not layers:
        raise TrainingError("no layer is untouched, so that there is no prefix to freeze", "leave --freeze-prefix out")
    for name in layers:
        model.get_layer(name).trainable = False
    if not model.trainable_variables:
        thaw(model)
        raise TrainingError(
            "the weights fit the whole network as it is, and a frozen prefix would leave nothing to train",
            "leave --freeze-prefix out",
        )


def thaw(model: keras.Model) -> None:
    """Undo `freeze`: a file of the network does not keep it."""
    for layer in model.layers:
        layer.trainable = True
