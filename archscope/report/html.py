"""Building HTML so that no text can become markup by mistake: a plain `str` is escaped, always."""

from __future__ import annotations

from html import escape
from importlib import resources

_VOID = frozenset({"meta", "link", "br", "hr", "img"})


class Markup(str):
    """Text that is HTML already. Only `element` and trusted renderers make it."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Markup:
    """`<tag attributes>children</tag>`. Children that are not Markup are escaped; attribute values are, too.

    A trailing underscore is dropped from attribute names (`class_`), and others become hyphens (`aria_label`).
    """
    spelled = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{spelled}>")
    return Markup(f"<{tag}{spelled}>{join(*children)}</{tag}>")


def document(title: str, *sections: str) -> str:
    """A whole page around the sections, with the reports' style in it; nothing is loaded from elsewhere."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(resources.files("archscope.report").joinpath("page.css").read_text("utf-8"))),
    )
    body = element("body", element("main", *sections))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def join(*parts: str) -> Markup:
    """The parts one after the other, each escaped unless it is Markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def table(head: list[str], rows: list[list[str]], *, numeric_from: int = 1, class_: str = "") -> Markup:
    """A table; columns from `numeric_from` on are right-aligned figures. The first cell of a row is its heading.

    It scrolls sideways by itself where the window is too narrow.
    """

    def cell(tag: str, place: int, content: str, **more: str) -> Markup:
        return element(tag, content, **({"class_": "n"} if place >= numeric_from else {}), **more)

    header = element("tr", *(cell("th", place, title, scope="col") for place, title in enumerate(head)))
    body = [
        element(
            "tr", cell("th", 0, row[0], scope="row"), *(cell("td", place, row[place]) for place in range(1, len(row)))
        )
        for row in rows
    ]
    inner = element(
        "table", element("thead", header), element("tbody", *body), **({"class_": class_} if class_ else {})
    )
    return element("div", inner, class_="scroll")


def bar(share: float, kind: str = "") -> Markup:
    """A small horizontal bar, `share` of its column's width; what it shows stands beside it as a figure."""
    filled = element("i", style=f"width:{100 * min(max(share, 0.0), 1.0):.1f}%")
    return element("span", filled, class_=f"bar {kind}".rstrip(), aria_hidden="true")
