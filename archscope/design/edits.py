"""The edits: each a value with a text form `name:first[,key=value]...`, and the surgery it stands for.

Each class has `resolved`, the edit with its layers named; `apply`, the surgery; `parts` and `read`, its text form; and
`moots`, whether it may stand in place of an earlier edit.
"""

from __future__ import annotations

from collections.abc import Mapping

from archscope.design.depth import Cut, Drop, Head
from archscope.design.resolution import Dilate, Stride, Upsample
from archscope.design.substitution import Replace
from archscope.design.width import Width

__all__ = ["EDITS", "Cut", "Dilate", "Drop", "Edit", "Head", "Replace", "Stride", "Upsample", "Width"]

Edit = Cut | Head | Stride | Upsample | Dilate | Drop | Replace | Width
EDITS: Mapping[str, type[Edit]] = {
    edit.name: edit for edit in (Cut, Head, Stride, Upsample, Dilate, Drop, Replace, Width)
}
