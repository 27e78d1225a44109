"""The functions of `keras.ops`, called on symbolic tensors, as ops.

Read as strictly as layers are: each entry of the configuration and each argument of the call is understood, or the
operation is unknown. `keras.ops.softmax(x, axis=1)` is no softmax of the channels, and `keras.ops.gelu(x)` is an
approximation, which the Activation layer `gelu` is not. Source of the defaults: keras.src.activations, Keras 3.15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archscope.configs.layers import UnknownLayerError, changes_nothing, number_of
from archscope.graph import (
    ELU,
    Activation,
    Add,
    Concatenate,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LeakyReLU,
    Maximum,
    Minimum,
    Multiply,
    Op,
    Rescaling,
    Shape,
    Subtract,
)

FUNCTIONS: Mapping[str, str] = {
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LogSigmoid": "log_sigmoid",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "Tanh": "tanh",
    "TanhShrink": "tanh_shrink",
}
"""The activation that an operation without settings is."""

SETTINGS: Mapping[str, tuple[str, str, object]] = {
    "Celu": ("celu", "alpha", 1.0),
    "Gelu": ("gelu", "approximate", False),
    "HardShrink": ("hard_shrink", "threshold", 0.5),
    "LogSoftmax": ("log_softmax", "axis", -1),
    "Softmax": ("softmax", "axis", -1),
    "SoftShrink": ("soft_shrink", "threshold", 0.5),
    "Sparsemax": ("sparsemax", "axis", -1),
    "Squareplus": ("squareplus", "b", 4),
}
"""The activation that an operation is at one value of its one setting, and at no other."""

_SLOPES: Mapping[str, tuple[type[ELU | LeakyReLU], str]] = {
    "Elu": (ELU, "alpha"),
    "LeakyRelu": (LeakyReLU, "negative_slope"),
}
_POOLS: Mapping[str, type[GlobalAveragePooling2D | GlobalMaxPooling2D]] = {
    "Mean": GlobalAveragePooling2D,
    "Max": GlobalMaxPooling2D,
}
_MERGES: Mapping[str, type[Op]] = {
    "Add": Add,
    "Subtract": Subtract,
    "Multiply": Multiply,
    "Maximum": Maximum,
    "Minimum": Minimum,
}
_QUOTIENTS = ("Divide", "TrueDivide")
_ONE, _TWO, _LIST = ("x",), ("x1", "x2"), ("xs",)


def operation_of(kind: str, config: Mapping[str, Any], arguments: object, shapes: Sequence[Shape | None]) -> Op:
    """The op of a `keras.ops` function called on tensors of those shapes (None: not known); numbers scale and shift.

    Raises UnknownLayerError for a function, a setting or an argument that no rule covers.
    """
    rest = dict(config)
    if kind in _MERGES or kind in _QUOTIENTS:
        op = _arithmetic(kind, _values(kind, arguments, _TWO))
    elif kind == "Concatenate":
        (tensors,) = _values(kind, arguments, _LIST)
        if not isinstance(tensors, list) or not tensors or not all(map(_is_tensor, tensors)):
            raise _unknown(kind, "of other things than tensors")
        _along_channels(kind, rest.pop("axis", 0), shapes)
        op = Concatenate()
    else:
        (tensor,) = _values(kind, arguments, _ONE)
        if not _is_tensor(tensor):
            raise _unknown(kind, "of other things than a tensor")
        op = _of_one(kind, rest, shapes)
    for key, value in rest.items():
        if not changes_nothing(key, value):
            raise _unknown(kind, f"with {key}={value!r:.60}")
    return op


def _of_one(kind: str, rest: dict[str, Any], shapes: Sequence[Shape | None]) -> Op:
    """The op of a function of one tensor; what it understands is taken out of `rest`."""
    if kind in FUNCTIONS:
        return Activation(function=FUNCTIONS[kind])
    if kind in SETTINGS:
        function, key, wanted = SETTINGS[kind]
        value = rest.pop(key, None)
        if key == "axis":
            _along_channels(kind, value, shapes)
        elif value != wanted:
            raise _unknown(kind, f"with {key}={value!r:.60}")
        return Activation(function=function)
    if kind in _SLOPES:
        op, key = _SLOPES[kind]
        value = rest.pop(key, None)
        return op(**{key: _number(kind, key, value)})
    if kind in _POOLS:
        axes, keepdims = rest.pop("axis", None), rest.pop("keepdims", False)
        if axes not in ([1, 2], [2, 1], [-3, -2], [-2, -3]) or (shapes[0] is not None and len(shapes[0]) != 3):
            raise _unknown(kind, f"along axis {axes!r:.60}")
        return _POOLS[kind](keepdims=bool(keepdims))
    raise _unknown(kind)


def _arithmetic(kind: str, values: Sequence[object]) -> Op:
    """Of two tensors, a merge; of one and a number, a rescaling."""
    first, second = values
    if _is_tensor(first) and _is_tensor(second) and kind in _MERGES:
        return _MERGES[kind]()
    if _is_tensor(first) == _is_tensor(second):
        raise _unknown(kind, "of other things than tensors and numbers")
    leads = not _is_tensor(first)
    number = _number(kind, *(("x1", first) if leads else ("x2", second)))
    match kind:
        case "Add":
            return Rescaling(scale=1.0, offset=number)
        case "Subtract":
            return Rescaling(scale=-1.0, offset=number) if leads else Rescaling(scale=1.0, offset=-number)
        case "Multiply":
            return Rescaling(scale=number)
        case "Divide" | "TrueDivide" if not leads and abs(number) > _LEAST:
            return Rescaling(scale=1 / number)
    raise _unknown(kind, f"by {number}")


_LEAST = 1e-300
"""What is divided by less may be infinite."""


def _values(kind: str, arguments: object, names: tuple[str, ...]) -> list[object]:
    """What the call hands to the parameters of those names, all of them, in their order."""
    if not isinstance(arguments, Mapping):
        raise _unknown(kind, "whose arguments are not recorded")
    given, named = list(arguments.get("args") or ()), dict(arguments.get("kwargs") or {})
    spelled = [*names[: len(given)], *named]
    # The wires are read in the order in which they are written.
    if len(given) > len(names) or spelled != list(names):
        raise _unknown(kind, f"called with {len(given)} arguments and {', '.join(named) or 'none by name'}")
    return [*given, *named.values()]


def _is_tensor(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _along_channels(kind: str, axis: object, shapes: Sequence[Shape | None]) -> None:
    """Raises UnknownLayerError for another axis than the last; the batch counts as one."""
    last = None if shapes[0] is None else len(shapes[0])
    if isinstance(axis, bool) or axis not in (-1, last) or axis is None:
        raise _unknown(kind, f"along axis {axis!r:.60}")


def _number(kind: str, key: str, value: object) -> float:
    try:
        return number_of(value)
    except ValueError:
        raise _unknown(kind, f"with {key}={value!r:.60}") from None


def _unknown(kind: str, what: str = "") -> UnknownLayerError:
    return UnknownLayerError(f"no rule for the operation {kind} {what}".rstrip())
