"""The block graph and the heat map as pictures: what they show, and the same bytes for the same network."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from archscope.analysis import collapse
from archscope.design import build, parse_spec
from archscope.diagnose.scan import scan
from archscope.errors import OutputError
from archscope.graph import Graph, Input, Node, ReLU, Trace, verify
from archscope.report.draw import draw, layout, write_drawing
from archscope.report.figure import rendered, settings
from archscope.report.scan import write_scan

SVG = "{http://www.w3.org/2000/svg}svg"


def traced(spec: str) -> Trace:
    return verify(build(parse_spec(spec)))


def texts(trace: Trace, spec: str, coloring: str = "map") -> set[str]:
    with settings(salt="test", fonttype="none"):
        root = ElementTree.fromstring(rendered(draw(trace, spec, coloring), "svg").decode())  # type: ignore[arg-type]
    return {
        text for node in root.iter() if node.tag.endswith(("text", "tspan")) and (text := (node.text or "").strip())
    }


def test_the_picture_says_where_the_map_collapses() -> None:
    said = texts(traced("mobilenet_v2@32"), "mobilenet_v2@32")
    assert {"mobilenet_v2@32", "stem", "block_13", "16x16", "1x1", "1280"} <= said
    assert any("COLLAPSE  2x2" in text for text in said)
    assert "block_13_depthwise" in said
    assert "72.5% of the body's parameters" in " ".join(said)
    healthy = texts(traced("mobilenet_v2@224"), "x", "params")
    assert not any("COLLAPSE" in text for text in healthy)
    assert any("final map 7x7" in text for text in healthy)
    assert "478k" in healthy  # block_16, which has the most: 157,440 + 12,480 + 308,480


def test_boxes_follow_map_and_channels() -> None:
    trace = traced("mobilenet_v2@32")
    boxes = {box.block.name: box for box in layout(trace, collapse(trace), "map")}
    assert boxes["input"].height > boxes["stem"].height > boxes["block_1"].height > boxes["block_13"].height
    assert boxes["input"].height - boxes["stem"].height == pytest.approx(boxes["stem"].height - boxes["block_1"].height)
    assert boxes["last_conv"].width > boxes["block_13"].width > boxes["input"].width
    assert {name for name, box in boxes.items() if box.behind} == {
        "block_13", "block_14", "block_15", "block_16", "last_conv"
    }  # fmt: skip
    assert [int(name.split("_")[1]) for name, box in boxes.items() if box.residual] == [
        2,
        4,
        5,
        7,
        8,
        9,
        11,
        12,
        14,
        15,
    ]
    in_order = list(boxes.values())
    assert all(one.right < other.left for one, other in pairwise(in_order))
    by_params = {box.block.name: box.strength for box in layout(trace, None, "params")}
    assert by_params["block_16"] == 1
    assert by_params["input"] == 0


@pytest.mark.parametrize("suffix", [".png", ".svg", ".SVG"])
def test_the_same_network_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    trace, found = traced("mobilenet_v1@32"), scan(parse_spec("mobilenet_v1@32"), (24, 32, 64))
    for folder in ("a", "b"):
        write_drawing(trace, "mobilenet_v1@32", tmp_path / folder / f"net{suffix}", "macs")
        write_scan(found, "mobilenet_v1@32", tmp_path / folder / f"scan{suffix}")
    for name in ("net", "scan"):
        first, second = (tmp_path / folder / f"{name}{suffix}" for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
        if suffix == ".png":
            with Image.open(first) as image:
                image.load()
                assert image.width >= 1000  # sharp at the 830 points of a README
                assert not image.info.get("Software")
        else:
            assert ElementTree.fromstring(first.read_text()).tag == SVG
            assert "<dc:date>" not in first.read_text()


def test_networks_at_the_edges_are_drawn(tmp_path: Path) -> None:
    one = Graph((Node("input", Input(shape=(1, 1, 1))), Node("relu", ReLU(), ("input",))))
    write_drawing(verify(one), "$<&>$" * 30, tmp_path / "one.png", "params")
    write_drawing(traced("mobilenet_v2@1000000x3,alpha=4,top=false"), "big", tmp_path / "big.png")
    write_scan(scan(parse_spec("mobilenet_v1@32"), (1, 2)), "nothing", tmp_path / "nothing.png")
    assert len(list(tmp_path.iterdir())) == 3


def test_other_formats_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x\.pdf is neither a \.png nor a \.svg file"):
        write_drawing(traced("mobilenet_v2@32"), "x", tmp_path / "x.pdf")
    assert list(tmp_path.iterdir()) == []
