"""The report of a comparison by training: one HTML file, and the same as Markdown."""

from __future__ import annotations

from archscope.analysis import final_map, share_on_1x1
from archscope.diagnose.compare import Contender, Verdict
from archscope.graph import shape_text
from archscope.report.compare import (
    FORECASTS,
    GLYPHS,
    by_question,
    forecast_sentence,
    outcome_sentence,
)
from archscope.report.compare_plot import tradeoff_svg
from archscope.report.comparison import (
    Comparison,
    accuracy_text,
    caveats,
    progress_rows,
    setting_lines,
    summary_line,
)
from archscope.report.facts import recipe_rows
from archscope.report.html import Markup, document, element, table
from archscope.report.markdown import md_code, md_fence, md_table, md_text
from archscope.report.numbers import share

_HEAD = ["", "parameters", "MACs", "final map", "on 1x1", "accuracy (95%)", "expected", "difference, points (95%)", ""]


def comparison_page(comparison: Comparison) -> str:
    """The report as one HTML document: nothing loaded from elsewhere, every text of the record escaped."""
    progress = progress_rows(comparison)
    sections = (
        element("header", element("h1", comparison.title)),
        _list([summary_line(comparison), *setting_lines(comparison)]),
        _legend(comparison),
        element("h2", "What came out"),
        table(_HEAD, _rows(comparison)),
        _panels(comparison),
        *_questions(comparison),
        element("h2", "Before training"),
        _list([forecast_sentence(verdict) for verdict in comparison.verdicts]),
        element("h2", "How it went: validation accuracy by epoch"),
        table(progress[0], progress[1:]),
        element("h2", "What this does not show"),
        _list(caveats(comparison)),
        element("h2", "Do it again"),
        element("pre", element("code", comparison.command)),
        table(["recipe", ""], [[name, value] for name, value in _recipe(comparison)]),
        table(["provenance", ""], [[name, value] for name, value in _provenance(comparison)]),
    )
    return document(comparison.title, *sections)


def comparison_markdown(comparison: Comparison) -> str:
    """GitHub-flavoured Markdown that shows `accuracy.png` from the same folder."""
    progress = progress_rows(comparison)
    rows = [[md_text(cell) for cell in row] for row in _rows(comparison)]
    parts = [
        f"# {md_text(comparison.title)}",
        _bullets([summary_line(comparison), *setting_lines(comparison)]),
        "\n".join(f"- **{one.label}** {md_code(one.spec)} {_links(one)}" for one in comparison.contenders),
        md_table(_HEAD, rows),
        "![Accuracy against MACs and parameters](accuracy.png)",
    ]
    for question, found in by_question(comparison.verdicts):
        parts += [f"## {question}", _bullets([outcome_sentence(verdict) for verdict in found])]
    if comparison.verdicts:
        parts += ["## Before training", _bullets([forecast_sentence(verdict) for verdict in comparison.verdicts])]
    parts += ["## How it went: validation accuracy by epoch", md_table(progress[0], progress[1:])]
    parts += ["## What this does not show", _bullets(caveats(comparison))]
    recipe = [[md_text(name), md_text(value)] for name, value in _recipe(comparison)]
    provenance = "; ".join(f"{name} {md_text(value)}" for name, value in _provenance(comparison))
    parts += ["## Do it again", md_fence(comparison.command), md_table(["setting", "value"], recipe), f"{provenance}."]
    return "\n\n".join(parts) + "\n"


def _rows(comparison: Comparison) -> list[list[str]]:
    verdicts = {verdict.contender.label: verdict for verdict in comparison.verdicts}
    return [[*_costs(one), accuracy_text(one), *_judged(verdicts.get(one.label))] for one in comparison.contenders]


def _costs(contender: Contender) -> list[str]:
    trace, on_1x1 = contender.trace, share_on_1x1(contender.trace)
    shape = shape_text(final_map(trace))
    return [contender.label, f"{trace.params:,}", f"{trace.macs:,}", shape, share(on_1x1.params, on_1x1.body_params)]


def _judged(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["", "", ""]
    found = verdict.difference
    measured = "" if found is None else f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    expected = f"{FORECASTS[verdict.expectation.forecast]} against {verdict.reference.label}"
    return [expected, measured, f"{GLYPHS[verdict.outcome]} {verdict.outcome}"]


def _questions(comparison: Comparison) -> list[Markup]:
    parts: list[Markup] = []
    for question, found in by_question(comparison.verdicts):
        parts += [element("h2", question), _list([outcome_sentence(verdict) for verdict in found])]
    return parts


def _panels(comparison: Comparison) -> Markup:
    panels = [element("div", Markup(tradeoff_svg(comparison, cost)), class_="card") for cost in ("macs", "params")]
    note = element("p", "Grey: the references. Bars: 95% intervals.", class_="note")
    return element("section", element("div", *panels, class_="panels"), note)


def _legend(comparison: Comparison) -> Markup:
    items = [element("li", element("b", one.label), " ", element("code", one.spec)) for one in comparison.contenders]
    return element("ul", *items, class_="legend")


def _links(contender: Contender) -> str:
    """The runs' own reports, beside this one."""
    runs = [f"[seed {one.run.seed}]({one.folder.name}/README.md)" for one in contender.runs]
    return f"({', '.join(runs)})"


def _recipe(comparison: Comparison) -> list[tuple[str, str]]:
    recipe = {name: value for name, value in comparison.runs[0].recipe.items() if name != "seed"}
    return recipe_rows(recipe)


def _provenance(comparison: Comparison) -> list[tuple[str, str]]:
    run = comparison.runs[0]
    return [
        ("data", run.data.source),
        ("data SHA-256", run.data.sha256),
        ("started", run.started),
        ("machine", run.machine),
        *run.versions.items(),
    ]


def _list(lines: list[str]) -> Markup:
    return element("ul", *(element("li", line) for line in lines))


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {md_text(line)}" for line in lines)
