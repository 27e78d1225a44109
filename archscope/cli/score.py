"""`archscope score`: training-free scores of designs, and how far they order finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Annotated

import typer

from archscope.cli.contenders import find_contenders
from archscope.cli.evaluate import own_data
from archscope.cli.output import Format, console, emit, emit_json, note, say, show
from archscope.cli.subject import InputSize
from archscope.cli.train_eval import Data
from archscope.cli.trainable import check_classes
from archscope.diagnose.compare import Contender
from archscope.errors import RunError
from archscope.graph import digest
from archscope.report.network import SCHEMA_VERSION
from archscope.report.score import NO_PROMISE, accuracy_sentence, audit_sentence, audit_table, score_table, unlike_runs
from archscope.report.training import named_data

IMAGES = 128
WIDE = 140
"""Columns of a terminal that has room for specs beside the scores."""


def score(
    designs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="A B ...",
            help="Models, specs, design files or run folders; +EDIT... edits the last one that was named in full.",
            show_default=False,
        ),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Of finished runs: how well each score orders what training made of them.")
    ] = False,
    input_size: InputSize = None,
    data: Data = None,
    images: Annotated[int, typer.Option("--images", metavar="N", min=2, help="Images of the batch.")] = IMAGES,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="The mean of the seeds 0 to N-1.")] = 1,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Score networks before any training: NASWOT, synflow, gradient norm, beside the baselines they have to beat."""
    from archscope.score.audit import check_count

    found = find_contenders(designs or [], input_size, least=1).contenders
    if audit:
        for one in found:
            if not one.runs:
                raise RunError(f"{one.spec} is no finished run", "--audit takes run folders, at least four")
        check_count(len({digest(one.trace.graph) for one in found}))
        data = data or own_data(found[0].runs[0].run)
    show_scores(found, scores_of(found, data, images, seeds), form, audit)


def scores_of(
    found: Sequence[Contender], data: str | None, images: int = IMAGES, seeds: int = 1
) -> list[dict[str, float]]:
    """The scores of each on the same training images, the mean over the seeds. Raises ArchscopeError."""
    from archscope.data import load, stratified_subset
    from archscope.interop.framework import load_framework
    from archscope.score.scores import Batch, scored

    batches: dict[tuple[int, ...], list[Batch]] = {}
    for one in found:
        if one.design.input not in batches:
            dataset = load(data, one.design.input)
            note(f"data: {named_data(dataset.name, dataset.source)}, {images} training images", wrap=True)
            chosen = [stratified_subset(dataset.train.labels, images, seed) for seed in range(seeds)]
            batches[one.design.input] = [
                Batch(dataset.train.images[numbers], dataset.train.labels[numbers], seed)
                for seed, numbers in enumerate(chosen)
            ]
        check_classes(one.spec, one.trace, one.design.classes, dataset)
        if one.runs and one.runs[0].run.data.sha256 != dataset.sha256:
            note(f"! the accuracy of {one.label} is on {one.runs[0].run.data.name}, its scores are of these images")
    load_framework()
    values = []
    for one in found:
        note(f"scoring {one.spec}")
        values.append(scored(one.trace, batches[one.design.input]))
    return values


def _by_network(found: Sequence[Contender], figures: Sequence[float]) -> tuple[list[float], list[float]]:
    """The scores and the accuracies; runs of one network, with several seeds say, count once, with their mean."""
    networks: dict[str, list[tuple[float, float]]] = {}
    for one, figure in zip(found, figures, strict=True):
        networks.setdefault(digest(one.trace.graph), []).append((figure, one.runs[0].run.headline.accuracy))
    pairs = [tuple(map(fmean, zip(*runs, strict=True))) for runs in networks.values()]
    return [score for score, _ in pairs], [accuracy for _, accuracy in pairs]


def show_scores(found: Sequence[Contender], values: list[dict[str, float]], form: Format, audit: bool = False) -> None:
    """The table of scores; of finished runs, with `audit`, the table of correlations as well."""
    from archscope.score.audit import Correlation, spearman
    from archscope.score.scores import SCORES

    specs = form is not Format.table or console().width > WIDE
    table = score_table(found, SCORES, values, specs)
    judged: dict[str, Correlation] = {}
    if audit:
        judged = {name: spearman(*_by_network(found, [figures[name] for figures in values])) for name in SCORES}
    audited = audit_table(SCORES, judged) if audit else None
    if form is Format.json:
        record = {"schema_version": SCHEMA_VERSION, "networks": table.records()}
        emit_json({**record, "audit": audited.records()} if audited else record)
    elif form is Format.csv:
        emit((audited or table).csv())
    elif form is Format.md:
        emit("\n".join(one.markdown() for one in (table, audited) if one))
    else:
        show(table)
        for one in () if specs else found:
            say(f"{one.label:>3} {one.spec}", wrap=False)
        say()
        if audited is None:
            say(NO_PROMISE)
            return
        show(audited)
        say(audit_sentence(judged, [name for name, one in SCORES.items() if one.baseline]))
        for line in (accuracy_sentence(found), *unlike_runs(found)):
            say(line)
