"""The diagnosis: the study's figures, remedies that keep their promises, no false alarms, names that do not matter."""

from __future__ import annotations

import random
import re
import shlex
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from archscope.analysis import collapse, final_map
from archscope.cli.main import application
from archscope.design import DEFAULT, Design, Stride, Upsample, build, parse_spec
from archscope.diagnose.facts import facts
from archscope.diagnose.findings import Collapsed, Cramped, DeadWeights, Diagnosis, Foldable, diagnose
from archscope.errors import ArchscopeError
from archscope.graph import (
    HEAD,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Graph,
    Input,
    Multiply,
    Node,
    Opaque,
    verify,
)
from archscope.report.commands import commands, short_commands
from archscope.report.diagnosis import clean_bill, fact_lines, finding_line


def examined(spec: str) -> Diagnosis:
    design = parse_spec(spec)
    return diagnose(verify(build(design)), design.classes)


def test_mobilenet_v2_at_32() -> None:
    found = examined("mobilenet_v2@32")
    fallen, dead = found.findings[:2]
    assert isinstance(fallen, Collapsed)
    assert fallen.at is not None
    assert fallen.at.layer == "block_13_depthwise"
    assert (fallen.share.params, fallen.share.body_params) == (1_636_544, 2_257_984)
    assert isinstance(dead, DeadWeights)
    assert dead.weights == 25_920
    assert [layer[:3] for layer in dead.layers[:3]] == [(f"block_{number}_depthwise", 8, 9) for number in (14, 15, 16)]
    assert "1,636,544 of 2,257,984 body parameters (72.5%)" in finding_line(fallen)


def test_its_remedies_include_the_studys_and_the_ones_it_left_for_later() -> None:
    named = {short_commands(remedy.edits) for remedy in examined("mobilenet_v2@32").remedies}
    assert named >= {
        "cut block_12_add",
        "cut block_12_add --head 1000",
        "stride block_13_depthwise 1",
        "stride Conv1 1",
        "stride Conv1 1 + stride block_1_depthwise 1",
        "upsample 2",
        "upsample 2 --by transpose",
        "cut block_12_add --head 1000 + stride Conv1 1",
    }


def test_mobilenet_v1_at_32_counts_taps_by_hand() -> None:
    _, dead, foldable = examined("mobilenet_v1@32").findings[:3]
    assert isinstance(dead, DeadWeights)
    # conv_dw_13 on a 1x1 map: 8 of 9 in 1024 channels; conv_dw_12 on 2x2 padded below and right: 5 of 9 in 512.
    assert dead.layers == (("conv_dw_13", 8, 9, 8 * 1024), ("conv_dw_12", 5, 9, 5 * 512))
    assert foldable == Foldable(("conv_dw_13",), 9 * 1024)


@pytest.mark.parametrize("spec", ["mobilenet_v1@224", "mobilenet_v2@224", "mobilenet_v2@224x192,alpha=0.35"])
def test_a_healthy_network_gets_a_clean_bill(spec: str) -> None:
    found = examined(spec)
    assert (found.findings, tuple(found.remedies)) == ((), ())
    assert clean_bill(verify(build(parse_spec(spec)))).startswith("✓ Healthy at 224x")


def test_a_cramped_network_is_offered_a_larger_map() -> None:
    found = examined("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000")
    assert [type(finding) for finding in found.findings] == [Cramped]
    named = {short_commands(remedy.edits): remedy for remedy in found.remedies}
    assert named["stride Conv1 1"].final_map == (4, 4, 88)
    assert all(remedy.left.healthy for remedy in found.remedies)


def gated(channels: int) -> Graph:
    """A 7x7 network with a squeeze-excite branch: pooled to 1x1, squeezed, excited, and multiplied back."""
    layers = [
        ("input", Input(shape=(7, 7, channels)), ()),
        ("conv", Conv2D(filters=channels, kernel=(3, 3)), ("input",)),
        ("squeeze", GlobalAveragePooling2D(keepdims=True), ("conv",)),
        ("reduce", Conv2D(filters=2, kernel=(1, 1), use_bias=True), ("squeeze",)),
        ("excite", Conv2D(filters=channels, kernel=(1, 1), use_bias=True), ("reduce",)),
        ("gate", Activation(function="sigmoid"), ("excite",)),
        ("scaled", Multiply(), ("conv", "gate")),
    ]
    nodes = [Node(name, op, inputs, "body", "body") for name, op, inputs in layers]
    pool = Node("pool", GlobalAveragePooling2D(), ("scaled",), HEAD, HEAD)
    return Graph((*nodes, pool, Node("dense", Dense(units=3), ("pool",), HEAD, HEAD)))


def test_a_squeeze_excite_branch_is_no_alarm() -> None:
    assert diagnose(verify(gated(8)), 3).findings == ()


def random_designs(count: int) -> list[Design]:
    """Seeded designs that build, at sizes where much goes wrong; some with edits already."""
    draw, designs = random.Random(7), []
    while len(designs) < count:
        edits = (
            [Stride("conv1" if draw.random() < 0.5 else "Conv1", draw.choice([1, 2]))] if draw.random() < 0.2 else []
        )
        edits += [Upsample(2)] if draw.random() < 0.1 else []
        try:
            design = DEFAULT.having(
                draw.choice(["mobilenet_v1", "mobilenet_v2"]),
                (draw.randint(8, 80), draw.randint(8, 80), draw.choice([1, 3, 4])),
                {"alpha": draw.choice([0.1, 0.35, 0.9, 1.0, 1.3]), "classes": draw.randint(1, 20)},
                edits,
            )
            build(design)
        except ArchscopeError:
            continue
        designs.append(design)
    return designs


def test_every_remedy_applied_as_printed_gives_its_promised_figures() -> None:
    runner, tried = CliRunner(), 0
    for design in random_designs(100):
        found = diagnose(verify(build(design)), design.classes)
        assert bool(found.findings) or not tuple(found.remedies)
        for remedy in found.remedies:
            program, *words = shlex.split(commands(remedy.edits, design))
            assert program == "archscope"
            result = runner.invoke(application(words[0]), words)
            assert result.exit_code == 0, result.output
            spec = re.search(r"^spec: (\S+)$", result.stdout, re.MULTILINE)
            assert spec is not None, result.output
            after = verify(build(parse_spec(spec[1])))
            assert (after.params, after.macs) == (remedy.after.params, remedy.after.macs)
            assert final_map(after) == remedy.final_map
            assert collapse(after) == remedy.collapse
            tried += 1
    assert tried > 300


def test_renaming_every_layer_changes_only_names() -> None:
    graph = build(DEFAULT)
    new = {node.name: f"layer_{number}" for number, node in enumerate(graph.nodes)}
    renamed = Graph(
        tuple(
            replace(node, name=new[node.name], inputs=tuple(new[name] for name in node.inputs)) for node in graph.nodes
        )
    )
    text = repr(_figures(diagnose(verify(graph), 10)))
    # The longest names first: block_1 is the beginning of block_13's.
    for name in sorted(new, key=len, reverse=True):
        text = text.replace(repr(name), repr(new[name]))
    assert text == repr(_figures(diagnose(verify(renamed), 10)))


def _figures(found: Diagnosis) -> object:
    """All that a diagnosis says, the traces of its remedies as figures."""
    return found.findings, [
        (remedy.edits, remedy.collapse, remedy.final_map, remedy.after.params, remedy.after.macs, remedy.left)
        for remedy in found.remedies
    ]


def test_an_unknown_op_is_named_and_the_rest_is_said() -> None:
    nodes = (
        Node("input", Input(shape=(4, 4, 3)), (), "body", "body"),
        Node("odd", Opaque(kind="Mystery", shape=(4, 4, 8)), ("input",), "body", "body"),
        Node("conv", Conv2D(filters=2, kernel=(3, 3), strides=(4, 4)), ("odd",), "body", "body"),
        Node("norm", BatchNormalization(), ("conv",), "body", "body"),
    )
    trace = verify(Graph(nodes))
    fallen = diagnose(trace, 2).findings[0]
    assert isinstance(fallen, Collapsed)
    assert fallen.at is not None
    assert fallen.at.layer == "conv"
    assert facts(trace).uncounted == ("odd",)
    assert fact_lines(facts(trace), trace)[-1] == "coverage: 3 of 4 ops counted; unknown: odd"


def test_a_clean_bill_says_of_what_nothing_is_known() -> None:
    odd = Node("odd", Opaque(kind="Mystery", shape=(9, 9, 8)), ("input",))
    conv = Node("conv", Conv2D(filters=2, kernel=(3, 3)), ("odd",))
    trace = verify(Graph((Node("input", Input(shape=(9, 9, 3))), odd, conv)))
    assert diagnose(trace, 2).findings == ()
    assert clean_bill(trace).endswith("no layer is cramped; nothing is known of odd.")
