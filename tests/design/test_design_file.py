"""archscope.toml: it round-trips, keeps what is not ours, and says where it is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from design_strategies import designs
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.design import DEFAULT, Design, format_spec, parse_spec, read_design
from archscope.design.file import parse_design, with_design
from archscope.errors import DesignError

PLACE = Path("archscope.toml")


def rewritten(text: str | None, design: Design | None) -> str:
    after = with_design(text, design)
    assert after is not None
    return after


@given(designs())
def test_it_round_trips(design: Design) -> None:
    text = rewritten(None, design)
    assert parse_design(text, PLACE) == design
    assert with_design(text, design) == text


@given(designs(), designs(), designs())
def test_one_design_after_another(first: Design, second: Design, third: Design) -> None:
    text = rewritten(rewritten(None, first), second)
    assert parse_design(text, PLACE) == second
    assert parse_design(rewritten(text, third), PLACE) == third


HAND_MADE = """\
# My network.
title = "x"   # a key of somebody else's

[design]  # ours
model   = "mobilenet_v2"  # the study's
# wide enough?
alpha = 0.90 # tried 0.75
input = [ 32, 32, 3 ]
edits = [
    "cut:block_12_add",  # the last 2x2 map
    "head:1000",
]  # that is all

[tool.other]
edits = ["not ours"]
[[points]]
x = 1
"""


def test_only_what_changed_is_touched() -> None:
    before = parse_design(HAND_MADE, PLACE)
    assert before == parse_spec("mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000")
    assert with_design(HAND_MADE, before) == HAND_MADE
    after = rewritten(HAND_MADE, before.having(arguments={"alpha": 0.5}))
    assert after == HAND_MADE.replace("alpha = 0.90 #", "alpha = 0.5 #")


def test_an_edit_more_keeps_the_comments_of_the_others() -> None:
    before = parse_design(HAND_MADE, PLACE)
    assert before is not None
    after = rewritten(HAND_MADE, parse_spec(f"{format_spec(before)}+stride:Conv1,to=1"))
    for comment in HAND_MADE.split("\n"):
        mark = comment.partition("#")[2]
        assert mark in after
    assert tomllib.loads(after)["design"]["edits"] == ["cut:block_12_add", "head:1000", "stride:Conv1,to=1"]
    assert '    "stride:Conv1,to=1"' in after


def test_a_spelled_out_default_stays() -> None:
    text = '[design]\nmodel = "mobilenet_v2"\nclasses = 10\nalpha = 1\n'
    after = rewritten(text, DEFAULT.having(arguments={"alpha": 0.5}))
    assert "classes = 10" in after
    assert "alpha = 0.5" in after
    # Where the value changed away from it, it goes back by itself.
    assert parse_design(rewritten(after, DEFAULT), PLACE) == DEFAULT


LAYOUTS = [
    HAND_MADE,
    '[design]\nmodel="mobilenet_v2"',
    "[ design ]\n\"model\" = 'mobilenet_v2'\n'alpha'\t=\t0.5\n",
    'design = {model = "mobilenet_v2", alpha = 0.5} # inline\n[x]\ny = 1\n',
    'design.model = "mobilenet_v2" # dotted\ndesign.alpha = 0.5\n\nother.z = 1\n[x]\ny = 1\n',
    'design.model = "mobilenet_v2"\nother.z = 1\ndesign.alpha = 0.5 # apart\n[x]\ny = 1\n',
    "[a]\nb = 1\n[design]\n# only a comment\n[a.c]\nd = 1\n",
    '[design]\nmodel = "mobilenet_v2"\n\n\n[z]\n\n# the end',
    '\n\n\n[design]\ninput = "32x48"\n',
    "[design]\ninput = 48\nedits = []\n",
    '[design]\nmodel = """mobilenet_v2"""\nedits = ["cut:block_3_add", ] # one\n',
    "# nothing but a remark\n",
    "",
    "x = 1\n[y]\nz = 2\n",
    "[[design_like]]\nx = 1\n",
]


@pytest.mark.parametrize("crlf", [False, True], ids=["lf", "crlf"])
@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=20)
@given(designs(), designs())
def test_any_layout_takes_any_design(layout: str, crlf: bool, first: Design, second: Design) -> None:
    """What is not ours is there afterwards, comments too, and line ends stay what they are."""
    text = layout.replace("\n", "\r\n") if crlf else layout
    others = {key: value for key, value in tomllib.loads(layout).items() if key != "design"}
    for design in (first, second):
        text = rewritten(text, design)
        assert parse_design(text, PLACE) == design
        assert {key: value for key, value in tomllib.loads(text).items() if key != "design"} == others
        if crlf and layout:
            assert text.count("\n") == text.count("\r\n")
        else:
            assert "\r" not in text
    for remark in ("# My network.", "# a key of somebody else's", "# the end", "# nothing but a remark"):
        assert (remark in text) == (remark in layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_taking_the_table_out_leaves_the_rest(layout: str) -> None:
    after = with_design(layout, None) if "design" in tomllib.loads(layout) else layout or None
    others = {key: value for key, value in tomllib.loads(layout).items() if key != "design"}
    assert tomllib.loads(after or "") == others
    assert "# My network." not in layout or (after is not None and "# My network." in after)


def test_nothing_is_left_of_a_file_of_ours() -> None:
    assert with_design(with_design(None, DEFAULT), None) is None


def test_a_table_that_is_missing_is_no_design() -> None:
    assert parse_design("x = 1\n", PLACE) is None
    assert parse_design("", PLACE) is None
    assert parse_design("[design]\n", PLACE) == DEFAULT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[design\n", r"archscope.toml is not TOML: .*\(at line 1, column 8\); mend the file; nothing was changed"),
        ("[design]\nalpha = \n", r"is not TOML: .*line 2"),
        ("[design]\nalpha = 1\nalpha = 2\n", "is not TOML"),
        ("x = " + "[" * 5000, "is not TOML"),
        ("[design]\nclasses = " + "9" * 5000, "is not TOML"),
        ("design = 3", "design is not a table"),
        ("[[design]]\nalpha = 1.0", "design is not a table"),
        ("[design]\nmodel = 3", r"\[design\]: model=3 is not text"),
        ('[design]\nmodel = "vgg"', r"\[design\]: no model 'vgg'"),
        ("[design]\nalfa = 1", r"\[design\]: mobilenet_v2 has no argument 'alfa'; did you mean 'alpha'\?"),
        ('[design]\nalpha = "1"', r"\[design\]: alpha=1: alpha is"),
        ("[design]\nalpha = nan", "alpha=nan"),
        ("[design]\nalpha = true", "alpha=True: alpha is"),
        ("[design]\nclasses = 2.0", "classes=2.0: classes is"),
        ("[design]\ntop = 1", "top=1: top is true or false"),
        ("[design]\ninput = [32]", r"input=\[32\] is no size; write \[height, width, channels\]"),
        ("[design]\ninput = [32, 32, 3, 1]", "is no size"),
        ("[design]\ninput = [32.0, 32.0]", "is no size"),
        ("[design]\ninput = [0, 32]", "height, width and channels are 1 to"),
        ("[design]\ninput = [-1, 32]", "is no size"),
        ("[design]\ninput = true", "input=True is no size"),
        ('[design]\ninput = "a"', "input=a: an input is"),
        ('[design]\nedits = "cut:a"', "edits='cut:a' is not a list"),
        ("[design]\nedits = [1]", "edit 1, 1: an edit=1 is not text"),
        ('[design]\nedits = ["cut:a", "cutt:b"]', r"edit 2, 'cutt:b': no edit 'cutt'; did you mean 'cut'\?"),
        ("[design.sub]\nx = 1", "mobilenet_v2 has no argument 'sub'"),
    ],
)
def test_it_says_where_it_is_wrong(text: str, message: str) -> None:
    with pytest.raises(DesignError, match=f"^archscope.toml.*{message}" if "archscope" not in message else message):
        parse_design(text, PLACE)


@given(st.text(max_size=60))
def test_any_text_is_a_design_none_or_refused(text: str) -> None:
    try:
        parse_design(text, PLACE)
        parse_design(f"[design]\n{text}", PLACE)
    except DesignError:
        pass


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match=r"none.toml does not exist; `archscope init` makes an archscope.toml"):
        read_design(tmp_path / "none.toml")
    with pytest.raises(DesignError, match=r"cannot read .*: is a directory"):
        read_design(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"\n')
    with pytest.raises(DesignError, match=r"latin.toml is not UTF-8 text \(byte 9\); save it as UTF-8"):
        read_design(tmp_path / "latin.toml")
    (tmp_path / "foreign.toml").write_text("x = 1\n")
    with pytest.raises(DesignError, match=r"foreign.toml has no \[design\] table; `archscope init` adds one"):
        read_design(tmp_path / "foreign.toml")
