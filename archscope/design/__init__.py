"""What a person chose: a base model, its arguments, and ordered edits; as a value, as a spec, and as archscope.toml."""

from archscope.design.build import build, edited
from archscope.design.design import DEFAULT, Design
from archscope.design.edits import EDITS, Cut, Edit, Head, Stride
from archscope.design.file import FILE_NAME, read_design
from archscope.design.spec import format_spec, parse_input, parse_spec
from archscope.design.workspace import Step, Workspace

__all__ = [
    "DEFAULT",
    "EDITS",
    "FILE_NAME",
    "Cut",
    "Design",
    "Edit",
    "Head",
    "Step",
    "Stride",
    "Workspace",
    "build",
    "edited",
    "format_spec",
    "parse_input",
    "parse_spec",
    "read_design",
]
