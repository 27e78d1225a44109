"""A design over input sizes, against single traces."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.analysis import collapse, group
from archscope.design import build, parse_spec
from archscope.diagnose.scan import Scan, parse_sizes, scan
from archscope.errors import DesignError
from archscope.graph import verify
from archscope.report.scan import heat_map, legend, scan_grid, scan_record, scan_sentence, scan_table, shown_sizes


def scanned(spec: str, sizes: str, by: str = "block") -> Scan:
    return scan(parse_spec(spec), parse_sizes(sizes), by)  # type: ignore[arg-type]


scanned_once = cache(scanned)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("24..48", (24, 32, 40, 48)),
        ("24..50:16", (24, 40)),
        ("5..5", (5,)),
        ("64,32,48,32", (32, 48, 64)),
        ("7", (7,)),
        (" 1..3:1 ", (1, 2, 3)),
    ],
)
def test_sizes(text: str, sizes: tuple[int, ...]) -> None:
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize("text", ["", "9..3", "3..9:0", "0,1", "3,", "a", "1..9..2", "1..300:1", "10001", "-3", "３"])
def test_what_is_no_list_of_sizes_is_refused(text: str) -> None:
    with pytest.raises(DesignError, match="--sizes"):
        parse_sizes(text)


@pytest.mark.parametrize("spec", ["mobilenet_v2@32", "mobilenet_v2@32,alpha=0.5+cut:block_12_add+stride:Conv1,to=1"])
@pytest.mark.parametrize("by", ["block", "layer"])
def test_each_column_is_the_network_at_that_size(spec: str, by: str) -> None:
    found = scanned(spec, "9,32,33,64", by)
    for column, size in enumerate(found.sizes):
        design = parse_spec(spec)
        trace = verify(build(design.having(input=(size, size, 3))))
        assert found.collapses[column] == collapse(trace)
        groups = {block.name: block for block in group(trace, by)}  # type: ignore[arg-type]
        fallen = collapse(trace)
        at = next((i for i, row in enumerate(trace) if fallen and row.name == fallen.layer), len(trace.rows))
        for line in found.lines:
            cell, block = line.cells[column], groups[line.name]
            assert cell is not None
            assert cell.map == block.output[:2]
            assert cell.collapsed == (trace.rows.index(block.last) >= at)


def test_the_smallest_healthy_input_of_mobilenet_v2() -> None:
    found = scanned("mobilenet_v2@32", "24..224")
    assert (found.smallest_healthy(), found.healthy_from) == (40, 40)
    by_name = {line.name: found.smallest_healthy(line) for line in found.lines}
    assert by_name["block_12"] == 24
    assert by_name["block_13"] == by_name["last_conv"] == 40
    assert found.healthy == (False, False, *[True] * 24)
    assert "input" not in by_name
    assert "head" not in by_name


def test_dead_taps_are_those_of_the_study() -> None:
    found = scanned("mobilenet_v1@32", "32,224", "layer")
    cells = {line.name: line.cells for line in found.lines}
    small, large = cells["conv_dw_12"]
    assert small is not None
    assert large is not None
    assert (small.taps, small.live_taps) == (9, 4)
    assert (large.live_taps, large.dead_weights) == (9, 0)
    last = cells["conv_dw_13"][0]
    assert last is not None
    assert (last.live_taps, last.dead_weights) == (1, 8 * 1024)
    v2 = scanned("mobilenet_v2@32", "32")
    assert sum(cell.dead_weights for line in v2.lines for cell in line.cells if cell) == 25_920


def test_odd_sizes_can_be_healthy_before_even_ones() -> None:
    found = scanned("mobilenet_v2@32", "32..35:1")
    assert found.healthy == (False, True, True, True)
    # One row with a gap: 33 is healthy, a later size is made not to be.
    gap = Scan("block", (1, 2, 3, 4), (), (None,) * 4, (True,) * 4, (False, True, False, True))
    assert (gap.smallest_healthy(), gap.healthy_from) == (2, 4)
    assert "Smallest healthy input: 2x2" in scan_sentence(gap)
    assert "so are all scanned from 4 on" in scan_sentence(gap)
    ill = Scan("block", (1, 2), (), (None,) * 2, (True,) * 2, (True, False))
    assert ill.healthy_from is None
    assert "larger ones, not all" in scan_sentence(ill)


def test_a_size_without_a_shape_is_marked() -> None:
    found = scanned("mobilenet_v1@32", "24,32")
    assert found.built == (False, True)
    assert {line.cells[0] for line in found.lines} == {None}
    assert "·" in str(list(heat_map(found, 80))[1])
    assert scan_record(found)["rows"][0]["cells"][0] is None  # type: ignore[index]
    nothing = scanned("mobilenet_v1@32", "8")
    assert nothing.lines == ()
    assert "No healthy input size" in scan_sentence(nothing)
    assert len(list(heat_map(nothing, 60))) == 2


def test_an_edit_that_fits_at_some_sizes_only() -> None:
    # At 33 the stem makes 17 -> 9, and block_3's stride of 1 keeps it; nothing raises, whatever fits.
    found = scanned("mobilenet_v2@32+stride:block_2_depthwise,to=2", "16,32")
    assert found.built == (False, False)


@given(st.integers(30, 220), st.sampled_from(["24..224", "24..1000:16", "32", "1..9:1"]), st.booleans())
def test_the_heat_map_fits_and_says_what_it_leaves_out(width: int, sizes: str, by_layer: bool) -> None:
    found = scanned_once("mobilenet_v2@32", sizes, "layer" if by_layer else "block")
    lines = [line.plain for line in heat_map(found, width)]
    assert max(len(line) for line in lines) <= width
    assert len(lines) == len(found.lines) + 2
    shown = shown_sizes(found, width)
    assert lines[0].split()[1:-1] == [str(size) for size in shown]
    assert list(shown) == sorted(set(shown) & set(found.sizes))
    assert (f"{len(shown)} of {len(found.sizes)} sizes" in legend(found, width)) == (len(shown) < len(found.sizes))
    if found.smallest_healthy() and len(shown) > 1:
        assert found.smallest_healthy() in shown


def test_glyphs_say_what_colours_say() -> None:
    found = scanned("mobilenet_v2@32", "1,32,224")
    lines = {line.plain.split()[0]: line for line in heat_map(found, 80)}
    assert lines["block_13"].plain.split() == ["block_13", "1!", "1✗", "7", "224"]
    assert lines["network"].plain.split() == ["network", "!", "✗", "✓", "224"]
    for line, glyph, style in (("block_13", "!", "yellow"), ("block_13", "✗", "red")):
        styles = [str(span.style) for span in lines[line].spans if glyph in lines[line].plain[span.start : span.end]]
        assert [style in known for known in styles] == [True]


def test_machine_forms_hold_every_cell() -> None:
    found = scanned("mobilenet_v2@32", "32,64")
    records = scan_table(found).records()
    assert len(records) == 2 * len(found.lines)
    cell = next(record for record in records if (record["name"], record["size"]) == ("block_13", 32))
    assert cell == {
        "name": "block_13",
        "size": 32,
        "height": 1,
        "width": 1,
        "collapsed": True,
        "taps": 11,
        "live_taps": 6,
        "dead_weights": 5 * 576,
    }
    assert scan_grid(found).records()[0] == {"name": "stem", "32": "16", "64": "32", "smallest_healthy": "32"}
