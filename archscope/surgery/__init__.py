"""Graph -> Graph. The graph that goes in is left unchanged; what comes out is verified."""

from archscope.surgery.cut import cut
from archscope.surgery.head import DEFAULT_DROPOUT, conv_head, plain_head, without_head
from archscope.surgery.select import last_layer, strided_layer
from archscope.surgery.stride import stride
from archscope.surgery.upsample import FACTORS, WAYS, upsample

__all__ = [
    "DEFAULT_DROPOUT",
    "FACTORS",
    "WAYS",
    "conv_head",
    "cut",
    "last_layer",
    "plain_head",
    "stride",
    "strided_layer",
    "upsample",
    "without_head",
]
