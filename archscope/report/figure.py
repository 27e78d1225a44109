"""What all pictures share: the palette, figures without pyplot, and files whose bytes repeat.

Without pyplot nothing global is touched and no display is asked for.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.errors import OutputError
from archscope.files import write_atomic
from archscope.report.numbers import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Blue and vermilion of the Okabe-Ito palette: told apart with every common colour vision; greys for the rest.
INK, MUTED, GRID, PAPER = "#1f2933", "#6b7785", "#e4e8ec", "#ffffff"
BLUE, VERMILION, GREY = "#0072b2", "#d55e00", "#8a96a3"
PALE = "#edf3f8"

PICTURES = (".png", ".svg")

_PNG_DPI = 160

# What the pictures are drawn in, as the HTML page's own: its colours follow light and dark.
_THEME = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--card)",
    BLUE: "var(--blue)",
    GREY: "var(--grey)",
    "'DejaVu Sans'": "var(--sans)",
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor=PAPER)


def check_picture(path: Path) -> None:
    """Raises OutputError for a file name that ends neither in .png nor in .svg."""
    if path.suffix.lower() not in PICTURES:
        raise OutputError(f"{path} is neither a .png nor a .svg file", "name it, for example, network.svg")


def write_picture(path: Path, draw: Callable[[], Figure]) -> None:
    """Write a figure to a .png or .svg file, letters as outlines so that they look alike everywhere."""
    check_picture(path)
    with settings(salt=path.stem, fonttype="path"):
        write_atomic(path, rendered(draw(), path.suffix[1:].lower()))


def blend(ground: str, color: str, strength: float) -> str:
    """`color` over `ground`, 0 to 1. From pale to blue, lightness alone tells the order: any colour vision reads it."""
    from matplotlib.colors import to_hex, to_rgb

    strength = min(max(strength, 0.0), 1.0)
    red, green, blue = (low + (high - low) * strength for low, high in zip(to_rgb(ground), to_rgb(color), strict=True))
    return to_hex((red, green, blue))


def rendered(figure: Figure, kind: str) -> bytes:
    """The figure as a file's bytes, without the entries that name the day or the matplotlib version."""
    buffer = io.BytesIO()
    entries: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(buffer, format=kind, dpi=_PNG_DPI, metadata=entries)
    return buffer.getvalue()


def svg_element(figure: Figure, label: str) -> str:
    """The figure as an SVG element for embedding in HTML, in the page's colours.

    It carries no ids but those it refers to, so that several can share a page.
    """
    text = rendered(figure, "svg").decode()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if f"#{found[1]}" in text else "", text)
    for drawn, variable in _THEME.items():
        text = text.replace(drawn, variable)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).rstrip()


@contextmanager
def settings(salt: str, fonttype: str) -> Iterator[None]:
    """matplotlib's own defaults but for ours, for drawing and saving: no matplotlibrc on the machine changes a picture.

    `salt` makes the ids in an SVG: fixed, so that bytes repeat; one per picture, so that two can share a page.
    `fonttype` is `path` for outlines, `none` for text.
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A class name may hold a letter that DejaVu Sans lacks: a box in the picture, and no news for the terminal.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.family"] = ["DejaVu Sans"]
        matplotlib.rcParams["text.parse_math"] = False  # "$" in a name is a dollar sign.
        matplotlib.rcParams["svg.hashsalt"] = f"archscope {salt}"
        matplotlib.rcParams["svg.fonttype"] = fonttype
        yield


def counted(axis: Axis) -> None:
    """Counts along a logarithmic axis: 1, 2 and 5 of each power of ten, with decimal prefixes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: si(round(value))))
    axis.set_minor_formatter(NullFormatter())


def dress(axes: Axes, title: str, along: str) -> None:
    """The look of every chart: a title on the left, the name of the axis, a line below and faint ones across."""
    axes.set_title(title, loc="left", color=INK, fontsize=12, fontweight="bold", pad=10)
    axes.set_xlabel(along, color=MUTED, fontsize=9)
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GRID)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, which="both", labelcolor=MUTED, labelsize=9)
