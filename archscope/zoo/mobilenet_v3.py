"""MobileNetV3: Howard et al. 2019 (arXiv:1905.02244), Tables 1 and 2, as keras.applications builds Small and Large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from archscope.graph import (
    HEAD,
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Graph,
    Multiply,
    ReLU,
    Rescaling,
    Shape,
    make_divisible,
)
from archscope.zoo.builder import SOFTMAX, Chain, stride_padding
from archscope.zoo.model import ALPHA, CLASSES, TOP, Model, dropout_argument, flag_argument

Stage = tuple[int, int, int, bool, str, Sequence[float]]

STEM_FILTERS, LAST_EXPANSION, SQUEEZE = 16, 6, 0.25

# (c: output channels, k: window, s: stride of the first, SE: squeeze-excite, NL: "RE" ReLU or "HS" hard swish,
# t: the expansion factor of each block), one row a stage. The paper gives expanded channels where Keras has factors.
LARGE: Sequence[Stage] = (
    (16, 3, 1, False, "RE", (1,)),
    (24, 3, 2, False, "RE", (4, 3)),
    (40, 5, 2, True, "RE", (3, 3, 3)),
    (80, 3, 2, False, "HS", (6, 2.5, 2.3, 2.3)),
    (112, 3, 1, True, "HS", (6, 6)),
    (160, 5, 2, True, "HS", (6, 6, 6)),
)
SMALL: Sequence[Stage] = (
    (16, 3, 2, True, "RE", (1,)),
    (24, 3, 2, False, "RE", (72 / 16, 88 / 24)),
    (40, 5, 2, True, "HS", (4, 6, 6)),
    (48, 5, 1, True, "HS", (3, 3)),
    (96, 5, 2, True, "HS", (6, 6, 6)),
)
LARGE_HEAD, SMALL_HEAD = 1280, 1024

_NORM = BatchNormalization(momentum=0.999)
_HARD_SWISH = Activation(function="hard_silu")


def build_mobilenet_v3(
    stages: Sequence[Stage], head_filters: int, input_shape: Shape, arguments: Mapping[str, float]
) -> Graph:
    """The graph for `alpha`, `minimalistic`, `classes`, `top` and `dropout`; verify it before use.

    Channels are make_divisible(c * alpha) in the blocks, alike for expanded and squeezed ones; the stem keeps its 16,
    and the head's 1x1 conv is widened by alpha above 1 and never narrowed. A minimalistic network has 3x3 windows,
    ReLU and no squeeze-excite throughout. Source of names and order: keras.applications.MobileNetV3Small and Large.
    """
    alpha, minimalistic = arguments["alpha"], bool(arguments["minimalistic"])
    last_kind = "RE" if minimalistic else "HS"
    chain = Chain(input_shape)
    chain.at("stem", stage="stem")
    chain.add("conv", Conv2D(filters=STEM_FILTERS, kernel=(3, 3), strides=(2, 2)))
    _normalise(chain, "conv", last_kind)
    block = 0
    for number, (channels, kernel, stride, excite, kind, expansions) in enumerate(stages, 1):
        if minimalistic:
            kernel, excite, kind = 3, False, "RE"
        for repeat, expansion in enumerate(expansions):
            chain.at(f"block_{block}", stage=f"stage_{number}")
            window = DepthwiseConv2D(kernel=(kernel, kernel))
            if repeat == 0 and stride > 1:
                window = DepthwiseConv2D(kernel=(kernel, kernel), strides=(stride, stride), padding="valid")
            _inverted_residual(chain, block, expansion, window, excite, kind, make_divisible(channels * alpha))
            block += 1
    chain.at("last_conv", stage="last")
    chain.add("conv_1", Conv2D(filters=make_divisible(chain.shape[2] * LAST_EXPANSION), kernel=(1, 1)))
    _normalise(chain, "conv_1", last_kind)
    if arguments["top"]:
        chain.at(HEAD, stage=HEAD)
        filters = make_divisible(head_filters * alpha) if alpha > 1 else head_filters
        _top(chain, filters, last_kind, int(arguments["classes"]), arguments["dropout"])
    return chain.graph()


def _inverted_residual(
    chain: Chain, block: int, expansion: float, window: DepthwiseConv2D, excite: bool, kind: str, filters: int
) -> None:
    """Expand (not in block 0), depthwise, squeeze-excite, project; the Add where stride and channels allow it."""
    prefix = f"expanded_conv_{block}_" if block else "expanded_conv_"
    entry, channels = chain.last, chain.shape[2]
    if block:
        chain.add(f"{prefix}expand", Conv2D(filters=make_divisible(channels * expansion), kernel=(1, 1)))
        _normalise(chain, f"{prefix}expand", kind)
    if window.padding == "valid":
        chain.add(f"{prefix}depthwise_pad", stride_padding(chain.shape, window.kernel[0]))
    chain.add(f"{prefix}depthwise", window)
    _normalise(chain, f"{prefix}depthwise", kind)
    if excite:
        _squeeze_excite(chain, f"{prefix}squeeze_excite")
    chain.add(f"{prefix}project", Conv2D(filters=filters, kernel=(1, 1)))
    end = chain.add(f"{prefix}project_bn", _NORM)
    if window.strides == (1, 1) and channels == filters:
        chain.add(f"{prefix}add", Add(), entry, end)


def _squeeze_excite(chain: Chain, prefix: str) -> None:
    """The map, each channel times a gate in 0..1 that all channels' means give: hard sigmoid, ReLU6(x + 3) / 6."""
    source, channels = chain.last, chain.shape[2]
    chain.add(f"{prefix}_avg_pool", GlobalAveragePooling2D(keepdims=True))
    chain.add(f"{prefix}_conv", Conv2D(filters=make_divisible(channels * SQUEEZE), kernel=(1, 1), use_bias=True))
    chain.add(f"{prefix}_relu", ReLU())
    chain.add(f"{prefix}_conv_1", Conv2D(filters=channels, kernel=(1, 1), use_bias=True))
    # Keras writes the hard sigmoid with operators, which are layers without a name.
    chain.add(chain.auto("add"), Rescaling(scale=1.0, offset=3.0))
    chain.add(chain.auto("re_lu"), ReLU(max_value=6.0))
    gate = chain.add(chain.auto("multiply"), Rescaling(scale=1 / 6))
    chain.add(f"{prefix}_mul", Multiply(), source, gate)


def _normalise(chain: Chain, name: str, kind: str) -> None:
    chain.add(f"{name}_bn", _NORM)
    _activate(chain, kind)


def _activate(chain: Chain, kind: str) -> None:
    if kind == "HS":
        chain.add(chain.auto("activation"), _HARD_SWISH)
    else:
        chain.add(chain.auto("re_lu"), ReLU())


def _top(chain: Chain, filters: int, kind: str, classes: int, dropout: float) -> None:
    chain.add("global_average_pooling2d", GlobalAveragePooling2D(keepdims=True))
    chain.add("conv_2", Conv2D(filters=filters, kernel=(1, 1), use_bias=True))
    _activate(chain, kind)
    if dropout:
        chain.add("dropout", Dropout(rate=dropout))
    chain.add("logits", Conv2D(filters=classes, kernel=(1, 1), use_bias=True))
    chain.add("flatten", Flatten())
    chain.add("predictions", SOFTMAX)


MINIMALISTIC = flag_argument("minimalistic", False, "plain 3x3 windows, ReLU, no squeeze-excite")

MODELS = tuple(
    Model(
        f"mobilenet_v3_{size}",
        f"MobileNetV3{size.title()}",
        "Howard et al. 2019, arXiv:1905.02244",
        (ALPHA, MINIMALISTIC, CLASSES, TOP, dropout_argument(0.2)),
        partial(build_mobilenet_v3, stages, head_filters),
    )
    for size, stages, head_filters in (("small", SMALL, SMALL_HEAD), ("large", LARGE, LARGE_HEAD))
)
