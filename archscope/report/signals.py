"""Columns on demand: the signals of `archscope.analysis.signals`, for layers, blocks and stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from archscope.analysis import Group, Signals
from archscope.errors import DesignError, did_you_mean
from archscope.graph import Row
from archscope.report.table import Column, Value, percent, thousands

Read = Callable[[Group, Sequence[Signals]], Value]


def pair_text(pair: tuple[int, int] | tuple[str, str] | None) -> str | None:
    """`491`, or `491x17` where the axes differ; None for what sees everything."""
    if pair is None:
        return None
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _stride(group: Group, layers: Sequence[Signals]) -> Value:
    return pair_text(layers[-1].output_stride)


def _field(group: Group, layers: Sequence[Signals]) -> Value:
    return pair_text(layers[-1].receptive_field)


def _on_1x1(group: Group, layers: Sequence[Signals]) -> Iterator[Row]:
    return (row for row, layer in zip(group.rows, layers, strict=True) if layer.reads_1x1)


def _padding_share(group: Group, layers: Sequence[Signals]) -> Value:
    return sum(layer.padding_macs for layer in layers) / group.macs if group.macs else 0.0


# What a block or stage shows: its last layer's view, the sum of its weights, the largest of its moments.
SIGNALS: Mapping[str, tuple[Column, Read]] = {
    "output_stride": (Column("output_stride", "out stride"), _stride),
    "receptive_field": (
        Column("receptive_field", "field"),
        _field,
    ),
    "taps": (Column("taps", "taps", thousands), lambda group, layers: sum(layer.taps for layer in layers)),
    "dead_taps": (
        Column("dead_taps", "dead taps", thousands),
        lambda group, layers: sum(layer.dead_taps for layer in layers),
    ),
    "dead_weights": (
        Column("dead_weights", "dead weights", thousands),
        lambda group, layers: sum(layer.dead_weights for layer in layers),
    ),
    "padding_share": (Column("padding_macs_share", "padding %", percent), _padding_share),
    "cramped": (
        Column("cramped_layers", "cramped", thousands),
        lambda group, layers: sum(
            0 < row.macs <= 2 * layer.padding_macs for row, layer in zip(group.rows, layers, strict=True)
        ),
    ),
    "params_on_1x1": (
        Column("params_on_1x1_map", "params on 1x1", thousands),
        lambda group, layers: sum(row.params for row in _on_1x1(group, layers)),
    ),
    "macs_on_1x1": (
        Column("macs_on_1x1_map", "MACs on 1x1", thousands),
        lambda group, layers: sum(row.macs for row in _on_1x1(group, layers)),
    ),
    "activation_bytes": (
        Column("activation_bytes", "activation B", thousands),
        lambda group, layers: sum(layer.activation_bytes for layer in layers),
    ),
    "alive_bytes": (
        Column("alive_bytes", "alive B", thousands),
        lambda group, layers: max(layer.alive_bytes for layer in layers),
    ),
}


def signal_columns(names: Sequence[str]) -> list[tuple[Column, Read]]:
    """The columns of these names, `all` for every one. Raises DesignError, with the nearest names."""
    if list(names) == ["all"]:
        return list(SIGNALS.values())
    for name in names:
        if name not in SIGNALS:
            known = f"the columns are {', '.join(SIGNALS)}, or all"
            raise DesignError(f"no column {name!r}", did_you_mean(name, SIGNALS, known))
    return [SIGNALS[name] for name in dict.fromkeys(names)]
