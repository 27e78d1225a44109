"""Limits as people write them, and a network held against them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.analysis import group, memory
from archscope.budget import Limits, Stretch, Verdict, judge, parse_budget, parse_size, read_limits, stretch
from archscope.design import build, parse_spec
from archscope.errors import DesignError
from archscope.graph import Conv2D, Graph, Input, Node, Opaque, Trace, verify


def traced(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


def blocks_of(*filters: int) -> Trace:
    """A chain of 1x1 convolutions on one channel, a block each; filters of 1 keep it at that."""
    nodes = [Node("input", Input(shape=(4, 4, 1)), (), "input", "input")]
    for number, count in enumerate(filters):
        op = Conv2D(filters=count, kernel=(1, 1))
        nodes.append(Node(f"conv_{number}", op, (nodes[-1].name,), f"block_{number}", "body"))
    return verify(Graph(tuple(nodes)))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256KiB", 262_144),
        ("256kb", 256_000),
        ("2.5MiB", 2_621_440),
        ("2.5 MB", 2_500_000),
        ("1GiB", 1 << 30),
        ("262,144B", 262_144),
        ("0.1KiB", 102),  # 102.4: no network has 0.4 of a byte
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "--max-weights") == size


@pytest.mark.parametrize("text", ["", "5", "5k", "5M", "-1KiB", "0B", "0.5B", "1TiB", "1e3B", "5  KiB", "٥KiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(DesignError, match="is no size in bytes; write 256KiB"):
        parse_size(text, "--max-weights")


@given(st.integers(1, 10**12))
def test_a_size_in_bytes_reads_back(size: int) -> None:
    assert parse_size(f"{size}B", "x") == parse_size(f"{size:,}B", "x") == size


def test_a_budget_table_is_read() -> None:
    text = """
        [design]
        model = "mobilenet_v1"
        [budget]
        max_params = "600k"
        max_trainable_params = 590_000
        max_macs = "30M"
        max_weights = "2.5MiB"
        max_peak_ram = "256KiB"
        dtype = "int8"
        min_map = 2
        no_collapse = true
        no_dead_taps = false
    """
    limits = Limits(**(parse_budget(text, Path("f.toml")) or {}))
    assert limits == Limits(
        max_params=600_000,
        max_trainable_params=590_000,
        max_macs=30_000_000,
        max_weights=2_621_440,
        max_peak_ram=262_144,
        dtype="int8",
        min_map=2,
        no_collapse=True,
    )
    assert parse_budget("[design]", Path("f.toml")) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_param = 3", r"f.toml, \[budget\]: no limit 'max_param'; did you mean 'max_params'"),
        ("max_params = '5MiB'", r"max_params '5MiB' is no count from 1 to 10\^18"),
        ("max_params = 0", r"max_params '0' is no count from 1 to 10\^18"),
        ("max_params = 1.5", r"is no count"),
        ("max_params = true", r"is no count"),
        ("max_weights = 5000", r"max_weights '5000' is no size in bytes"),
        ("dtype = 'int4'", r"no dtype 'int4'; did you mean 'int8'"),
        ("dtype = 4", r"no dtype 4; it is float32, float16, int8"),
        ("no_collapse = 'yes'", r"no_collapse='yes' is neither true nor false; write no_collapse = true"),
    ],
)
def test_a_wrong_budget_is_one_sentence_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        parse_budget(f"[budget]\n{text}\n", Path("f.toml"))


@pytest.mark.parametrize(("text", "message"), [("x = ", "f.toml is not TOML"), ("budget = 3", "budget is not a table")])
def test_a_file_that_holds_no_table_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        parse_budget(text, Path("f.toml"))


def test_options_are_named_as_typed() -> None:
    with pytest.raises(DesignError, match="--max-macs 'x'"):
        read_limits({"max_params": None, "max_macs": "x"}, lambda key: "--" + key.replace("_", "-"))
    assert read_limits({"max_params": None, "no_collapse": None}) == {}


def test_verdicts_at_their_edges() -> None:
    assert Verdict(2, 2, least=True).holds
    assert Verdict(1, 2, least=True).margin == -1
    assert not Verdict(2, 2, least=True).near
    assert Verdict(0, 0).holds
    assert not Verdict(0, 0).near
    assert not Verdict(1, 0).holds


def test_the_study_network_against_every_limit() -> None:
    trace = traced("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000")
    limits = Limits(
        max_params=572_066,
        max_trainable_params=555_201,
        max_macs=10_000_000,
        max_weights=572_065,
        max_peak_ram=10**9,
        dtype="int8",
        min_map=2,
        no_collapse=True,
        no_dead_taps=True,
    )
    found = {judgement.key: judgement.verdict for judgement in judge(trace, limits)}
    assert list(found) == [
        "max_params", "max_trainable_params", "max_macs", "max_weights", "max_peak_ram", "min_map", "no_collapse",
        "no_dead_taps",
    ]  # fmt: skip
    assert [verdict.holds for verdict in found.values()] == [True, False, True, False, True, True, True, True]
    assert found["max_trainable_params"].margin == -1
    assert found["max_weights"].figure == 572_066
    assert found["min_map"] == Verdict(2, 2, least=True)
    assert found["max_peak_ram"].figure == memory(trace, bytes_per_element=1).peak_bytes


def test_weights_and_peak_are_priced_in_the_dtype() -> None:
    trace = traced("mobilenet_v2@32")
    for dtype, size in (("float32", 4), ("float16", 2), ("int8", 1)):
        weights, peak = judge(trace, Limits(max_weights=1, max_peak_ram=1, dtype=dtype))
        assert weights.verdict.figure == 2_270_794 * size
        assert peak.verdict.figure == 30_720 * size
        assert peak.layers[0] == "block_1_depthwise"


def test_collapse_and_dead_taps_of_mobilenet_v2_at_32() -> None:
    least, fallen, dead = judge(traced("mobilenet_v2@32"), Limits(min_map=2, no_collapse=True, no_dead_taps=True))
    assert fallen.layers == least.layers == ("block_13_depthwise",)
    assert dead.verdict.figure == 25_920
    assert dead.layers == tuple(f"block_{number}_depthwise" for number in (13, 14, 15, 16))
    healthy = judge(traced("mobilenet_v2@224"), Limits(min_map=7, no_collapse=True, no_dead_taps=True))
    assert all(judgement.verdict.holds and not judgement.layers for judgement in healthy)


def test_blame_is_the_shortest_run_that_holds_more_than_half() -> None:
    # Parameters 1, 1, 1, 3, 3 * 2, 2 * 1: blocks 0 to 5 of a whole of 14; no one holds more than 7, 3 and 4 hold 9.
    trace = blocks_of(1, 1, 1, 3, 2, 1)
    assert [block.params for block in group(trace, "block")] == [0, 1, 1, 1, 3, 6, 2]
    assert stretch(trace, lambda block: block.params) == Stretch("block_3", "block_4", 9, 14)
    # Half is not most, and of equal runs the first is named.
    assert stretch(blocks_of(1, 1), lambda block: block.params) == Stretch("block_0", "block_1", 2, 2)
    assert stretch(blocks_of(1, 1, 1), lambda block: block.params) == Stretch("block_0", "block_1", 2, 3)
    assert stretch(blocks_of(1, 9), lambda block: block.params) == Stretch("block_1", "block_1", 9, 10)
    assert stretch(blocks_of(1), lambda block: 0) is None


@given(st.lists(st.integers(1, 9), min_size=1, max_size=7))
def test_no_shorter_run_holds_more_than_half(filters: list[int]) -> None:
    trace = blocks_of(*filters)
    counts = [block.params for block in group(trace, "block")]
    names = [block.name for block in group(trace, "block")]
    found = stretch(trace, lambda block: block.params)
    assert found is not None
    first, last = names.index(found.first), names.index(found.last)
    assert found.part == sum(counts[first : last + 1])
    assert 2 * found.part > found.whole == sum(counts)
    for length in range(1, last - first + 1):
        assert all(2 * sum(counts[i : i + length]) <= found.whole for i in range(len(counts)))


def test_what_nobody_counts_is_named() -> None:
    nodes = (
        Node("input", Input(shape=(4, 4, 1))),
        Node("conv", Conv2D(filters=2, kernel=(1, 1)), ("input",)),
        Node("mystery", Opaque(kind="Mystery", shape=(4, 4, 2)), ("conv",)),
    )
    (macs,) = judge(verify(Graph(nodes)), Limits(max_macs=1000))
    assert macs.verdict == Verdict(32, 1000)
    assert macs.unknown == ("mystery",)
