"""Output stride and receptive field: hand-derived answers, a published table, and a plain recursion over positions."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.analysis import Field, border_layer, first_beyond, receptive_fields, seen
from archscope.analysis.axes import axis_of
from archscope.design import build, parse_spec
from archscope.errors import GraphError
from archscope.graph import (
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    GlobalAveragePooling2D,
    Graph,
    Input,
    MaxPooling2D,
    Multiply,
    Node,
    Op,
    Opaque,
    Reshape,
    Trace,
    UpSampling2D,
    ZeroPadding2D,
    verify,
)

sys.path.append(str(Path(__file__).parents[1] / "graph"))
from strategies import any_graphs


def conv(kernel: int, stride: int = 1, padding: str = "same", dilation: int = 1) -> Conv2D:
    return Conv2D(
        filters=1,
        kernel=(kernel, kernel),
        strides=(stride, stride),
        padding=padding,  # type: ignore[arg-type]
        dilation=(dilation, dilation),
    )


def chain(size: tuple[int, int], *ops: Op) -> Trace:
    nodes = [Node("image", Input(shape=(*size, 1)))]
    for number, op in enumerate(ops):
        nodes.append(Node(f"op_{number}", op, (nodes[-1].name,)))
    return verify(Graph(tuple(nodes)))


def last(trace: Trace) -> Field:
    return receptive_fields(trace)[trace.rows[-1].name]


def fork(size: int, one: Op, other: Op, join: Op, *behind: Op) -> Trace:
    nodes = [
        Node("image", Input(shape=(size, size, 1))),
        Node("one", one, ("image",)),
        Node("other", other, ("image",)),
    ]
    nodes.append(Node("join", join, ("one", "other")))
    for number, op in enumerate(behind):
        nodes.append(Node(f"op_{number}", op, (nodes[-1].name,)))
    return verify(Graph(tuple(nodes)))


# RF and effective stride of mobilenet_v1 at 224 in google-research/receptive_field, RECEPTIVE_FIELD_TABLE.md.
PUBLISHED = {
    "conv1": (3, 2),
    "conv_pw_1": (7, 2),
    "conv_pw_2": (11, 4),
    "conv_pw_3": (19, 4),
    "conv_pw_4": (27, 8),
    "conv_pw_5": (43, 8),
    "conv_pw_6": (59, 16),
    "conv_pw_7": (91, 16),
    "conv_pw_8": (123, 16),
    "conv_pw_9": (155, 16),
    "conv_pw_10": (187, 16),
    "conv_pw_11": (219, 16),
    "conv_pw_12": (251, 32),
    "conv_pw_13": (315, 32),
}


@pytest.mark.parametrize("size", [32, 224, 321])
def test_mobilenet_v1_is_as_published(size: int) -> None:
    """The unclipped field is that of the architecture, whatever the input size."""
    fields = receptive_fields(verify(build(parse_spec(f"mobilenet_v1@{size}"))))
    for layer, (length, stride) in PUBLISHED.items():
        assert fields[layer].size == fields[layer].least == (length, length)
        assert fields[layer].stride == (stride, stride)


@pytest.mark.parametrize(
    ("trace", "size", "stride"),
    [
        (chain((9, 7)), 1, 1),
        (chain((9, 9), conv(3), conv(3)), 5, 1),
        (chain((9, 9), conv(3, 2), conv(3)), 7, 2),
        (chain((9, 9), conv(3, dilation=2)), 5, 1),
        # On a 1x1 map too: unclipped.
        (chain((1, 1), conv(3, 2), MaxPooling2D(kernel=(2, 2), strides=(2, 2))), 5, 4),
        (chain((9, 9), ZeroPadding2D(padding=((0, 1), (0, 1))), conv(3, 2, "valid")), 3, 2),
        (chain((9, 9), UpSampling2D(size=(2, 2))), 1, Fraction(1, 2)),
        # Upsampled positions -1, 0, 1 are of the pixels -1, 0, 0; those of 0, 1, 2 of 0, 0, 1.
        (chain((9, 9), UpSampling2D(size=(2, 2)), conv(3)), 2, Fraction(1, 2)),
        (chain((9, 9), UpSampling2D(size=(2, 2), interpolation="bilinear")), 2, Fraction(1, 2)),
        (chain((9, 9), UpSampling2D(size=(2, 2), interpolation="bilinear"), conv(3)), 3, Fraction(1, 2)),
        # Of three, the one in the middle is a pixel itself; the others lie between two.
        (chain((9, 9), UpSampling2D(size=(3, 3), interpolation="bilinear"), conv(1, 3)), 2, 1),
        # Even positions meet two pixels (taps 0 and 2), odd ones one.
        (chain((9, 9), Conv2DTranspose(filters=1, kernel=(3, 3), strides=(2, 2))), 2, Fraction(1, 2)),
        (chain((1, 1), Conv2DTranspose(filters=1, kernel=(2, 2), strides=(2, 2))), 1, Fraction(1, 2)),
        # Position 1 falls between the pixels.
        (chain((9, 9), Conv2DTranspose(filters=1, kernel=(1, 1), strides=(2, 2)), conv(2, 2)), 1, 1),
        (chain((9, 9), UpSampling2D(size=(2, 2)), conv(3, 2)), 2, 1),
        (fork(9, conv(3), conv(5), Add(), conv(3)), 7, 1),
        (fork(9, conv(3), conv(5), Concatenate(), conv(3)), 7, 1),
        # Windows 0..2 and -2..0, of even kernels to either side.
        (fork(9, ZeroPadding2D(padding=((0, 2), (0, 2))), ZeroPadding2D(padding=((2, 0), (2, 0))), Add()), 3, 1),
    ],
)
def test_by_hand(trace: Trace, size: int, stride: Fraction) -> None:
    field = last(trace)
    assert field.size == (size, size)
    assert field.stride == (stride, stride)
    assert field.apart == frozenset()


def test_axes_are_apart() -> None:
    field = last(chain((9, 9), Conv2D(filters=1, kernel=(3, 1), strides=(1, 2), dilation=(1, 1))))
    assert (field.size, field.stride) == ((3, 1), (1, 2))


def test_windows_are_unclipped() -> None:
    """ "same" on an even map with stride 2 puts its one zero behind; symmetric padding begins at -1."""
    assert last(chain((8, 8), conv(3, 2))).window((0, 3)) == ((0, 2), (6, 8))
    symmetric = chain((8, 8), ZeroPadding2D(padding=((1, 1), (1, 1))), conv(3, 2, "valid"))
    assert last(symmetric).window((0, 3)) == ((-1, 1), (5, 7))
    assert seen(symmetric, "op_1", (0, 3)).box == ((0, 1), (5, 7))


def test_paths_of_unequal_stride() -> None:
    """Positions q and 3q of one input: position 2 sees pixel 2 and, in the padding, 6. The stride is the larger."""
    nodes = (
        Node("image", Input(shape=(3, 3, 1))),
        Node("pad", ZeroPadding2D(padding=((0, 6), (0, 6))), ("image",)),
        Node("skip", conv(1, 3, "valid"), ("pad",)),
        Node("sum", Add(), ("image", "skip")),
        Node("conv", conv(3), ("sum",)),
    )
    fields = receptive_fields(verify(Graph(nodes)))
    assert (fields["sum"].size, fields["sum"].least, fields["sum"].stride) == ((5, 5), (1, 1), (3, 3))
    assert fields["sum"].window((0, 2)) == ((0, 0), (2, 6))
    # 1..3 and 3..9
    assert (fields["conv"].size, fields["conv"].least) == ((9, 9), (3, 3))


def test_the_narrowest_path_passes_by_residuals() -> None:
    fields = receptive_fields(fork(9, conv(3), conv(1), Add(), conv(3)))
    assert (fields["join"].size, fields["join"].least) == ((3, 3), (1, 1))
    assert (fields["op_0"].size, fields["op_0"].least) == ((5, 5), (3, 3))


def test_gates_are_apart() -> None:
    nodes = (
        Node("image", Input(shape=(9, 9, 1))),
        Node("conv", conv(3), ("image",)),
        Node("squeeze", GlobalAveragePooling2D(keepdims=True), ("conv",)),
        Node("excite", conv(1), ("squeeze",)),
        Node("wide", conv(7), ("conv",)),
        Node("gate", Multiply(), ("wide", "excite")),
        Node("attention", conv(9, dilation=2), ("gate",)),
        Node("sigmoid", Activation(function="sigmoid"), ("attention",)),
        Node("scaled", Multiply(), ("gate", "sigmoid")),
    )
    trace = verify(Graph(nodes))
    fields = receptive_fields(trace)
    assert (fields["squeeze"].size, fields["excite"].size, fields["excite"].stride) == (None, None, None)
    assert fields["excite"].apart == {"global"}
    assert fields["scaled"].size == (9, 9)
    assert fields["scaled"].apart == {"gate"}
    # The attention sees 25, and is a gate.
    assert fields["attention"].size == (25, 25)
    assert first_beyond(trace, fields) is None


@pytest.mark.parametrize("op", [GlobalAveragePooling2D(), Reshape(shape=(81,))], ids=["pool", "flatten"])
def test_behind_a_global_op_there_is_no_interval(op: Op) -> None:
    trace = chain((9, 9), conv(3), op, Dense(units=2))
    fields = receptive_fields(trace)
    assert (fields["op_2"].size, fields["op_2"].apart) == (None, {"global"})
    assert fields["op_2"].window((0, 0)) == (None, None)
    assert set(seen(trace, "op_2", (0, 0))) == {(y, x) for y in range(9) for x in range(9)}


def test_beside_a_global_op_the_interval_is_that_of_the_other_paths() -> None:
    nodes = (
        Node("image", Input(shape=(4, 4, 1))),
        Node("conv", conv(3), ("image",)),
        Node("context", GlobalAveragePooling2D(keepdims=True), ("image",)),
        Node("enlarged", UpSampling2D(size=(4, 4)), ("context",)),
        Node("both", Concatenate(), ("conv", "enlarged")),
    )
    field = last(verify(Graph(nodes)))
    assert (field.size, field.apart) == ((3, 3), {"global"})


def test_a_reshape_of_one_position_is_no_global_op() -> None:
    field = last(chain((3, 3), conv(3, padding="valid"), Reshape(shape=(1,)), Dense(units=4)))
    assert (field.size, field.apart) == ((3, 3), frozenset())


def test_behind_a_layer_without_a_rule_it_is_unknown() -> None:
    field = last(chain((9, 9), conv(3), Opaque(kind="Odd", shape=(9, 9, 1)), conv(3)))
    assert (field.size, field.apart) == (None, {"unknown"})


# Where the field outgrows the input.


@pytest.mark.parametrize(
    ("spec", "beyond", "border"),
    [
        ("mobilenet_v1@224", "conv_dw_12", "conv_pw_12"),
        ("mobilenet_v1@315", None, "conv_pw_13"),
        ("mobilenet_v1@316", None, None),
        # 27 at block_3, 43 at block_4; by the narrowest path, past the residual of block_2, 19 and 35.
        ("mobilenet_v2@32", "block_4_depthwise", "block_4_project"),
        # 203 at block_10, 235 at block_11; past all residuals 163 at the end.
        ("mobilenet_v2@224", "block_11_depthwise", None),
    ],
)
def test_where_the_field_outgrows_the_input(spec: str, beyond: str | None, border: str | None) -> None:
    trace = verify(build(parse_spec(spec)))
    assert first_beyond(trace) == beyond
    assert border_layer(trace) == border


def test_one_axis_is_enough_to_be_beyond_and_not_for_a_border() -> None:
    trace = chain((5, 100), conv(3), conv(3), conv(3), conv(1))
    assert first_beyond(trace) == "op_2"
    assert border_layer(trace) is None
    # Equal to the input is a border (the toolbox's <=), and not beyond it.
    assert border_layer(chain((5, 5), conv(3), conv(3), conv(1))) == "op_2"
    assert first_beyond(chain((5, 5), conv(3), conv(3), conv(1))) is None


# Against a plain recursion.


def hull(trace: Trace, along: int, layer: str, position: int) -> tuple[int, int] | None:
    """The ends of what one position sees on maps without edges, position by position."""

    @cache
    def visit(name: str, q: int) -> tuple[int, int] | None:
        row = trace.row(name)
        if not row.inputs:
            return q, q
        found = []
        for number, source in enumerate(row.node.inputs):
            axis = axis_of(row, along, number)
            for offset in axis.offsets:
                p, rest = divmod(q - offset, axis.stride) if axis.spreads else (q * axis.stride + offset, 0)
                if not rest:
                    found.append(visit(source, p))
        ends = [end for end in found if end]
        return (min(end[0] for end in ends), max(end[1] for end in ends)) if ends else None

    return visit(layer, position)


@given(any_graphs(gates=False, head=False))
def test_windows_are_what_a_recursion_over_positions_finds(graph: Graph) -> None:
    trace = verify(graph)
    fields = receptive_fields(trace)
    for name, field in fields.items():
        lengths: list[list[int]] = [[], []]
        for along, size in enumerate(trace.row(name).output[:2]):
            for q in (-1, *range(size), size + 2):
                ends = hull(trace, along, name, q)
                assert field.window((q, q))[along] == ends
                if 0 <= q < size:
                    lengths[along].append(ends[1] - ends[0] + 1 if ends else 0)
        assert field.size == (max(lengths[0]), max(lengths[1]))
        assert field.least is not None
        assert field.least[0] <= field.size[0]
        assert field.least[1] <= field.size[1]


@st.composite
def uncut(draw: st.DrawFn) -> Trace:
    """Windows without padding, dilated or with strides, on a map that is large enough."""
    ops = []
    for _ in range(draw(st.integers(1, 4))):
        dilation = draw(st.integers(1, 2))
        stride = draw(st.integers(1, 2)) if dilation == 1 else 1
        ops.append(conv(draw(st.integers(1, 3)), stride, "valid", dilation))
    return chain((48, 60), *ops)


@given(uncut(), st.data())
def test_where_no_window_leaves_its_map_the_exact_set_fills_the_window(trace: Trace, data: st.DataObject) -> None:
    name, (height, width, _) = trace.rows[-1].name, trace.output
    position = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    field = last(trace)
    rows, columns = field.window(position)
    assert seen(trace, name, position).box == (rows, columns)
    assert rows is not None
    assert columns is not None
    assert (rows[1] - rows[0] + 1, columns[1] - columns[0] + 1) == field.size


def test_what_is_seen_has_holes_and_ends_at_the_edges() -> None:
    trace = chain((5, 5), conv(3, dilation=2))
    assert set(seen(trace, "op_0", (0, 2))) == {(y, x) for y in (0, 2) for x in (0, 2, 4)}
    # A position deep in the padding shows nothing, though its unclipped window meets the map.
    padded = chain((5, 5), conv(5), ZeroPadding2D(padding=((2, 0), (0, 0))))
    assert seen(padded, "op_1", (0, 0)).box is None
    assert last(padded).window((0, 0)) == ((-4, 0), (-2, 2))


def test_no_such_layer() -> None:
    with pytest.raises(GraphError, match="no layer 'op_7'"):
        seen(chain((5, 5), conv(3)), "op_7", (0, 0))
