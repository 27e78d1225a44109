"""One table, four forms: raw values in columns; JSON records, CSV, Markdown, and lines for a terminal.

The machine forms carry raw values under keys that name their unit, and never pass through Rich.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.text import Text

Value = str | int | float | bool | None
GAP = 2
NAME_MIN = 12


@dataclass(frozen=True, slots=True)
class Column:
    """`key` for machines, `title` for people; `keep` says how long a narrow terminal keeps it (lowest goes first)."""

    key: str
    title: str
    text: Callable[[Value], str] = str
    left: bool = False
    keep: int = 9


@dataclass(frozen=True, slots=True)
class Line:
    """One row: raw values in the columns' order. `rule` draws a titled rule above it; `style` is Rich's."""

    values: tuple[Value, ...]
    style: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, rows, and perhaps a row of totals. The first column is the name: it alone shrinks, to `name_min`."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    total: tuple[Value, ...] | None = None
    name_min: int = NAME_MIN

    def records(self) -> list[dict[str, Value]]:
        """One dictionary a row, raw values under the columns' keys; totals are not among them."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, line.values, strict=True)) for line in self.lines]

    def csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(column.key for column in self.columns)
        writer.writerows(line.values for line in self.lines)
        return out.getvalue()

    def markdown(self) -> str:
        """A GitHub table; a rule becomes a row of its own, totals the last row in bold."""
        rows = [[column.title for column in self.columns], ["---" if c.left else "--:" for c in self.columns]]
        for line in self.lines:
            if line.rule:
                rows.append([f"**{line.rule}**", *[""] * (len(self.columns) - 1)])
            rows.append(self._cells(line.values))
        if self.total:
            rows.append([f"**{cell}**" if cell else "" for cell in self._cells(self.total)])
        return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)

    def texts(self) -> list[list[str]]:
        """The rows as people read them; totals are not among them."""
        return [self._cells(line.values) for line in self.lines]

    def render(self, width: int) -> Iterable[Text]:
        """Lines for a terminal of `width` columns. A narrow one loses whole columns before the name is cut short,
        and a last line names them."""
        rows = self.texts()
        rows += [self._cells(self.total)] if self.total else []
        titles = [column.title for column in self.columns]
        widths = [max(cell_len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
        shown = self._that_fit(widths, width)
        natural = sum(widths[i] for i in shown[1:]) + GAP * (len(shown) - 1)
        widths[0] = max(min(widths[0], width - natural), min(self.name_min, widths[0]))
        whole = widths[0] + natural

        def join(cells: Sequence[str], style: str) -> Text:
            parts = [_fit(cells[i], widths[i], left=self.columns[i].left) for i in shown]
            return Text((" " * GAP).join(parts).rstrip(), style=style, no_wrap=True, overflow="crop")

        yield join(titles, "bold")
        for line, row in zip(self.lines, rows, strict=False):
            if line.rule:
                yield _rule(line.rule, min(whole, width))
            yield join(row, line.style)
        if self.total:
            yield Text("─" * min(whole, width), style="dim")
            yield join(rows[-1], "bold")
        lost = [title for i, title in enumerate(titles) if i not in shown]
        if lost:
            for part in wrap(f"no room for: {', '.join(lost)}", max(1, width)):
                yield Text(part, style="dim")

    def _cells(self, values: Sequence[Value]) -> list[str]:
        pairs = zip(self.columns, values, strict=True)
        return ["" if value is None else column.text(value) for column, value in pairs]

    def _that_fit(self, widths: Sequence[int], width: int) -> list[int]:
        shown = list(range(len(widths)))
        leaving = iter(sorted(shown[1:], key=lambda i: self.columns[i].keep))
        least = min(self.name_min, widths[0])
        while least + sum(widths[i] + GAP for i in shown[1:]) > width and len(shown) > 2:
            shown.remove(next(leaving))
        return shown


def _fit(text: str, width: int, *, left: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    return text + " " * (width - cell_len(text)) if left else " " * (width - cell_len(text)) + text


def _rule(title: str, width: int) -> Text:
    text = f"━━ {title} "
    if cell_len(text) > width:
        text = _fit(title, width, left=True)
    # What is wrong carries the cross, and is red as well.
    style = "bold red" if title.startswith("✗") else "dim"
    return Text(text + "━" * max(0, width - cell_len(text)), style=style, no_wrap=True, overflow="crop")


def thousands(value: Value) -> str:
    """`1,904,954`."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(value: Value) -> str:
    """A share of 1 as `72.5`; the header carries the sign."""
    return f"{100 * value:.1f}" if isinstance(value, (int, float)) else str(value)
