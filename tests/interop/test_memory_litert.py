"""Peak activation memory against the addresses that LiteRT gives the tensors of the exported study networks."""

from __future__ import annotations

import numpy as np
import pytest

from archscope.analysis.memory import memory
from archscope.design import build, parse_spec
from archscope.graph import verify
from archscope.interop.export import litert_bytes
from archscope.interop.framework import load_framework
from archscope.interop.lower import lower
from archscope.interop.quiet import quiet

# Keras reads a variable with np.array(copy=False), which TensorFlow's variables do not implement.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend.tensorflow.core"
)


def address_extent(content: bytes) -> int:
    """Bytes from the first to the last address of the tensors that are no weights, scratch included.

    Weights lie in the file itself; a scalar has no memory that NumPy would show.
    """
    with quiet():
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        interpreter = Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
        arrays = [np.asarray(interpreter.tensor(detail["index"])()) for detail in interpreter.get_tensor_details()]
    file = np.frombuffer(content, np.uint8)
    arena = [array for array in arrays if array.ndim and not np.may_share_memory(array, file)]
    begins = [array.__array_interface__["data"][0] for array in arena]
    return int(max(begin + array.nbytes for begin, array in zip(begins, arena, strict=True)) - min(begins))


@pytest.mark.parametrize("spec", ["mobilenet_v2@32,alpha=0.9", "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"])
def test_the_fused_peak_is_what_litert_needs(spec: str) -> None:
    load_framework()
    trace = verify(build(parse_spec(spec)))
    found = memory(trace)
    extent = address_extent(litert_bytes(lower(trace.graph)))
    assert found.peak_bytes == pytest.approx(extent, rel=0.15)
    # All of the difference is the image, which LiteRT keeps to the end.
    assert "input" not in [tensor.layer for tensor in found.alive]
    assert extent == found.peak_bytes + found.per_layer[0].bytes == 135_168
