"""Reading a `.keras` file as data: what it names is checked before Keras builds anything from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.configs import read_config
from archscope.errors import RunError

if TYPE_CHECKING:
    import keras

# Some Keras classes run code or read files that their configuration names (Lambda, TorchModuleWrapper, TFSMLayer,
# StringLookup ...), and versions add more. So layers are listed by what is known to be arithmetic on its inputs.
# fmt: off
_LAYERS = frozenset({
    "InputLayer", "Identity", "Rescaling", "Normalization", "Resizing", "Conv1D", "Conv2D", "Conv3D",
    "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D",
    "SeparableConv2D", "Dense", "EinsumDense", "BatchNormalization", "LayerNormalization", "GroupNormalization",
    "RMSNormalization", "UnitNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax",
    "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "MaxPooling1D",
    "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum",
    "Concatenate", "Dot", "Flatten", "Reshape", "Permute", "RepeatVector", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization", "RandomFlip",
    "RandomRotation", "RandomTranslation", "RandomZoom", "RandomCrop", "RandomContrast", "RandomBrightness",
})
# fmt: on
# What `a + b` and `keras.ops.tanh(x)` on symbolic tensors leave; keras.applications' MobileNetV3 is written so.
_OPERATIONS = frozenset({"Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum", "Tanh"})
# `keras.ops.relu(x)` and its like on symbolic tensors.
_FUNCTIONS = frozenset({"Elu", "Gelu", "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu", "LogSigmoid", "LogSoftmax"})
_FUNCTIONS |= {"Mish", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "Softmax", "Softplus", "Softsign"}
# The layers that keras.applications defines for itself: sums and products.
_OWN = frozenset(
    {
        ("keras.src.applications.convnext", "LayerScale"),
        ("keras.src.applications.convnext", "StochasticDepth"),
        ("keras.src.applications.inception_resnet_v2", "CustomScaleLayer"),
    }
)
# Modules whose classes (not their functions) are all inert: numbers in, numbers out.
_INERT = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints"})
_MODELS = frozenset(
    {
        ("keras", "DTypePolicy"),
        ("keras", "Functional"),
        ("keras", "Sequential"),
        ("keras.src.models.functional", "Functional"),
        ("keras.src.models.sequential", "Sequential"),
        ("keras.models", "Functional"),
        ("keras.models", "Sequential"),
    }
)


def read_keras(path: Path) -> keras.Model:
    """Load a `.keras` file, uncompiled, with no code of the file's choosing run.

    The archive may hold a configuration, metadata and weights, of bounded sizes; the configuration may name the layers
    of an image network and what they are made of, all of Keras' own. Only then does Keras load it, in safe mode.
    Raises RunError where the file is missing, damaged, too large or names anything else.
    """
    config = read_config(path)
    # Loaded uncompiled, the model's own optimizer and loss are not built; those of a model inside it would be.
    for place, value in _objects({key: part for key, part in config.items() if key != "compile_config"}):
        _check_object(path, place, value)

    import keras

    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # A damaged file makes Keras and h5py raise nearly any type.
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise RunError(
            f"{path}: Keras cannot rebuild the network from it: {reason[:200]}", "take an undamaged copy"
        ) from error
    if not isinstance(model, keras.Model):
        raise RunError(f"{path} holds a {type(model).__name__}, not a model", "save the whole model with model.save()")
    return model


def _objects(config: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON object that Keras would build something from, with the nearest layer name, outermost first."""
    waiting: list[tuple[str, object]] = [("the model", config)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            inner = value.get("config")
            if isinstance(value.get("name"), str):
                place = f"layer {value['name']!r}"
            elif isinstance(inner, dict) and isinstance(inner.get("name"), str) and "inbound_nodes" in value:
                place = f"layer {inner['name']!r}"
            if {"class_name", "module", "registered_name"} & value.keys():
                yield place, value
            waiting.extend((place, child) for child in value.values())
        elif isinstance(value, list):
            waiting.extend((place, child) for child in value)


def _check_object(path: Path, place: str, value: dict[str, Any]) -> None:
    name, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
    if module is None and name == "__keras_tensor__":  # a wire between layers
        return
    known = (
        isinstance(name, str)
        and isinstance(module, str)
        and (
            (module, name) in _MODELS
            or (module in _INERT and name[:1].isupper())
            or (module == "keras.layers" and name in _LAYERS)
            or (module == "keras.src.ops.numpy" and name in _OPERATIONS)
            or (module == "keras.src.ops.nn" and name in _FUNCTIONS)
            or (module, name) in _OWN
        )
    )
    if not known or registered not in (None, name):
        spelled = ".".join(str(part) for part in (module, name) if part is not None)
        raise RunError(
            f"{path}: {place} asks for {spelled!r}"
            + (f" (registered as {registered!r})" if registered not in (None, name) else "")
            + ", and only Keras' own image layers are read: a file is data, not code",
            "rebuild the model from layers of keras.layers and save it again",
        )
