"""Where the layers of an imported network stand, where names say little."""

from __future__ import annotations

from archscope.configs.blocks import LONGEST, placed
from archscope.graph import Add, Concatenate, Conv2D, GlobalAveragePooling2D, Graph, Input, Node, verify

PAIRS = 10


def cells(count: int) -> Graph:
    """A chain in which each cell reads the two before it, as NASNet's do, so that no layer is on every path."""
    nodes = [Node("image", Input(shape=(8, 8, 3))), Node("stem", Conv2D(filters=4, kernel=(3, 3)), ("image",))]
    nodes.append(Node("stem_2", Conv2D(filters=4, kernel=(3, 3)), ("stem",)))
    before, last = "stem", "stem_2"
    for number in range(count):
        stride = 2 if number == count // 2 else 1
        sums = []
        for pair in range(PAIRS):
            window = Conv2D(filters=4, kernel=(3, 3), strides=(stride, stride))
            nodes.append(Node(f"left_{pair}_{number}", window, (last,)))
            older = Conv2D(filters=4, kernel=(3, 3), strides=(2, 2) if number in _larger(count) else (1, 1))
            nodes.append(Node(f"right_{pair}_{number}", older, (before,)))
            sums.append(f"sum_{pair}_{number}")
            nodes.append(Node(sums[-1], Add(), (f"left_{pair}_{number}", f"right_{pair}_{number}")))
        nodes.append(Node(f"cell_{number}", Concatenate(), tuple(sums)))
        before, last = last, f"cell_{number}"
    nodes.append(Node("both", Concatenate(), (before, last)))
    nodes.append(Node("pool", GlobalAveragePooling2D(), ("both",)))
    return Graph(tuple(nodes))


def _larger(count: int) -> tuple[int, int]:
    """The cells whose older input has a map twice as large as what they make."""
    return count // 2, count // 2 + 1


def test_cells_that_read_the_two_before_them_are_blocks() -> None:
    graph = cells(6)
    assert len(graph.nodes) > LONGEST
    verify(graph)
    nodes = {node.name: node for node in placed(graph).nodes}
    for number in range(6):
        for part in ("left_0", "right_9", "sum_5", "cell"):
            assert nodes[f"{part}_{number}"].block == f"cell_{number}"
    assert nodes["cell_2"].stage != nodes["cell_4"].stage == nodes["cell_5"].stage


def test_a_short_stretch_stays_one_block() -> None:
    nodes = {node.name: node for node in placed(cells(2)).nodes}
    assert nodes["left_0_0"].block == nodes["cell_1"].block == nodes["both"].block
