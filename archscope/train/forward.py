"""From pixels to the loss, in the words that all of Keras' backends understand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from archscope.train.recipe import Recipe

if TYPE_CHECKING:
    import keras

MIXED_POLICY = "mixed_bfloat16"  # float16 would need its loss scaled
SMALLEST_PROBABILITY = 1e-7  # as Keras


@contextmanager
def giving_logits(model: keras.Model, precision: str = "float32") -> Iterator[Callable[[Any], Any]]:
    """While this is open, `model` leaves out the softmax at its end; the function given makes float32 logits of what
    it answers.

    The cross-entropy of probabilities is clipped at 1e-7: an image that is badly wrong would have no gradient. A model
    whose output is not an activation `softmax` falls back to that clip.

    With precision "mixed" the layers up to the last pooling or flattening compute in bfloat16; their weights, and the
    statistics of batch norms, stay float32 (Micikevicius et al. 2018, "Mixed Precision Training").
    """
    import keras

    output = _output_layer(model)
    bare = getattr(output, "activation", None) is keras.activations.softmax
    with ExitStack() as changes:
        if bare:
            changes.enter_context(_changed(output, "activation", keras.activations.linear))
        if precision == "mixed":
            policy = keras.DTypePolicy(MIXED_POLICY)
            for layer in body_of(model):
                changes.enter_context(_changed(layer, "_dtype_policy", policy))
        yield _logits_of_logits if bare else _logits_of_probabilities


def in_groups(logits_of: Callable[[Any], Any], images: Any, groups: int) -> Any:
    """The logits of `images` (batch, H, W, C), computed in so many equal groups that know nothing of each other."""
    import keras

    if groups == 1:
        return logits_of(images)
    return keras.ops.concatenate([logits_of(group) for group in keras.ops.split(images, groups)])


def loss_of(recipe: Recipe, logits: Any, targets: Any, taught: Any = None) -> Any:
    """The mean cross-entropy of `logits` against `targets`, both (batch, classes).

    With a teacher's logits `taught`, the recipe's share of the loss is the cross-entropy against its softened answers,
    times the temperature's square, which keeps the gradients' size (Hinton, Vinyals and Dean 2015, "Distilling the
    Knowledge in a Neural Network").
    """
    import keras

    ops = keras.ops
    loss = ops.mean(ops.categorical_crossentropy(targets, logits, from_logits=True))
    if taught is None:
        return loss
    heat = recipe.temperature
    soft = ops.softmax(taught / heat)
    distance = ops.mean(ops.categorical_crossentropy(soft, logits / heat, from_logits=True)) * heat**2
    return loss * (1 - recipe.distill) + distance * recipe.distill


def _logits_of_logits(answers: Any) -> Any:
    import keras

    return keras.ops.cast(answers, "float32")


def _logits_of_probabilities(answers: Any) -> Any:
    import keras

    probabilities = keras.ops.cast(answers, "float32")
    return keras.ops.log(keras.ops.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


@contextmanager
def _changed(layer: keras.Layer, attribute: str, value: Any) -> Iterator[None]:
    """Past Keras' own __setattr__, which would track it."""
    before = getattr(layer, attribute)
    object.__setattr__(layer, attribute, value)
    try:
        yield
    finally:
        object.__setattr__(layer, attribute, before)


def _output_layer(model: keras.Model) -> keras.Layer:
    import keras

    layer: keras.Layer = model.outputs[0]._keras_history.operation
    return _output_layer(layer) if isinstance(layer, keras.Model) else layer


def body_of(model: keras.Model) -> list[keras.Layer]:
    """The layers in front of the last one that makes a row of a map: what is behind it is small, and the answer hangs
    on it. Empty where there is no such layer.
    """
    import keras

    layers = list(leaves(model))
    rows = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D, keras.layers.Flatten)
    ends = [place for place, layer in enumerate(layers) if isinstance(layer, rows)]
    return layers[: ends[-1]] if ends else []


def leaves(model: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a model, with those of the models in it in their place."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer
