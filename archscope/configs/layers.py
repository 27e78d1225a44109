"""The table between ops and Keras layers: which field of an op is which entry of the layer's configuration.

One table serves both ways. Reading is strict: an entry that no rule here covers makes the layer unknown, as does a
value that would change what is computed (another axis, channels first). Entries that only training looks at, such as
initialisers, are passed over; they are no part of a graph.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archscope.errors import GraphError
from archscope.graph import (
    ELU,
    Activation,
    Add,
    Average,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Identity,
    LayerNormalization,
    LayerScale,
    LeakyReLU,
    Maximum,
    MaxPooling2D,
    Minimum,
    Multiply,
    Normalization,
    Op,
    Pair,
    Permute,
    PReLU,
    ReLU,
    Rescaling,
    Reshape,
    RMSNormalization,
    ScaledAdd,
    SeparableConv2D,
    Shape,
    Softmax,
    SpatialDropout2D,
    StochasticDepth,
    Subtract,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)

LAYERS = "keras.layers"
CONVNEXT = "keras.src.applications.convnext"
INCEPTION_RESNET = "keras.src.applications.inception_resnet_v2"


# fmt: off
_TRAINING_ONLY = frozenset({
    "name", "trainable", "dtype", "seed", "sparse", "ragged", "synchronized", "renorm_clipping", "renorm_momentum",
    "quantization_config", "autocast", "projection_dim", "batch_input_shape", "batch_shape", "lora_rank", "lora_alpha",
    "virtual_batch_size",
})
_TRAINING_ENDINGS = ("_initializer", "_regularizer", "_constraint")
# All that Keras knows by name, but glu, which halves the channels, and threshold, which its name alone does not say.
ACTIVATIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax",
    "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh",
    "tanh_shrink",
})
# fmt: on
MAX_COUNT, MAX_EXTENT = 1_000_000_000, 10_000
"""Guards: no layer has more filters or units; no window, stride or margin is wider."""


class UnknownLayerError(Exception):
    """A configuration that no rule covers; the message says what of it."""


class _ImpossibleError(ValueError):
    """A number that no layer can have."""


# What a configuration says of a field, as the field has it. Each refuses, by ValueError, what the field cannot be.


def _whole(value: object) -> int:
    return _within(value, 1, MAX_COUNT)


def _extent(value: object, least: int) -> int:
    return _within(value, least, MAX_EXTENT)


def _within(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    if not least <= value <= most:
        raise _ImpossibleError
    return value


def _pair(value: object) -> Pair:
    first, second = value if isinstance(value, (list, tuple)) else (value, value)
    return _extent(first, 1), _extent(second, 1)


def _margins(value: object) -> tuple[Pair, Pair]:
    rows, columns = value if isinstance(value, (list, tuple)) else (value, value)
    (top, bottom), (left, right) = (
        side if isinstance(side, (list, tuple)) else (side, side) for side in (rows, columns)
    )
    return (_extent(top, 0), _extent(bottom, 0)), (_extent(left, 0), _extent(right, 0))


def number_of(value: object) -> float:
    """A finite number of a configuration. Raises ValueError for anything else."""
    # A whole number of many digits is no float.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        raise ValueError
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _numbers(value: object) -> float | tuple[float, ...]:
    return tuple(number_of(part) for part in value) if isinstance(value, (list, tuple)) else number_of(value)


def _sizes(value: object) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(-1 if part == -1 else _whole(part) for part in value)


def _noise_shape(value: object) -> tuple[int | None, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(None if part is None else _whole(part) for part in value)


def _activation(value: object) -> str:
    # One version of Keras writes null for what another calls linear.
    if value is None:
        return "linear"
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise ValueError
    return value


def _word(*words: str) -> Reader:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError
        return value

    return read


def _or_none(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


Reader = Callable[[object], Any]
Entries = Mapping[str, tuple[str, Reader]]
"""For each field of an op, the entry of the configuration that holds it, and how that is read."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One row: an op, the entries of its Keras layer, that layer's class; `axis` names the entry of the channels."""

    op: type[Op]
    entries: Entries = field(default_factory=dict)
    class_name: str = ""
    module: str = LAYERS
    axis: str = ""

    @property
    def name(self) -> str:
        return self.class_name or self.op.__name__


def _same(read: Reader, *names: str) -> dict[str, tuple[str, Reader]]:
    return {name: (name, read) for name in names}


_PADDING = _same(_word("same", "valid"), "padding")
_KERNEL = {"kernel": ("kernel_size", _pair), **_same(_pair, "strides"), **_PADDING}
_WINDOW = {**_KERNEL, "dilation": ("dilation_rate", _pair)}
_POOL = {"kernel": ("pool_size", _pair), "strides": ("strides", _or_none(_pair)), **_PADDING}
_BIAS = {**_same(_flag, "use_bias"), **_same(_activation, "activation")}
_NORM = {**_same(number_of, "epsilon"), **_same(_flag, "center", "scale")}
_FILTERS, _MULTIPLIER, _GROUPS = (_same(_whole, name) for name in ("filters", "depth_multiplier", "groups"))
_RATE = _same(number_of, "rate")

TABLE: tuple[Layer, ...] = (
    Layer(Activation, {"function": ("activation", _activation)}),
    Layer(Add),
    Layer(Average),
    Layer(AveragePooling2D, _POOL),
    Layer(BatchNormalization, {**_NORM, **_same(number_of, "momentum")}, axis="axis"),
    Layer(Concatenate, axis="axis"),
    Layer(Conv2D, {**_FILTERS, **_WINDOW, **_GROUPS, **_BIAS}),
    Layer(Conv2DTranspose, {**_FILTERS, **_KERNEL, **_BIAS}),
    Layer(Cropping2D, _same(_margins, "cropping")),
    Layer(Dense, {**_same(_whole, "units"), **_BIAS}),
    Layer(DepthwiseConv2D, {**_WINDOW, **_MULTIPLIER, **_BIAS}),
    Layer(Dropout, {**_RATE, **_same(_or_none(_noise_shape), "noise_shape")}),
    Layer(ELU, _same(number_of, "alpha")),
    Layer(Flatten),
    Layer(GaussianDropout, _RATE),
    Layer(GaussianNoise, _same(number_of, "stddev")),
    Layer(GlobalAveragePooling2D, _same(_flag, "keepdims")),
    Layer(GlobalMaxPooling2D, _same(_flag, "keepdims")),
    Layer(GroupNormalization, {**_GROUPS, **_NORM}, axis="axis"),
    Layer(Identity),
    Layer(LayerNormalization, _NORM, axis="axis"),
    Layer(LayerScale, {"init": ("init_values", number_of)}, module=CONVNEXT),
    Layer(LeakyReLU, _same(number_of, "negative_slope")),
    Layer(Maximum),
    Layer(MaxPooling2D, _POOL),
    Layer(Minimum),
    Layer(Multiply),
    Layer(Normalization, {**_same(_or_none(_numbers), "mean", "variance"), **_same(_flag, "invert")}, axis="axis"),
    Layer(PReLU, _same(_or_none(_sizes), "shared_axes")),
    Layer(Permute, _same(_sizes, "dims")),
    Layer(ReLU, {**_same(_or_none(number_of), "max_value"), **_same(number_of, "negative_slope", "threshold")}),
    Layer(RMSNormalization, _same(number_of, "epsilon"), axis="axis"),
    Layer(Rescaling, _same(_numbers, "scale", "offset")),
    Layer(Reshape, {"shape": ("target_shape", _sizes)}),
    Layer(ScaledAdd, _same(number_of, "scale"), "CustomScaleLayer", INCEPTION_RESNET),
    Layer(SeparableConv2D, {**_FILTERS, **_WINDOW, **_MULTIPLIER, **_BIAS}),
    Layer(Softmax, axis="axis"),
    Layer(SpatialDropout2D, _RATE),
    Layer(StochasticDepth, {"rate": ("drop_path_rate", number_of)}, module=CONVNEXT),
    Layer(Subtract),
    Layer(UnitNormalization, axis="axis"),
    Layer(UpSampling2D, {**_same(_pair, "size"), **_same(_word("nearest", "bilinear"), "interpolation")}),
    Layer(ZeroPadding2D, _same(_margins, "padding")),
)

_BY_OP: Mapping[type[Op], Layer] = {layer.op: layer for layer in TABLE}
_BY_CLASS: Mapping[str, Layer] = {layer.name: layer for layer in TABLE}


def config_of(op: Op) -> tuple[str, str, dict[str, Any]]:
    """Module, class and configuration entries of the Keras layer that does what `op` does. KeyError for an Opaque."""
    layer = _BY_OP[type(op)]
    return layer.module, layer.name, {key: getattr(op, name) for name, (key, _) in layer.entries.items()}


def op_of(class_name: str, config: Mapping[str, Any], inputs: tuple[Shape | None, ...]) -> Op:
    """The op that a Keras layer of that class and configuration is, reading `inputs` (as far as they are known).

    Raises UnknownLayerError where the table does not cover it, GraphError for a count or size that no layer has.
    """
    layer = _BY_CLASS.get(class_name)
    if layer is None:
        raise UnknownLayerError(f"no rule for a {class_name}")
    rest, values = dict(config), {}
    for name, (key, read) in layer.entries.items():
        if key in rest:
            value = rest.pop(key)
            try:
                values[name] = read(value)
            except _ImpossibleError:
                raise GraphError(
                    f"{config.get('name')!r}: a {class_name} cannot have {key}={value!r:.60}", "save the model again"
                ) from None
            except (ValueError, TypeError):
                raise UnknownLayerError(f"no rule for a {class_name} with {key}={value!r:.60}") from None
    source = inputs[0] if inputs else None
    if layer.axis:
        axis = rest.pop(layer.axis, -1)
        # Only the last axis, the channels, is understood; the batch counts as an axis.
        last = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        if last != -1 and (source is None or last != len(source)):
            raise UnknownLayerError(f"no rule for a {class_name} along axis {axis!r:.60}")
    for key, value in rest.items():
        if not changes_nothing(key, value):
            raise UnknownLayerError(f"no rule for a {class_name} with {key}={value!r:.60}")
    return _completed(layer.op, values, source)


def changes_nothing(key: str, value: object) -> bool:
    """Whether an entry is for training alone, or at a value that says nothing."""
    if key in _TRAINING_ONLY or key.endswith(_TRAINING_ENDINGS) or value is None or value is False:
        return True
    return (key, value) in (("data_format", "channels_last"), ("dilation_rate", 1), ("dilation_rate", [1, 1]))


def _completed(op: type[Op], values: dict[str, Any], source: Shape | None) -> Op:
    """The op of these values, with what Keras leaves open filled in. Raises UnknownLayerError where one is missing."""
    if values.get("strides", ()) is None:
        values["strides"] = values["kernel"]
    shape = values.get("shape", ())
    if -1 in shape:
        known = math.prod(size for size in shape if size != -1)
        if source is None or shape.count(-1) > 1:
            raise UnknownLayerError(f"no rule for a Reshape to {shape}")
        values["shape"] = tuple(math.prod(source) // known if size == -1 else size for size in shape)
    if op is PReLU and values.get("shared_axes", ()) is None:
        values["shared_axes"] = ()
    try:
        return op(**values)
    except TypeError:
        raise UnknownLayerError(f"no rule for a {op.__name__} that does not say all") from None
