"""A graph as a torch.nn.Module: the same layers, paddings and weights as `archscope.interop.lower` builds for Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archscope.graph import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Graph,
    ReLU,
    Rescaling,
    Row,
    Windowed,
    ZeroPadding2D,
    trace,
)


class Twin(nn.Module):
    """Raw pixels (batch, channels, height, width) as floats in; logits (batch, classes) out, before any softmax.

    Raises KeyError for an op that MobileNetV2 and its surgery do not have.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        first, *rows = trace(graph)
        self._output = rows[-1].name
        self._input = first.name
        self._reads = {row.name: row.node.inputs for row in rows}
        self._depthwise = {row.name for row in rows if isinstance(row.node.op, DepthwiseConv2D)}
        self.layers = nn.ModuleDict({row.name: _LAYERS[type(row.node.op)](row) for row in rows})
        for row in rows:
            if isinstance(row.node.op, ReLU):
                # As torchvision does, where nobody else reads what is overwritten.
                self.layers[row.name].inplace = len(graph.consumers(row.node.inputs[0])) == 1

    def forward(self, pixels: Tensor) -> Tensor:
        made = {self._input: pixels}
        for name, layer in self.layers.items():
            made[name] = layer(*(made[read] for read in self._reads[name]))
        return made[self._output]

    def load(self, weights: Mapping[str, list[np.ndarray]]) -> None:
        """Take the weights of every layer that has any, by its name, in Keras' order and layout."""
        for name, values in weights.items():
            # Without the one number that a batch norm counts its batches with. The order is Keras' own.
            tensors = [tensor for tensor in self.layers[name].state_dict().values() if tensor.ndim]
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(torch.from_numpy(_turned(value, name in self._depthwise).copy()))


def _turned(value: np.ndarray, depthwise: bool) -> np.ndarray:
    """Keras' layout to PyTorch's: (h, w, in, out) to (out, in, h, w); depthwise (h, w, c, m) to (c * m, 1, h, w)."""
    if value.ndim == 2:
        return value.T
    if value.ndim != 4:
        return value
    if not depthwise:
        return value.transpose(3, 2, 0, 1)
    return value.transpose(2, 3, 0, 1).reshape(-1, 1, *value.shape[:2])


class _Rescaling(nn.Module):
    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels * self.scale + self.offset


class _Sum(nn.Module):
    def forward(self, *maps: Tensor) -> Tensor:
        total = maps[0]
        for other in maps[1:]:
            total = total + other
        return total


class _Mean(nn.Module):
    def __init__(self, keepdims: bool) -> None:
        super().__init__()
        self.keepdims = keepdims

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3), keepdim=self.keepdims)


def _convolution(row: Row, filters: int, groups: int, use_bias: bool) -> nn.Module:
    """The convolution; before it, a layer of zeros where Keras' "same" pads more on one side than on the other."""
    op: Any = row.node.op
    height, width = (_around(op, axis, row.inputs[0][axis]) for axis in range(2))
    even = height[0] == height[1] and width[0] == width[1]
    convolution = nn.Conv2d(
        row.inputs[0][2],
        filters,
        op.kernel,
        op.strides,
        (height[0], width[0]) if even else 0,
        op.dilation,
        groups,
        use_bias,
    )
    return convolution if even else nn.Sequential(nn.ZeroPad2d((*width, *height)), convolution)


def _around(op: Windowed, axis: int, size: int) -> tuple[int, int]:
    """Zeros before and after: with "same" as many as ceil(size / stride) windows need, the odd one after."""
    if op.padding == "valid":
        return 0, 0
    windows = -(-size // op.strides[axis])
    zeros = max((windows - 1) * op.strides[axis] + op.span[axis] - size, 0)
    return zeros // 2, zeros - zeros // 2


def _normalisation(row: Row) -> nn.Module:
    op: Any = row.node.op
    # PyTorch's momentum is the weight of the new value.
    return nn.BatchNorm2d(row.inputs[0][-1], eps=op.epsilon, momentum=1 - op.momentum)


def _relu(row: Row) -> nn.Module:
    op: Any = row.node.op
    return nn.ReLU() if op.max_value is None else nn.Hardtanh(0.0, op.max_value)


_LAYERS: Mapping[type, Callable[[Any], nn.Module]] = {
    Add: lambda row: _Sum(),
    BatchNormalization: _normalisation,
    Conv2D: lambda row: _convolution(row, row.node.op.filters, row.node.op.groups, row.node.op.use_bias),
    Dense: lambda row: nn.Linear(row.inputs[0][0], row.node.op.units, row.node.op.use_bias),
    DepthwiseConv2D: lambda row: _convolution(row, row.output[2], row.inputs[0][2], row.node.op.use_bias),
    Dropout: lambda row: nn.Dropout(row.node.op.rate),
    GlobalAveragePooling2D: lambda row: _Mean(row.node.op.keepdims),
    ReLU: _relu,
    Rescaling: lambda row: _Rescaling(row.node.op.scale, row.node.op.offset),
    ZeroPadding2D: lambda row: nn.ZeroPad2d((*row.node.op.padding[1], *row.node.op.padding[0])),
}
