"""Networks and diagnoses as cards in a notebook: a fragment of HTML with its style in it, for light and dark themes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from archscope.graph import Trace
from archscope.report.facts import BlockRow
from archscope.report.html import Markup, bar, element, table
from archscope.report.network import CROSS, block_rows, verdict
from archscope.report.numbers import si
from archscope.report.table import Table


def network_card(title: str, trace: Trace) -> str:
    """The blocks with their maps and costs, the collapse where it happens, and the verdict."""
    cost = f"{trace.params:,} parameters · {si(trace.macs)} MACs"
    rows = [row for block in block_rows(trace) for row in _block(block, trace)]
    head = element("tr", *(element("th", name) for name in ("block", "map", "channels", "params", "", "MACs", "")))
    blocks = element("table", element("thead", head), element("tbody", *rows))
    return _card(title, element("p", cost), element("div", blocks, class_="scroll"), _sentence(verdict(trace)))


def _block(block: BlockRow, trace: Trace) -> list[Markup]:
    cells = [
        element("th", block.name, scope="row"),
        element("td", block.map),
        element("td", str(block.channels)),
        element("td", f"{block.params:,}"),
        element("td", bar(block.params / max(trace.params, 1))),
        element("td", si(block.macs)),
        element("td", bar(block.macs / max(trace.macs, 1))),
    ]
    row = element("tr", *cells, **({"class_": "behind"} if block.behind else {}))
    if not block.collapse:
        return [row]
    rule = element("td", f"{CROSS} COLLAPSE {block.collapse}", colspan="7")
    return [element("tr", rule, class_="collapse"), row]


def diagnosis_card(title: str, findings: Sequence[str], facts: Sequence[str], remedies: Table | None) -> str:
    """Findings, facts, and the remedies with their prices."""
    parts = [*map(_sentence, findings), *(element("p", fact, class_="fact") for fact in facts)]
    if remedies is not None:
        head = [column.title.strip() for column in remedies.columns]
        parts.append(table(head, remedies.texts()))
    return _card(title, *parts)


def _sentence(text: str) -> Markup:
    return element("p", text, **({"class_": "wrong"} if text.startswith(CROSS) else {}))


def _card(title: str, *parts: str) -> str:
    style = resources.files("archscope.report").joinpath("notebook.css").read_text("utf-8")
    return element("div", element("style", Markup(style)), element("h4", title), *parts, class_="archscope")
