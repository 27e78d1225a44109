"""The spec: it round-trips, is safe unquoted in a shell, and says where it is wrong."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from design_strategies import designs
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.design import DEFAULT, Design, format_spec, parse_input, parse_spec, size_text, with_arguments
from archscope.errors import DesignError


@given(designs())
def test_it_round_trips(design: Design) -> None:
    spec = format_spec(design)
    assert parse_spec(spec) == design
    assert format_spec(parse_spec(spec)) == spec


@given(designs())
def test_a_shell_needs_no_quotes(design: Design) -> None:
    spec = format_spec(design)
    assert shlex.split(spec) == [spec]
    assert set(spec) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-%@,=+:")


@given(st.lists(designs(), min_size=20, max_size=20))
@settings(max_examples=3)
def test_sh_agrees(some: list[Design]) -> None:
    specs = [format_spec(design) for design in some]
    out = subprocess.run(["sh", "-c", f"printf '%s\\n' {' '.join(specs)}"], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == specs


@given(st.text(max_size=40))
def test_any_text_is_a_design_or_refused_with_the_text(text: str) -> None:
    try:
        design = parse_spec(text)
    except DesignError as error:
        message = str(error)
    else:
        message = ""
        assert parse_spec(format_spec(design)) == design
    assert not message or f"spec {text!r}, from character" in message


@given(st.text(alphabet="mobilenet_v2@,=+:cuthead.%0123alpx", max_size=30))
def test_nearly_right_text_too(tail: str) -> None:
    try:
        design = parse_spec(f"mobilenet_v2{tail}")
    except DesignError:
        return
    assert parse_spec(format_spec(design)) == design


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("mobilenet_v2", "mobilenet_v2@32"),
        ("MobileNet-V2@32x32x3", "mobilenet_v2@32"),
        ("mobilenet_v2@32x48", "mobilenet_v2@32x48"),
        ("mobilenet_v2@28x28x1", "mobilenet_v2@28x28x1"),
        ("mobilenet_v2,classes=10,alpha=1", "mobilenet_v2@32"),
        ("mobilenet_v2,classes=7,alpha=.9", "mobilenet_v2@32,alpha=0.9,classes=7"),
        ("mobilenet_v2,top=False", "mobilenet_v2@32,top=false"),
        ("mobilenet_v2,alpha=1e-7", "mobilenet_v2@32,alpha=1e-07"),
        ("mobilenet_v2+head:1000,dropout=0.2", "mobilenet_v2@32+head:1000"),
        ("mobilenet_v2+cut:a%2Fb", "mobilenet_v2@32+cut:a%2Fb"),
        ("mobilenet_v2+width:.50,divisor=8,group=block:2", "mobilenet_v2@32+width:0.5,group=block:2"),
        ("mobilenet_v2+drop:block%3A6..9", "mobilenet_v2@32+drop:block:6..9"),
        (
            "mobilenet_v2+replace:norms,in=block:1,by=group,groups=8",
            "mobilenet_v2@32+replace:norms,by=group,in=block:1",
        ),
        ("mobilenet_v2+cut:a%2fb%c3%a9", "mobilenet_v2@32+cut:a%2Fb%C3%A9"),
    ],
)
def test_spellings(text: str, spec: str) -> None:
    assert format_spec(parse_spec(text)) == spec


@pytest.mark.parametrize(
    ("text", "character", "message"),
    [
        ("", 1, "a name is missing"),
        ("vgg", 1, "no model 'vgg'; the models are"),
        ("mobilenet_v2@", 1, "input=: an input is HEIGHT"),
        ("mobilenet_v2@32x", 1, "input=32x: an input is"),
        ("mobilenet_v2@32x32x3x1", 1, "an input is HEIGHT, HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS"),
        ("mobilenet_v2@0", 1, "height, width and channels are 1 to 1,000,000"),
        ("mobilenet_v2@٣٢", 1, "an input is"),
        ("mobilenet_v2,alpha", 1, "'alpha' is not KEY=VALUE"),
        ("mobilenet_v2,alpha=", 1, "'alpha=' is not KEY=VALUE"),
        ("mobilenet_v2,,", 1, "'' is not KEY=VALUE"),
        ("mobilenet_v2,alpha=1,alpha=2", 1, "alpha is given twice; keep one"),
        ("mobilenet_v2,alpha=nan", 1, "alpha=nan: alpha is a number above 0"),
        ("mobilenet_v2,beta=1", 1, "mobilenet_v2 has no argument 'beta'"),
        ("mobilenet_v2 ,alpha=1", 1, "'mobilenet_v2 ' is no name"),
        ("mobilenet_v2+", 14, "no edit ''; the edits are cut, head, stride"),
        ("mobilenet_v2+cutt:a", 14, "no edit 'cutt'; did you mean 'cut'"),
        ("mobilenet_v2+cut", 14, "'cut' lacks its argument; write cut:ARGUMENT"),
        ("mobilenet_v2+cut:", 14, "'cut' lacks its argument"),
        ("mobilenet_v2+cut:a,b=1", 14, "cut has no option 'b'; it takes none"),
        ("mobilenet_v2+cut:a b", 14, "'a b' is no name; a name holds letters"),
        ("mobilenet_v2+cut:%", 14, "'%' is no name"),
        ("mobilenet_v2+cut:%FF", 14, "'%FF' is not UTF-8 once decoded"),
        ("mobilenet_v2+cut:a+head:x", 20, "'x' is not a number of units, plain or none"),
        ("mobilenet_v2+head:0", 14, "'0' is not a number of units"),
        ("mobilenet_v2+head:5,dropout=1", 14, "dropout=1: dropout is from 0 up to"),
        ("mobilenet_v2+head:5,dropout=x", 14, "dropout=x: dropout is from 0"),
        ("mobilenet_v2+head:5,droput=0", 14, r"head has no option 'droput'; did you mean 'dropout'\?"),
        ("mobilenet_v2+head:plain,dropout=0.5", 14, "a plain head has no dropout"),
        ("mobilenet_v2+stride:a", 14, "stride:a does not say which stride; write stride:a,to=1"),
        ("mobilenet_v2+stride:a,to=0", 14, "'0' is not a whole number of at least 1"),
        ("mobilenet_v2+stride:a,to=1,to=2", 14, "to is given twice; keep one"),
        ("mobilenet_v2+width:x", 14, "'x' is not a width factor; 0.5 halves the widths"),
        ("mobilenet_v2+width:0.5,divisor=0", 14, "'0' is not a divisor; for example 1"),
        ("mobilenet_v2+width:0.5,divider=4", 14, r"width has no option 'divider'; did you mean 'divisor'\?"),
        ("mobilenet_v2+drop:a,to=1", 14, "drop has no option 'to'; it takes none"),
        ("mobilenet_v2+replace:relu", 14, "replace:relu does not say by what; write replace:relu,by=relu"),
        ("mobilenet_v2+replace:rellu,by=relu", 14, r"'rellu' is no activation or normalisation; did you mean 'relu'"),
        ("mobilenet_v2+replace:relu,by=layer", 14, "'layer' cannot stand in place of relu; choose relu, relu6"),
        ("mobilenet_v2+replace:norms,by=layer,groups=2", 14, "groups=2: by=layer has no groups"),
        ("mobilenet_v2+replace:norms,by=group,groups=0", 14, "'0' is not a number of groups"),
    ],
)
def test_it_says_where_it_is_wrong(text: str, character: int, message: str) -> None:
    with pytest.raises(DesignError, match=f"from character {character} on: .*{message}"):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "size"), [("32", (32, 32, 3)), ("32x48", (32, 48, 3)), ("28x28x1", (28, 28, 1)), ("001", (1, 1, 3))]
)
def test_input_sizes(text: str, size: tuple[int, int, int]) -> None:
    assert parse_input(text) == size
    assert parse_input(size_text(size)) == size


def test_settings() -> None:
    design = with_arguments(DEFAULT, ["input=48x32", "alpha=0.9", "model=mobilenet_v1"])
    assert format_spec(design) == "mobilenet_v1@48x32,alpha=0.9"
    assert with_arguments(design, []) == design
    for wrong, message in {
        ("alpha",): "'alpha' is not KEY=VALUE",
        ("alpha=1", "alpha=2"): "alpha is given twice",
        ("input=a",): "input=a: an input is",
        ("model=x",): "no model 'x'",
        ("edits=x",): "has no argument 'edits'",
    }.items():
        with pytest.raises(DesignError, match=message):
            with_arguments(design, wrong)
