"""What a person chose: a base model, its arguments, and ordered edits; as a value, as a spec, and as archscope.toml."""

from archscope.design.build import build, edited
from archscope.design.design import DEFAULT, Design
from archscope.design.edits import EDITS, Cut, Dilate, Drop, Edit, Head, Replace, Stride, Upsample, Width
from archscope.design.file import FILE_NAME, read_design
from archscope.design.spec import (
    edit_text,
    format_spec,
    parse_edit,
    parse_input,
    parse_spec,
    quoted,
    size_text,
    with_arguments,
)
from archscope.design.workspace import Step, Workspace

__all__ = [
    "DEFAULT",
    "EDITS",
    "FILE_NAME",
    "Cut",
    "Design",
    "Dilate",
    "Drop",
    "Edit",
    "Head",
    "Replace",
    "Step",
    "Stride",
    "Upsample",
    "Width",
    "Workspace",
    "build",
    "edit_text",
    "edited",
    "format_spec",
    "parse_edit",
    "parse_input",
    "parse_spec",
    "quoted",
    "read_design",
    "size_text",
    "with_arguments",
]
