"""The HTML report of a run: one file, nothing loaded from elsewhere, light and dark, screen and print."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.report import plots
from archscope.report.facts import (
    RUNTIME_TITLES,
    BlockRow,
    duration,
    interval,
    milliseconds,
    percent,
    pilot,
    points,
    recipe_rows,
    row_shares,
    slower_than_fastest,
    stopping,
    tested,
    times,
    worst_pairs,
)
from archscope.report.html import Markup, bar, document, element, join, table
from archscope.report.numbers import keras_size
from archscope.runs.record import Run, Scores


def run_page(run: Run, *, blocks: Sequence[BlockRow] | None = None) -> str:
    """The report as one HTML document. Every text of the run is escaped; sections without content are left out."""
    title = f"{run.name}: {percent(run.headline.accuracy)} on {run.on()}"
    scores = run.headline
    sections = (
        _top(run),
        _hero(run, scores),
        _blocks(run, blocks),
        _curves(run),
        _classes(run, scores),
        _confusion(run, scores),
        _latency(run),
        _reproduce(run),
    )
    return document(title, *sections)


def _top(run: Run) -> Markup:
    return element("header", element("h1", run.name), element("code", run.network.spec, class_="spec"))


def _hero(run: Run, scores: Scores) -> Markup:
    low, high = 100 * scores.interval_low, 100 * scores.interval_high
    track = element(
        "div",
        element("i", style=f"width:{low:.2f}%"),
        element("b", style=f"left:{low:.2f}%;width:{high - low:.2f}%"),
        class_="track",
        aria_hidden="true",
    )
    headline = element(
        "div",
        element("div", percent(scores.accuracy), class_="figure"),
        element("p", f"{scores.split} accuracy on {run.on()}", class_="on"),
        track,
        element("p", f"95% interval {interval(scores)}, {scores.images:,} images. {tested(run)}", class_="note"),
        *([element("p", pilot(run.data), class_="note")] if run.data.train_left_out else []),
        class_="card headline",
    )
    return element("section", headline, element("dl", *_facts(run), class_="card facts"), class_="hero")


def _facts(run: Run) -> list[Markup]:
    network = run.network
    height, width, channels = network.input
    facts = [
        ("parameters", f"{network.params:,}", f"{keras_size(network.params)} as float32"),
        ("trainable", f"{network.trainable_params:,}", f"{network.params - network.trainable_params:,} non-trainable"),
        ("MACs per image", f"{network.macs / 1e6:,.2f} M", f"{network.macs:,}"),
        ("input", f"{height}×{width}×{channels}", f"{network.classes} classes"),
        ("training", duration(run.seconds), stopping(run)),
    ]
    if run.test is not None:
        images = f"{run.on()}, {run.validation.images:,} images"
        facts.append(("validation accuracy", percent(run.validation.accuracy), images))
    scores = run.headline
    if scores.calibration_error is not None:
        facts.append(("calibration error", percent(scores.calibration_error), "ECE over 15 bins"))
    if run.flip_tta is not None:
        gain = points(run.flip_tta.accuracy - scores.accuracy)
        facts.append(("with flip averaging", percent(run.flip_tta.accuracy), f"{gain}, two passes an image; apart"))
    if run.latency:
        fastest = min(run.latency, key=lambda record: record.median_ms)
        name = RUNTIME_TITLES.get(fastest.runtime, fastest.runtime)
        facts.append(
            ("latency per image", f"{milliseconds(fastest.median_ms)} ms", f"{name}, {_threads(fastest.threads)}")
        )
    facts.append(("network digest", network.digest[:12], "names erased"))
    return [
        element("div", element("dt", term), element("dd", value, element("small", note))) for term, value, note in facts
    ]


def _blocks(run: Run, blocks: Sequence[BlockRow] | None) -> Markup:
    if not blocks:
        return Markup()
    most_params = max(max(row.params for row in blocks), 1)
    most_macs = max(max(row.macs for row in blocks), 1)
    titles = (("block", ""), ("map", "n"), ("channels", "n"), ("parameters", "n"), ("MACs", "n"))
    rows = [
        element(
            "tr", *(element("th", title, scope="col", **({"class_": kind} if kind else {})) for title, kind in titles)
        )
    ]
    body: list[Markup] = []
    for row in blocks:
        if row.collapse:
            line = element("span", f"✗ collapse: {row.collapse}")
            body.append(element("tr", element("th", line, colspan="5"), class_="collapse"))
        kind = "warm" if row.behind else ""
        cells = (
            element("th", row.name, scope="row"),
            element("td", row.map, class_="n"),
            element("td", f"{row.channels:,}", class_="n"),
            element("td", f"{row.params:,}", bar(row.params / most_params, kind), class_="n"),
            element("td", f"{row.macs:,}", bar(row.macs / most_macs, kind or "plain"), class_="n"),
        )
        body.append(element("tr", *cells, **({"class_": "behind"} if row.behind else {})))
    behind = sum(row.params for row in blocks if row.behind)
    total = sum(row.params for row in blocks)
    said = (
        f"Blocks behind the collapse hold {behind:,} of {total:,} parameters ({percent(behind / total)})."
        if behind
        else "The map does not collapse before the head."
    )
    grid = element("div", element("table", element("thead", *rows), element("tbody", *body)), class_="scroll")
    return element("section", element("h2", "The network"), element("p", said), grid)


def _curves(run: Run) -> Markup:
    if not run.history:
        return Markup()
    panels = [
        element("div", Markup(plots.curve_svg(run, quantity)), class_="card") for quantity in ("accuracy", "loss")
    ]
    note = (
        f"{run.data.name}: {run.data.train_images:,} images to train on, {run.data.validation_images:,} to validate. "
        "Training figures are means over augmented batches with dropout on, so they can lie below validation."
    )
    return element(
        "section",
        element("h2", "Training"),
        element("p", note, class_="note"),
        element("div", *panels, class_="panels"),
    )


def _classes(run: Run, scores: Scores) -> Markup:
    rows = [
        [
            score.name,
            f"{score.precision:.3f}",
            f"{score.recall:.3f}",
            join(f"{score.f1:.3f}", bar(score.f1)),
            f"{score.support:,}",
        ]
        for score in scores.per_class
    ]
    return element(
        "section",
        element("h2", "Class by class"),
        element("p", _on(run, scores), class_="note"),
        table(["class", "precision", "recall", "F1", "support"], rows),
    )


def _confusion(run: Run, scores: Scores) -> Markup:
    parts: list[Markup] = []
    if len(scores.confusion) <= plots.MAX_PRINTED_CLASSES:
        parts.append(element("div", _matrix(scores), class_="scroll"))
    pairs = worst_pairs(scores)
    if pairs:
        said = [
            element(
                "li",
                f"{pair.truth} → {pair.called} ",
                element("b", percent(pair.share, 0)),
                element("span", f" ({pair.images:,} images)", class_="muted"),
            )
            for pair in pairs
        ]
        parts.append(element("div", element("strong", "Most confused"), element("ol", *said, class_="pairs")))
    if not parts:
        return Markup()
    note = f"{_on(run, scores)} Rows are the true class, columns the network's answer, in % of the row."
    return element(
        "section",
        element("h2", "What is taken for what"),
        element("p", note, class_="note"),
        element("div", *parts, class_="beside"),
    )


def _matrix(scores: Scores) -> Markup:
    shares = row_shares(scores.confusion)
    names = [score.name for score in scores.per_class]
    worst = max([share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j], default=0.0)
    head = element("tr", element("th"), *(element("th", element("span", name), scope="col") for name in names))
    body = [
        element(
            "tr",
            element("th", names[i], scope="row"),
            *(
                _matrix_cell(names[i], names[j], scores.confusion[i][j], share, max(worst, 0.1))
                for j, share in enumerate(row)
            ),
        )
        for i, row in enumerate(shares)
    ]
    return element("table", element("thead", head), element("tbody", *body), class_="matrix")


def _matrix_cell(truth: str, called: str, count: int, share: float, worst: float) -> Markup:
    strength = 100 * share if truth == called else 85 * share / worst
    kind = "right" if truth == called else "wrong"
    kind += " strong" if strength > 70 else " zero" if not count else ""
    said = f"{truth} called {called}: {count:,} ({percent(share)})"
    return element("td", f"{100 * share:.0f}" if count else "·", class_=kind, style=f"--s:{strength:.0f}", title=said)


def _latency(run: Run) -> Markup:
    if not run.latency:
        return Markup()
    slowest = max(record.median_ms for record in run.latency)
    rows = [
        [
            RUNTIME_TITLES.get(record.runtime, record.runtime),
            join(milliseconds(record.median_ms), bar(record.median_ms / slowest)),
            milliseconds(record.p90_ms),
            milliseconds(record.p99_ms),
            times(ratio),
            f"{record.threads}",
            f"{record.warmup:,} + {record.runs:,}",
        ]
        for record, ratio in zip(run.latency, slower_than_fastest(run.latency), strict=True)
    ]
    return element(
        "section",
        element("h2", "Latency of one image on a CPU"),
        element("p", f"Milliseconds per image, one image at a time. {run.machine}", class_="note"),
        table(["runtime", "median ms", "p90 ms", "p99 ms", "vs fastest", "threads", "warm-up + timed"], rows),
    )


def _reproduce(run: Run) -> Markup:
    data = run.data
    source = [
        ("data set", data.name),
        ("source", data.source),
        (
            "train / validation / test",
            f"{data.train_images:,} / {data.validation_images:,} / {data.test_images:,} images",
        ),
        ("data SHA-256", element("code", data.sha256)),
        ("model SHA-256", element("code", run.model_sha256)),
        ("network digest", element("code", run.network.digest)),
        ("started", run.started),
        ("machine", run.machine),
        *run.versions.items(),
    ]
    recipe = recipe_rows(run.recipe)
    columns = [
        table([title, ""], [[name, value] for name, value in rows])
        for title, rows in (("recipe", recipe), ("provenance", source))
    ]
    return element(
        "section",
        element("h2", "Do it again"),
        element("pre", element("code", run.command)),
        element("div", *columns, class_="columns"),
    )


def _on(run: Run, scores: Scores) -> str:
    return f"{run.on()}, {scores.split} set, {scores.images:,} images."


def _threads(count: int) -> str:
    return f"{count} thread" if count == 1 else f"{count} threads"
