"""File names made from designs."""

from __future__ import annotations

import re

from archscope.design import Design, format_spec

LONGEST = 60


def run_stem(design: Design, digest: str) -> str:
    """A slug of the spec and the graph's digest: `mobilenet_v2-32-alpha-0.9-cut-block_12_add-1a2b3c4d5e6f`."""
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", format_spec(design))[:LONGEST].strip("-.")
    return f"{slug}-{digest}"
