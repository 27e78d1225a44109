"""SqueezeNet: Iandola et al. 2016 (arXiv:1602.07360), Table 1 (1.0), and the authors' later 1.1.

keras.applications has none. Names are those of the authors' Caffe model, with `_` for `/`; so are the windows, which
are "valid" but for the padded 3x3 ones of the fire modules. The maps of the paper's table (111, 55, 27, 13) are those
of a 227x227 image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from archscope.graph import (
    HEAD,
    Concatenate,
    Conv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    MaxPooling2D,
    ReLU,
    Shape,
    make_divisible,
)
from archscope.zoo.builder import SOFTMAX, Chain
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, dropout_argument

Fire = tuple[int, int]
Stages = Sequence[Sequence[Fire]]

# conv1 (filters, window), then (s1x1: squeezed channels, e1x1 = e3x3: expanded ones) of each fire module; a maximum
# pooling of stride 2 stands before each stage.
STEM_1_0, STAGES_1_0 = (
    (96, 7),
    (
        ((16, 64), (16, 64), (32, 128)),
        ((32, 128), (48, 192), (48, 192), (64, 256)),
        ((64, 256),),
    ),
)
STEM_1_1, STAGES_1_1 = (
    (64, 3),
    (
        ((16, 64), (16, 64)),
        ((32, 128), (32, 128)),
        ((48, 192), (48, 192), (64, 256), (64, 256)),
    ),
)

_POOL = MaxPooling2D(kernel=(3, 3), strides=(2, 2), padding="valid")


def build_squeezenet(
    stem: tuple[int, int], stages: Stages, input_shape: Shape, arguments: Mapping[str, float]
) -> Graph:
    """The graph for `alpha`, `classes`, `top` and `dropout`; verify it before use.

    Channels are make_divisible(c * alpha). The classifier is a 1x1 convolution before the pooling.
    """
    alpha = arguments["alpha"]
    chain = Chain(input_shape)
    chain.at("stem", stage="stem")
    filters, window = stem
    _convolve(
        chain,
        "conv1",
        Conv2D(
            filters=make_divisible(filters * alpha),
            kernel=(window, window),
            strides=(2, 2),
            padding="valid",
            use_bias=True,
        ),
    )
    # The paper counts conv1 as the first layer, so that the first fire module is the second.
    layer = 1
    for number, fires in enumerate(stages, 1):
        if layer > 1:
            chain.at(f"pool{layer}", stage=f"stage_{number}")
        chain.add(f"pool{layer}", _POOL)
        for squeezed, expanded in fires:
            layer += 1
            chain.at(f"fire{layer}", stage=f"stage_{number}")
            _fire(chain, f"fire{layer}", make_divisible(squeezed * alpha), make_divisible(expanded * alpha))
    if arguments["top"]:
        chain.at(HEAD, stage=HEAD)
        _top(chain, int(arguments["classes"]), arguments["dropout"])
    return chain.graph()


def _fire(chain: Chain, name: str, squeezed: int, expanded: int) -> None:
    """Squeeze to few channels; expand them by 1x1 and by 3x3 windows, side by side."""
    source = _convolve(chain, f"{name}_squeeze1x1", Conv2D(filters=squeezed, kernel=(1, 1), use_bias=True))
    branches = [
        _convolve(
            chain,
            f"{name}_expand{size}x{size}",
            Conv2D(filters=expanded, kernel=(size, size), use_bias=True),
            source,
        )
        for size in (1, 3)
    ]
    chain.add(f"{name}_concat", Concatenate(), *branches)


def _convolve(chain: Chain, name: str, op: Conv2D, *source: str) -> str:
    """The convolution and its ReLU: `fire2_squeeze1x1`, `fire2_relu_squeeze1x1`."""
    fire, _, own = name.rpartition("_")
    chain.add(name, op, *source)
    return chain.add("_".join(filter(None, [fire, "relu", own])), ReLU())


def _top(chain: Chain, classes: int, dropout: float) -> None:
    if dropout:
        chain.add("drop9", Dropout(rate=dropout))
    _convolve(chain, "conv10", Conv2D(filters=classes, kernel=(1, 1), use_bias=True))
    chain.add("pool10", GlobalAveragePooling2D())
    chain.add("prob", SOFTMAX)


_SOURCE = "Iandola et al. 2016, arXiv:1602.07360"
_ARGUMENTS = (ALPHA, CLASSES, TOP, dropout_argument(0.5))

MODELS = (
    # At 32x32 its last pooling finds a map of 2x2.
    Model(
        "squeezenet_1_0",
        "SqueezeNet 1.0",
        _SOURCE,
        _ARGUMENTS,
        partial(build_squeezenet, STEM_1_0, STAGES_1_0),
        (227, 227, 3),
    ),
    Model("squeezenet_1_1", "SqueezeNet 1.1", _SOURCE, _ARGUMENTS, partial(build_squeezenet, STEM_1_1, STAGES_1_1)),
)
