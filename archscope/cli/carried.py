"""The weights that a network begins with: a file's, a run's, or those that keras.applications learnt on ImageNet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archscope.cli.held_out import saw_held_out
from archscope.cli.output import note
from archscope.cli.subject import Subject
from archscope.design import Design
from archscope.errors import RunError, TrainingError
from archscope.interop.named import IMAGENET, OWN, weights_file
from archscope.report.weights import frozen_sentence, prefix_sentences, weights_sentence
from archscope.runs import DataRecord, WeightsRecord, read_run
from archscope.runs.held_out import HeldOut
from archscope.runs.plan import Plan

if TYPE_CHECKING:
    import keras

    from archscope.interop.carry import Carriage
    from archscope.interop.source import Source

WEIGHTS_HELP = (
    "A .keras or .weights.h5 file, or a run folder; `imagenet`: those of keras.applications, by Keras' own download; "
    "`own`: those of the .keras file that the design is based on."
)

Weights = Annotated[
    str | None,
    typer.Option("--weights", "-w", metavar="FILE|imagenet|own", help=WEIGHTS_HELP, show_default="fresh ones"),
]


def named_weights(named: str | None, shown: Subject) -> str:
    """The SHA-256 of the file that --weights names, "" where it names none.

    Raises ArchscopeError where it cannot be read, or no layer of the network takes anything from it: before a training
    has begun.
    """
    if named is None:
        return ""
    from archscope.interop.carry import plan_carriage
    from archscope.interop.source import read_source

    source = read_source(weights_file(named, shown.design))
    plan_carriage(source, shown.trace)
    return source.sha256


def planned_weights(plan: Plan, design: Design) -> Source | None:
    """The plan's weights; None where it has none.

    Raises RunError for a file that cannot be read, TrainingError where it is not the one that was meant.
    """
    if plan.weights is None:
        return None
    from archscope.interop.source import read_source

    source = read_source(weights_file(plan.weights, design))
    if source.sha256 != plan.weights_sha256:
        raise TrainingError(
            f"{source.path} holds other weights than when this run began (SHA-256)", "restore it, or start anew"
        )
    return source


def carry_into(model: keras.Model, source: Source, shown: Subject, named: str) -> Carriage:
    """Give a lowered network its weights, and say on stderr what became of them. Raises GraphError."""
    from archscope.interop.carry import carry

    carriage = carry(source, shown.trace, model)
    note(f"weights: {named}: {weights_sentence(carriage)}", wrap=True)
    for sentence in prefix_sentences(carriage):
        note(sentence, wrap=True)
    return carriage


def begin_with(model: keras.Model, source: Source, shown: Subject, plan: Plan, data: DataRecord) -> WeightsRecord:
    """The same for a training on `data`, with the untouched prefix frozen where the plan wants that; what the run
    records.
    """
    from archscope.interop.carry import freeze

    named = str(plan.weights)
    carriage = carry_into(model, source, shown, named)
    if plan.freeze_prefix:
        freeze(model, carriage.frozen)
        note(frozen_sentence(carriage), wrap=True)
    carried = carriage.transplant
    return WeightsRecord(
        name=_name(named, shown.design),
        sha256=source.sha256,
        exact=len(carried.having("exact")),
        adapted=tuple(one.layer for one in carried.having("adapted")),
        new=tuple(one.layer for one in carried.having("new")),
        frozen=carriage.frozen if plan.freeze_prefix else (),
        difference=carriage.prefix.difference,
        saw_held_out=_saw_held_out(source, plan, data),
    )


def _saw_held_out(source: Source, plan: Plan, data: DataRecord) -> bool:
    """Whether the weights are a run's that may have learnt from what this one holds out.

    They are the run's in whose folder they lie; of any other file nothing is known.
    """
    try:
        run = read_run(source.path.parent)
    except RunError:
        return False
    if run.model_sha256 != source.sha256:
        return False
    return saw_held_out("the run of the weights", HeldOut.of(run), HeldOut.by(plan.recipe, data))


def _name(named: str, design: Design) -> str:
    """What stands beside the accuracy: a file's or folder's own name, or `imagenet`."""
    return named if named == IMAGENET else Path(design.model if named == OWN else named).name
