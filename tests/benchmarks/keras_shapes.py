"""What `archscope shapes --input 32` prints, from a Keras script as one would write it: the other side of a benchmark.

Run by shapes_vs_keras.py. The same table (layer, output shape, parameters, MACs; totals below), printed with Rich.
"""

from __future__ import annotations

from math import prod

import keras
from rich.console import Console
from rich.table import Table


def macs(layer: keras.Layer) -> int:
    """Multiply-accumulates of a layer for one image: per output position, every tap of the kernel."""
    if not hasattr(layer, "kernel"):
        return 0
    positions = prod(layer.output.shape[1:-1]) if len(layer.output.shape) == 4 else 1
    return positions * prod(layer.kernel.shape)


def main() -> None:
    model = keras.applications.MobileNetV2(input_shape=(32, 32, 3), weights=None, classes=10)
    table = Table("layer", "kind", "output", "params", "MACs")
    for layer in model.layers:
        shape = "x".join(map(str, layer.output.shape[1:]))
        row = (layer.name, type(layer).__name__, shape, f"{layer.count_params():,}", f"{macs(layer):,}")
        table.add_row(*row)
    total = sum(macs(layer) for layer in model.layers)
    table.add_row("total", "", "", f"{model.count_params():,}", f"{total:,}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
