"""`archscope weights`: which of a file's weights a network takes, layer by layer, and whether it computes the same."""

from __future__ import annotations

from typing import Annotated

import typer

from archscope.cli.carried import Weights
from archscope.cli.output import Format, emit, emit_json, next_step, say, show
from archscope.cli.subject import InputSize, Model, subject
from archscope.errors import DesignError
from archscope.graph import digest
from archscope.interop.named import weights_file
from archscope.report.network import network_record
from archscope.report.weights import kept_sentence, prefix_sentences, weights_records, weights_sentence, weights_table


def weights(
    model: Model = None,
    named: Weights = None,
    input_size: InputSize = None,
    every: Annotated[
        bool, typer.Option("--all", help="A row for each layer, the exact ones too (machine formats: always).")
    ] = False,
    no_compute: Annotated[
        bool, typer.Option("--no-compute", help="Do not compute the untouched prefix: no Keras is loaded.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", "-f", help="Output format.")] = Format.table,
) -> None:
    """Show which weights of a file the network would take: exact, adapted (how) or new (why).

    Up to where nothing is changed, both networks compute a few random images, and must agree.
    """
    from archscope.interop.carry import carry, plan_carriage
    from archscope.interop.source import read_source

    if named is None:
        raise DesignError(
            "--weights does not say whose", "give a .keras or .weights.h5 file, a run folder, or imagenet"
        )
    shown = subject(model, input_size)
    if form is Format.table:
        shown.announce()
    source = read_source(weights_file(named, shown.design))
    if no_compute:
        carriage = plan_carriage(source, shown.trace)
    else:
        from archscope.interop.framework import load_framework
        from archscope.interop.lower import lower

        load_framework()
        carriage = carry(source, shown.trace, lower(shown.trace.graph))
    table = weights_table(carriage, every or form is not Format.table)
    sentences = [weights_sentence(carriage), *kept_sentence(carriage), *prefix_sentences(carriage)]
    if form is Format.json:
        record = network_record(shown.spec, digest(shown.trace.graph), shown.source, shown.trace)
        prefix = {"untouched_ends": carriage.prefix.ends, "difference": carriage.prefix.difference}
        given = {"weights": named, "weights_sha256": source.sha256}
        emit_json({**record, **given, **prefix, "layers": weights_records(carriage)})
    elif form is Format.csv:
        emit(table.csv())
    elif form is Format.md:
        emit("\n".join([table.markdown(), "  \n".join(sentences), ""]))
    else:
        if table.lines:
            show(table)
        for sentence in sentences:
            say(sentence)
        next_step(f"archscope train-eval {'' if model is None else f'{model} '}--weights {named}")
