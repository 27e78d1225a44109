"""Graph -> Graph. The graph that goes in is left unchanged; what comes out is verified."""

from archscope.surgery.cut import cut
from archscope.surgery.dilate import dilate
from archscope.surgery.drop import drop
from archscope.surgery.head import DEFAULT_DROPOUT, conv_head, plain_head, without_head
from archscope.surgery.replace import DEFAULT_GROUPS, check_words, replace
from archscope.surgery.select import last_layer, named, selected, strided_layer
from archscope.surgery.stride import stride
from archscope.surgery.upsample import FACTORS, WAYS, upsample
from archscope.surgery.width import DEFAULT_DIVISOR, channel_maker, width

__all__ = [
    "DEFAULT_DIVISOR",
    "DEFAULT_DROPOUT",
    "DEFAULT_GROUPS",
    "FACTORS",
    "WAYS",
    "channel_maker",
    "check_words",
    "conv_head",
    "cut",
    "dilate",
    "drop",
    "last_layer",
    "named",
    "plain_head",
    "replace",
    "selected",
    "stride",
    "strided_layer",
    "upsample",
    "width",
    "without_head",
]
