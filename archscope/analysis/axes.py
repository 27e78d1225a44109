"""Which positions of its input a layer reads, along one axis and on the map. Sets of positions are bits of an int.

Every op that archscope knows treats height and width alike and apart, so what it reads is a product of two relations
of one axis each. Sets of positions on a map need not be products, and become unions of them where branches meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archscope.graph import (
    Conv2DTranspose,
    Cropping2D,
    Flatten,
    GlobalPooling2D,
    Multiply,
    Reshape,
    Row,
    Shape,
    UpSampling2D,
    Windowed,
    ZeroPadding2D,
)


@dataclass(frozen=True, slots=True)
class Axis:
    """How a map of `after` positions reads one of `size` positions, along one axis.

    A window reads: tap k of output p stands on input p * stride + offsets[k]. An op that spreads is the adjoint of one:
    tap k of input p stands on output p * stride + offsets[k]. Positions outside a map do not exist.
    """

    size: int
    after: int
    stride: int = 1
    offsets: tuple[int, ...] = (0,)
    spreads: bool = False

    @property
    def is_identity(self) -> bool:
        return self.stride == 1 and self.offsets == (0,) and self.size == self.after

    def carried(self, inputs: int, offset: int) -> int:
        """The outputs to which the tap at `offset` carries any of `inputs`."""
        if self.spreads:
            return _spread(inputs, self.stride, offset) & full(self.after)
        return _every(_shift(inputs, -offset), self.stride) & full(self.after)

    def push(self, inputs: int) -> int:
        """The outputs that read any of `inputs`."""
        outputs = 0
        for offset in self.offsets:
            outputs |= self.carried(inputs, offset)
        return outputs

    def pull(self, outputs: int) -> int:
        """The inputs that any of `outputs` reads."""
        inputs = 0
        for offset in self.offsets:
            if self.spreads:
                inputs |= _every(_shift(outputs, -offset), self.stride)
            else:
                inputs |= _spread(outputs, self.stride, offset)
        return inputs & full(self.size)

    def live(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """The taps that carry any of `inputs` to any of `outputs`."""
        return tuple(k for k, offset in enumerate(self.offsets) if self.carried(inputs, offset) & outputs)

    def products(self, inputs: int) -> int:
        """How many multiplications meet one of `inputs`: as MACs are, counted over inputs for an op that spreads."""
        if self.spreads:
            return inputs.bit_count() * len(self.offsets)
        return sum(self.carried(inputs, offset).bit_count() for offset in self.offsets)


Axes = tuple[Axis, Axis]


def full(size: int) -> int:
    """The set of the positions 0 to size - 1."""
    return (1 << size) - 1


def _shift(bits: int, by: int) -> int:
    return bits << by if by >= 0 else bits >> -by


def _every(bits: int, stride: int) -> int:
    """Of the positions 0, stride, 2 * stride ... those in the set, numbered 0, 1, 2 ..."""
    return bits if stride == 1 else int(f"{bits:b}"[::-stride][::-1], 2)


def _spread(bits: int, stride: int, offset: int) -> int:
    """Every position of the set times `stride`, plus `offset`."""
    return _shift(bits if stride == 1 else int(("0" * (stride - 1)).join(f"{bits:b}"), 2), offset)


@dataclass(frozen=True, slots=True)
class Region:
    """A set of positions on a map: disjoint sets of rows, each with its own set of columns. Equal sets are equal."""

    products: tuple[tuple[int, int], ...] = ()

    @classmethod
    def union(cls, products: Iterable[tuple[int, int]]) -> Region:
        """The positions in any of the products of rows and columns."""
        apart: list[tuple[int, int]] = []
        for rows, columns in products:
            rest, cut = rows if columns else 0, []
            for known_rows, known_columns in apart:
                cut.append((known_rows & rest, known_columns | columns))
                cut.append((known_rows & ~rest, known_columns))
                rest &= ~known_rows
            apart = [product for product in (*cut, (rest, columns)) if product[0]]
        rows_of: dict[int, int] = {}
        for rows, columns in apart:
            rows_of[columns] = rows_of.get(columns, 0) | rows
        return cls(tuple(sorted((rows, columns) for columns, rows in rows_of.items())))

    @classmethod
    def full(cls, height: int, width: int) -> Region:
        return cls(((full(height), full(width)),))

    def __bool__(self) -> bool:
        return bool(self.products)

    def __or__(self, other: Region) -> Region:
        if self == other or not other:
            return self
        return Region.union((*self.products, *other.products)) if self else other

    def __and__(self, other: Region) -> Region:
        if self == other:
            return self
        return Region.union((a & c, b & d) for a, b in self.products for c, d in other.products)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The positions (row, column), in no particular order."""
        for rows, columns in self.products:
            yield from ((row, column) for row in _members(rows) for column in _members(columns))

    @property
    def box(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The first and the last row, the first and the last column; None for the empty set."""
        if not self:
            return None
        rows, columns = 0, 0
        for some_rows, some_columns in self.products:
            rows, columns = rows | some_rows, columns | some_columns
        return _ends(rows), _ends(columns)

    def pushed(self, axes: Axes) -> Region:
        """The outputs that read any of these inputs."""
        if axes[0].is_identity and axes[1].is_identity:
            return self
        return Region.union((axes[0].push(rows), axes[1].push(columns)) for rows, columns in self.products)

    def pulled(self, axes: Axes) -> Region:
        """The inputs that any of these outputs reads."""
        if axes[0].is_identity and axes[1].is_identity:
            return self
        return Region.union((axes[0].pull(rows), axes[1].pull(columns)) for rows, columns in self.products)


def _members(bits: int) -> Iterator[int]:
    return (position for position in range(bits.bit_length()) if bits >> position & 1)


def _ends(bits: int) -> tuple[int, int]:
    return (bits & -bits).bit_length() - 1, bits.bit_length() - 1


def map_of(shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels; what is no map is one position, and all its values are channels."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    channels = 1
    for size in shape:
        channels *= size
    return 1, 1, channels


def mixes_positions(row: Row) -> bool:
    """Whether each output may read any position of any channel: a Reshape to another map, a layer without a rule."""
    op = row.node.op
    if isinstance(op, (Flatten, Reshape)):
        return map_of(row.inputs[0]) != map_of(row.output)
    return op.mixes == "positions"


def axes_of(row: Row, number: int = 0) -> Axes:
    """What `row` reads of its input of that number, along height and width."""
    return axis_of(row, 0, number), axis_of(row, 1, number)


def axis_of(row: Row, along: int, number: int = 0) -> Axis:
    """What `row` reads of its input of that number, along height (0) or width (1).

    Source of the "same" padding: TensorFlow, which puts the odd zero behind; of bilinear weights: half-pixel centres.
    """
    size, after = map_of(row.inputs[number])[along], map_of(row.output)[along]
    op = row.node.op
    if mixes_positions(row):
        return Axis(size, after, offsets=tuple(range(1 - after, size)))
    match op:
        case Windowed():
            stride, step = op.strides[along], op.dilation[along]
            total = max((after - 1) * stride + op.span[along] - size, 0) if op.padding == "same" else 0
            return Axis(size, after, stride, tuple(k * step - total // 2 for k in range(op.kernel[along])))
        case ZeroPadding2D():
            return Axis(size, after, offsets=(-op.padding[along][0],))
        case Conv2DTranspose():
            stride, taps = op.strides[along], op.kernel[along]
            cropped = max(taps - stride, 0) // 2 if op.padding == "same" else 0
            return Axis(size, after, stride, tuple(k - cropped for k in range(taps)), spreads=True)
        case UpSampling2D():
            factor = op.size[along]
            # Bilinear, input p weighs in at output q where |(q + 1/2) / factor - 1/2 - p| < 1.
            beside = factor // 2 if op.interpolation == "bilinear" else 0
            return Axis(size, after, factor, tuple(range(-beside, factor + beside)), spreads=True)
        case Cropping2D():
            return Axis(size, after, offsets=(op.cropping[along][0],))
        case GlobalPooling2D():
            return Axis(size, after, offsets=tuple(range(size)))
        case Multiply() if size != after:
            return Axis(size, after, offsets=tuple(range(after)), spreads=True)
        case _:
            return Axis(size, after)
