"""The HTML page and the README of a run: its figures, its sections, nothing foreign, nothing unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from archscope.report.facts import (
    BlockRow,
    duration,
    milliseconds,
    recipe_rows,
    row_shares,
    slower_than_fastest,
    times,
    worst_pairs,
)
from archscope.report.html import Markup, element, join, table
from archscope.report.page import run_page
from archscope.report.readme import run_markdown
from archscope.runs.record import ClassScore, Run

BLOCKS = (
    BlockRow("stem", "16x16", 32, 1_000, 250_000),
    BlockRow("block_1", "2x2", 24, 2_000, 500_000),
    BlockRow("block_2", "1x1", 160, 9_000, 90_000, behind=True, collapse="block_2_depthwise 2x2 → 1x1"),
)
VOID = {"meta", "link", "br", "hr", "img"}


class Page(HTMLParser):
    """Checks that tags nest, and collects text, tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and data.strip():
            self.said.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(self.said)


def test_the_page_says_what_the_record_says(run: Run) -> None:
    text = Page(run_page(run, blocks=BLOCKS)).text
    assert run.test is not None
    for expected in (
        run.name,
        run.network.spec,
        run.network.digest,
        "572,066",
        "2.18 MB as float32",
        "555,202",
        "16,864 non-trainable",
        "4,304,296",
        "32×32×3",
        f"{100 * run.test.accuracy:.1f}%",
        f"95% interval {100 * run.test.interval_low:.1f}–{100 * run.test.interval_high:.1f}%, 10,000 images.",
        "test accuracy on CIFAR-10 (JPEG re-encoded)",
        "30 epochs; the weights kept are those of epoch 27",
        "14 min 05 s",
        "40,000 / 10,000 / 10,000 images",
        run.data.sha256,
        run.model_sha256,
        run.command,
        run.machine,
        run.started,
        "cat → dog 19% (190 images)",
        "1× ",
        "100×",
        "900×",
        "6,411 + 1,000",
    ):
        assert expected in text, expected
    for score in run.test.per_class:
        assert f"{score.name} {score.precision:.3f} {score.recall:.3f} {score.f1:.3f} {score.support:,}" in text
    for name, value in (*recipe_rows(run.recipe), *run.versions.items(), ("seed", "1")):
        assert f"{name} {value}" in text


def test_every_cell_of_the_confusion_matrix(run: Run) -> None:
    assert run.test is not None
    titles = [value for name, value in Page(run_page(run)).attributes if name == "title"]
    names = run.data.classes
    assert titles == [
        f"{names[i]} called {names[j]}: {count:,} ({100 * count / sum(row):.1f}%)"
        for i, row in enumerate(run.test.confusion)
        for j, count in enumerate(row)
    ]


def test_nothing_is_loaded_from_elsewhere(run: Run) -> None:
    html = run_page(run, blocks=BLOCKS)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in {"src", "href"}]
    references = [value for name, value in page.attributes if name == "xlink:href"]
    assert all(value and value.startswith("#") for value in references)
    css = re.findall(r"url\(([^)]*)\)|@import", html)
    assert all(target.startswith("#") for target in css)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_pictures_follow_light_and_dark(run: Run) -> None:
    pictures = re.findall(r"<svg.*?</svg>", run_page(run), re.DOTALL)
    assert len(pictures) == 2
    for picture in pictures:
        assert set(re.findall(r"(?:fill|stroke): (#[0-9a-f]+)", picture)) == set()
        assert "var(--blue)" in picture


def test_ids_are_unique(run: Run) -> None:
    ids = [value for name, value in Page(run_page(run)).attributes if name == "id"]
    assert ids
    assert len(ids) == len(set(ids))


def test_sections_vanish_where_there_is_nothing_to_say(run: Run) -> None:
    full = Page(run_page(run, blocks=BLOCKS)).text
    bare = Page(run_page(replace(run, test=None, latency=(), history=()))).text
    for heading in ("The network", "Training", "Latency of one image on a CPU"):
        assert heading in full
        assert heading not in bare
    assert "validation accuracy on CIFAR-10 (JPEG re-encoded)" in bare
    assert "The training left the test set alone." in bare
    since = run_page(replace(run, test=None, tested_since=2))
    assert "left the test set alone; it has been scored there twice since." in since
    assert "test accuracy" not in bare


def test_how_often_the_test_set_was_used(run: Run) -> None:
    assert "used once" in run_page(run)
    assert "has been tested 4 times" in run_page(replace(run, times_tested=4))


def test_blocks_draw_the_collapse_and_what_lies_behind(run: Run) -> None:
    html = run_page(run, blocks=BLOCKS)
    text = Page(html).text
    assert "Blocks behind the collapse hold 9,000 of 12,000 parameters (75.0%)." in text
    assert text.index("block_1 2x2") < text.index("✗ collapse: block_2_depthwise 2x2 → 1x1") < text.index("block_2 1x1")
    assert html.count('class="behind"') == 1
    assert "does not collapse" in Page(run_page(run, blocks=BLOCKS[:2])).text


EVIL = "<script>alert('x')</script>|`*_&"


@pytest.fixture
def evil(run: Run) -> Run:
    assert run.test is not None
    classes = tuple(ClassScore(EVIL, s.precision, s.recall, s.f1, s.support) for s in run.test.per_class)
    return replace(
        run,
        name=EVIL,
        command=EVIL + "```",
        machine=EVIL,
        started=EVIL,
        network=replace(run.network, spec=EVIL, digest=EVIL),
        data=replace(run.data, name=EVIL, source=EVIL, sha256=EVIL),
        recipe={EVIL: EVIL},
        versions={EVIL: EVIL},
        latency=(replace(run.latency[0], runtime=EVIL),),
        test=replace(run.test, per_class=classes, split=EVIL),
        model_sha256=EVIL,
    )


def test_every_text_is_escaped_in_html(evil: Run) -> None:
    blocks = (BlockRow(EVIL, EVIL, 1, 1, 1, behind=True, collapse=EVIL),)
    html = run_page(evil, blocks=blocks)
    assert "<script" not in html
    page = Page(html)
    assert page.text.count(EVIL) >= 20
    assert any(name == "title" and value and EVIL in value for name, value in page.attributes)


def test_every_text_is_escaped_in_markdown(evil: Run) -> None:
    markdown = run_markdown(evil)
    fenced = "````sh\n" + EVIL + "```\n````"
    assert fenced in markdown
    outside = re.sub(r"(`+) .*? \1(?!`)", "", markdown.replace(fenced, ""))
    assert "<script" not in outside.replace("\\<", "")
    for line in outside.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in {3, 6, 8}, line


def test_markdown_says_what_the_record_says(run: Run) -> None:
    markdown = run_markdown(run)
    assert run.test is not None
    for expected in (
        f"# {run.name}".replace("_", "\\_"),
        f"**{100 * run.test.accuracy:.1f}%** test accuracy on **CIFAR-10 (JPEG re-encoded)**",
        "| parameters | 572,066 (2.18 MB) |",
        "| non-trainable | 16,864 |",
        f"`{run.network.spec}`",
        "![Training curves](curves.png)",
        "![Confusion matrix](confusion.png)",
        "| cat | 0.597 | 0.552 | 0.574 | 1,000 |",
        "Most confused: cat → dog 19%, dog → cat 14%, bird → deer 8%.",
        "| Keras predict | 1 | 63.9 | 66.4 | 81.2 | 900× | 77 |",
        f"```sh\n{run.command}\n```",
        "| nesterov | yes |",
    ):
        assert expected in markdown, expected
    bare = run_markdown(replace(run, test=None, latency=(), history=()))
    assert "curves.png" not in bare
    assert "Latency" not in bare
    assert "validation accuracy on **CIFAR-10" in bare


def test_facts_by_hand(run: Run) -> None:
    assert [milliseconds(value) for value in (0.0714, 7.096, 63.94, 1419.2)] == ["0.071", "7.10", "63.9", "1,419"]
    assert [duration(value) for value in (0.4, 59.4, 59.6, 725, 3599.7, 5760)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "12 min 05 s",
        "1 h 00 min",
        "1 h 36 min",
    ]
    assert [times(value) for value in (1.0, 1.04, 6.44, 9.96, 58.4, 1026.0)] == [
        "1×",
        "1×",
        "6.4×",
        "10×",
        "58×",
        "1,026×",
    ]
    assert slower_than_fastest(run.latency)[1:] == pytest.approx([100, 900])
    assert row_shares([[1, 3], [0, 0]]) == [[0.25, 0.75], [0, 0]]
    assert recipe_rows({"a": {"b": 0.1, "c": None}, "d": [1, True]}) == [
        ("a.b", "0.1"),
        ("a.c", "none"),
        ("d", "1, yes"),
    ]


def test_worst_pairs_are_shares_of_the_true_class(run: Run) -> None:
    assert run.test is not None
    rare = replace(run.test, per_class=run.test.per_class[:2], confusion=((90, 10), (1, 1)))
    pairs = worst_pairs(rare)
    assert [(pair.truth, pair.called, pair.images, pair.share) for pair in pairs] == [
        ("car", "plane", 1, 0.5),
        ("plane", "car", 10, 0.1),
    ]
    assert worst_pairs(replace(rare, confusion=((5, 0), (0, 5)))) == ()


def test_elements_escape_all_but_markup() -> None:
    assert element("p", "a<b", element("b", "&"), class_='"x"') == '<p class="&quot;x&quot;">a&lt;b<b>&amp;</b></p>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert isinstance(join("<", Markup("<")), Markup)
    assert '<td class="n">&lt;</td>' in table(["a", "b"], [["x", "<"]])
