"""Comparisons in words, tables and pages: the figures of the runs, nothing unescaped, each question under its name."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_page import EVIL, Page

from archscope.design import build, parse_spec
from archscope.diagnose.compare import Contender, Measured, difference, label, paired_tests, unlike, verdicts
from archscope.diagnose.expect import Outcome
from archscope.graph import verify
from archscope.report.compare import (
    cost_table,
    difference_text,
    outcome_sentence,
    p_text,
    paired_sentence,
    run_sentence,
)
from archscope.report.compare_page import comparison_markdown, comparison_page
from archscope.report.compare_plot import write_tradeoff
from archscope.report.comparison import Comparison, caveats, comparison_record, histories, progress_rows, summary_line
from archscope.report.seeds import seed_markdown, seed_means, seed_record, seed_sentences, seed_table
from archscope.runs import Predictions, Run
from archscope.runs.paired import paired_counts
from archscope.train import Recipe

IMAGES = 10_000
SPECS = (
    "mobilenet_v2@32",
    "mobilenet_v2@32+cut:block_12_add+head:1000",
    "mobilenet_v2@32+stride:Conv1,to=1",
    "mobilenet_v1@32",
    "mobilenet_v1@32+upsample:2,by=transpose+stride:conv1,to=1",
)


@pytest.fixture
def measured(run: Run) -> Callable[..., Measured]:
    """A run with the first `right` of 10,000 validation images right, and the rest of them wrong, `shift` images on."""

    def make(right: int, seed: int = 0, shift: int = 0, kept: bool = True, **changes: object) -> Measured:
        labels = np.arange(IMAGES) % 10
        wrong = np.roll(np.arange(IMAGES) >= right, shift)
        predictions = Predictions(labels, np.where(wrong, (labels + 1) % 10, labels))
        scores = replace(run.validation, accuracy=right / IMAGES)
        given = {"recipe": Recipe(seed=seed).to_dict(), "seed": seed, **changes}
        changed = replace(run, validation=scores, test=None, **given)
        return Measured(Path(f"runs/{right}-seed-{seed}"), changed, predictions if kept else None)

    return make


def contenders(*runs: tuple[Measured, ...]) -> tuple[Contender, ...]:
    designs = [parse_spec(spec) for spec in SPECS]
    return tuple(
        Contender(label(i), design, spec, "spec", verify(build(design)), found)
        for i, (design, spec, found) in enumerate(zip(designs, SPECS, runs, strict=False))
    )


@pytest.fixture
def comparison(measured: Callable[..., Measured]) -> Comparison:
    rights = (5000, 4990, 5600, 4000, 4100)
    return Comparison(contenders(*((measured(right),) for right in rights)), "archscope compare a b")


def test_labels_go_on_after_z() -> None:
    assert [label(i) for i in (0, 1, 25, 26, 52)] == ["A", "B", "Z", "A2", "A3"]


def test_mcnemars_test_in_words() -> None:
    better = paired_counts(512, 322, 10_000)
    said = "A is 1.9 points better than B (95% interval 1.3 to 2.5; 512 images only A gets, 322 only B; p = 5e-11)."
    assert paired_sentence("A", "B", better) == said
    turned = paired_counts(322, 512, 10_000)
    assert paired_sentence("B", "A", turned) == said
    level = paired_sentence("A", "B", paired_counts(30, 30, 1000))
    assert level.startswith("A and B cannot be told apart: they are level (95% interval -1.6 to 1.6;")
    ahead = paired_sentence("A", "B", paired_counts(3, 9, 1000))
    assert ahead.startswith("B and A cannot be told apart: B is 0.6 points ahead (")
    assert [p_text(p) for p in (0.0, 4.2e-11, 0.0312, 0.5)] == ["p < 1e-300", "p = 4e-11", "p = 0.031", "p = 0.5"]


def test_one_run_each_is_judged_by_its_images(measured: Callable[..., Measured]) -> None:
    a, b = contenders((measured(5000),), (measured(5300),))
    found = difference(b, a)
    assert found is not None
    assert found.test == paired_counts(300, 0, IMAGES)
    assert difference_text(found) == "+3.0 points (95% interval +2.7 to +3.4)"


def test_several_seeds_are_judged_by_training_anew(measured: Callable[..., Measured]) -> None:
    """By hand: differences of 1, 2 and 3 points, mean 2, half width 4.303 / sqrt(3) = 2.48."""
    base = tuple(measured(5000, seed) for seed in range(3))
    a, b = contenders(base, tuple(measured(5100 + 100 * seed, seed) for seed in range(3)))
    found = difference(b, a)
    assert found is not None
    assert found.test is None
    assert difference_text(found) == "+2.0 points (95% interval -0.5 to +4.5, 3 seeds)"
    assert difference(b, replace(a, runs=base[:2])) is None


def test_seeds_without_any_spread_prove_nothing(measured: Callable[..., Measured]) -> None:
    pair = contenders(*([(measured(1000, 0), measured(1000, 1))] * 3))
    assert [verdict.outcome for verdict in verdicts(pair)] == [Outcome.open, Outcome.open]


def test_runs_on_other_images_are_not_compared(measured: Callable[..., Measured], run: Run) -> None:
    one = measured(5000)
    other_data = measured(5000, data=replace(run.data, sha256="ee" * 32, name="digits"))
    assert "one was scored on the validation set of CIFAR-10" in unlike(one, other_data)
    assert "the other on the validation set of digits" in unlike(one, other_data)
    assert unlike(one, measured(4000, kept=False)) == "`archscope evaluate runs/4000-seed-0 --predictions` first"
    assert "another seed or fraction" in unlike(one, measured(5000, seed=1))
    assert unlike(one, measured(10)) == ""
    found = paired_tests(contenders((one,), (other_data,), (measured(4000),)))
    assert [type(test) is str for _, _, test in found] == [True, False, True]


def test_each_design_is_held_against_the_first_of_its_model(comparison: Comparison) -> None:
    found = verdicts(comparison.contenders)
    assert [(verdict.contender.label, verdict.reference.label) for verdict in found] == [
        ("B", "A"),
        ("C", "A"),
        ("E", "D"),
    ]
    assert [verdict.outcome for verdict in found] == [Outcome.held, Outcome.held, Outcome.held]
    assert outcome_sentence(found[0]) == (
        "✓ B against A: no loss expected, -0.1 points (95% interval -0.2 to -0.1) measured: held"
    )
    assert summary_line(comparison) == "Of 3 forecasts: 3 held."


def test_the_table_shrinks_and_machines_get_everything(comparison: Comparison) -> None:
    table = cost_table(comparison.contenders)
    for width in (40, 60, 80, 200):
        lines = [str(line) for line in table.render(width)]
        assert max(map(len, lines)) <= width
        assert lines[1].split()[0] == "A"
    rows = cost_table(comparison.contenders, machine=True).records()
    assert rows[1]["spec"] == SPECS[1]
    assert rows[1]["params"] == 669_666
    assert rows[1]["weight_bytes"] == 4 * 669_666
    assert rows[0]["params_on_1x1_share"] == 1_636_544 / 2_257_984
    assert rows[1]["macs_factor"] == 4_676_880 / 6_124_928
    assert rows[2]["accuracy"] == 0.56
    bare = cost_table(contenders((), ()), machine=True).records()
    assert "accuracy" not in bare[0]
    assert rows[0]["accuracy_of"] == "validation set of CIFAR-10 (JPEG re-encoded), 10,000 images"


def test_the_page_and_the_readme_say_the_same(comparison: Comparison) -> None:
    page, markdown = Page(comparison_page(comparison)), comparison_markdown(comparison)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    plain = markdown.replace("\\", "")
    for said in (
        comparison.title,
        "Does cutting what lies behind the collapse cost accuracy?",
        "Does stride 1 bring accuracy?",
        "And what else was changed?",
        "669,666",
        "C against A: a gain expected, +6.0 points",
        "49.90%",
        "The test set was not used.",
        "One seed each",
        *caveats(comparison),
    ):
        assert said in page.text, said
        assert said in plain, said
    assert "Does upsampling bring accuracy?" not in plain  # E both upsamples and sets a stride
    assert "![Accuracy against MACs and parameters](accuracy.png)" in markdown


def test_a_pilot_is_called_one_everywhere(comparison: Comparison, run: Run) -> None:
    small = replace(run.data, train_images=10_000, train_left_out=30_000)
    pilots = tuple(
        replace(one, runs=tuple(replace(m, run=replace(m.run, data=small)) for m in one.runs))
        for one in comparison.contenders
    )
    pilot = replace(comparison, contenders=pilots)
    for text in (Page(comparison_page(pilot)).text, comparison_markdown(pilot)):
        assert "A pilot: trained on 10,000 of the 40,000 training images." in text
        assert "A pilot shows directions" in text
    assert comparison_record(pilot)["pilot"] is True
    assert comparison_record(comparison)["pilot"] is False
    assert "pilot" not in comparison_markdown(comparison).lower()


def test_every_text_is_escaped(comparison: Comparison, run: Run) -> None:
    data = replace(run.data, name=EVIL, source=EVIL, sha256=EVIL)
    evil = tuple(
        replace(one, spec=EVIL, runs=tuple(replace(m, run=replace(m.run, data=data, machine=EVIL)) for m in one.runs))
        for one in comparison.contenders
    )
    bad = Comparison(evil, EVIL + "```")
    html, markdown = comparison_page(bad), comparison_markdown(bad)
    assert "<script" not in html
    assert Page(html).text.count(EVIL) >= 5
    fenced = "````sh\n" + EVIL + "```\n````"
    assert fenced in markdown
    outside = re.sub(r"(`+) .*? \1(?!`)", "", markdown.replace(fenced, ""))
    assert "<script" not in outside.replace("\\<", "")


def test_the_picture_is_a_picture_and_its_bytes_repeat(comparison: Comparison, tmp_path: Path) -> None:
    write_tradeoff(comparison, tmp_path / "a")
    write_tradeoff(comparison, tmp_path / "b")
    for name in ("accuracy.png", "accuracy.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    ElementTree.fromstring((tmp_path / "a" / "accuracy.svg").read_text())


def test_the_record_is_json_with_every_run(comparison: Comparison) -> None:
    record = json.loads(json.dumps(comparison_record(comparison), allow_nan=False))
    assert [design["label"] for design in record["designs"]] == ["A", "B", "C", "D", "E"]
    assert record["designs"][1]["runs"][0]["folder"] == "4990-seed-0"
    assert record["verdicts"][0]["outcome"] == "held"
    assert record["verdicts"][0]["difference"]["test"]["only_b"] == 10
    assert "seed" not in record["recipe"]


def test_the_epochs_of_all_runs_in_one_table(comparison: Comparison) -> None:
    frame = histories(comparison)
    assert len(frame) == 5 * 30
    assert list(frame.columns[:4]) == ["label", "spec", "seed", "epoch"]
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)
    rows = progress_rows(comparison)
    assert rows[0] == ["epoch", *(str(epoch) for epoch in range(3, 31, 3))]
    assert rows[1][-1] == f"{100 * comparison.runs[0].history[-1].validation_accuracy:.1f}%"


def test_a_run_that_stopped_early_leaves_its_later_cells_empty(measured: Callable[..., Measured], run: Run) -> None:
    pair = contenders((measured(5000),), (measured(5100, history=run.history[:10]),))
    rows = progress_rows(Comparison(pair, "x"))
    assert rows[2][-1] == ""
    assert rows[1][-1] != ""


def test_seeds_by_hand(measured: Callable[..., Measured], run: Run) -> None:
    assert run.test is not None
    tests = [replace(run.test, accuracy=value) for value in (0.50, 0.51, 0.52)]
    runs = [
        replace(one, run=replace(one.run, test=test), folder=Path(f"x/seed-{seed}"))
        for seed, (one, test) in enumerate(zip([measured(5000 + 100 * s, s) for s in range(3)], tests, strict=True))
    ]
    means = seed_means(runs)
    assert means["test"].mean == pytest.approx(0.51)
    assert seed_sentences(runs)[1] == (
        "test accuracy 51.00% on average (95% interval 48.5–53.5%, 3 seeds) on CIFAR-10 (JPEG re-encoded)"
    )
    assert [row["test_accuracy"] for row in seed_table(runs).records()] == [0.50, 0.51, 0.52]
    assert seed_sentences(runs)[-1].startswith("The interval is Student's")
    alone = seed_sentences(runs[:1], ["m, seed 1: the loss is no number"])
    assert "test accuracy 50.00% on average (one seed, no interval)" in alone[1]
    assert alone[-1] == "diverged, and not in the mean: m, seed 1: the loss is no number"
    record = json.loads(json.dumps(seed_record(runs, "command")))
    assert record["seeds"] == [0, 1, 2]
    assert record["folders"] == ["seed-0", "seed-1", "seed-2"]
    assert record["accuracy"]["test"]["values"] == [0.50, 0.51, 0.52]
    markdown = seed_markdown(runs, "command")
    assert "| [1](seed-1/README.md) | 51.00% | 51.00% |" in markdown
    untested = [replace(one, run=replace(one.run, test=None)) for one in runs]
    assert set(seed_means(untested)) == {"validation"}
    assert "The test set was not used." in seed_markdown(untested, "command")
    assert run_sentence(contenders((runs[0],))[0]).startswith("A: 50.00% (95% interval ")
