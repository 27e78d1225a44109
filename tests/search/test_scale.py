"""The widest network under a limit, against looking at every width."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest

from archscope.budget import Limits
from archscope.design import build, format_spec, parse_spec
from archscope.errors import DesignError
from archscope.graph import digest, trace, verify
from archscope.search.scale import FINE, NothingFitsError, own_knob, scale

STUDY = "mobilenet_v2@32+cut:block_12_add+head:1000"


@pytest.fixture(scope="module")
def studies() -> dict[int, int]:
    """The parameters of the study's network in many widths, by thousandths of alpha."""
    design = parse_spec(STUDY)
    return {n: trace(build(design.having(arguments={"alpha": n / 1000}))).params for n in range(100, 2500, 3)}


@pytest.mark.parametrize("most", [200_000, 572_066, 572_065, 3_000_000])
def test_the_widest_is_that_of_looking_at_every_alpha(most: int, studies: dict[int, int]) -> None:
    design = parse_spec(STUDY)
    found = scale(design, Limits(max_params=most), "alpha")
    fitting = [n for n, params in studies.items() if params <= most]
    assert verify(build(design.having(arguments={"alpha": fitting[-1] / 1000}))).params == found.trace.params
    assert found.trace.params <= most < verify(build(found.beyond or design)).params
    assert found.least <= Decimal(fitting[-1]) / 1000 <= found.most
    for value in (found.least, found.value, found.most):
        same = design.having(arguments={"alpha": float(value)})
        assert digest(build(same)) == digest(found.trace.graph)
    below = design.having(arguments={"alpha": float(found.least - FINE)})
    assert digest(build(below)) != digest(found.trace.graph)


def test_the_study_is_told_by_its_shortest_alpha() -> None:
    found = scale(parse_spec(STUDY), Limits(max_params=572_066), "alpha")
    assert format_spec(found.design) == "mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000"
    assert (found.least, found.most) == (Decimal("0.875"), Decimal("0.937499"))


def test_networks_between_two_thousandths_are_found() -> None:
    """MobileNetV1 has floor(1024 alpha) channels at its end: 427 of them are 427/1024 = 0.41699..., and no 0.417."""
    found = scale(parse_spec("mobilenet_v1@32"), Limits(max_params=584_378), "alpha")
    assert found.trace.params == 584_378
    assert (found.least, found.most) == (Decimal("0.416016"), Decimal("0.416992"))
    assert found.beyond == parse_spec("mobilenet_v1@32,alpha=0.416993")
    by_width = scale(parse_spec("mobilenet_v2@32"), Limits(max_params=410_690), "width")
    assert (by_width.trace.params, by_width.value) == (410_690, Decimal("0.4097"))


@pytest.mark.parametrize("most", [90_000, 500_000, 1_234_567, 4_000_000])
@pytest.mark.parametrize("spec", ["mobilenet_v1@32", "squeezenet_1_1@64", "xception@96", "efficientnet_b0@32"])
def test_no_network_lies_between_it_and_the_next(spec: str, most: int) -> None:
    design = parse_spec(spec)
    knob = own_knob(design)
    found = scale(design, Limits(max_params=most), knob)
    assert found.beyond is not None
    apart = scale(found.beyond, Limits(max_params=verify(build(found.beyond)).params), knob)
    assert apart.least == found.most + FINE
    assert found.trace.params <= most < apart.trace.params


def test_the_units_of_a_head() -> None:
    found = scale(parse_spec(STUDY), Limits(max_params=600_000), "head")
    assert found.least == found.most == 372
    assert found.trace.params == 599_958
    assert found.broken[0].verdict.margin < 0


def test_the_width_of_a_network_without_alpha_of_ours() -> None:
    design = parse_spec("squeezenet_1_1@32+width:0.5,group=conv1")
    found = scale(design, Limits(max_macs=500_000), "width")
    assert found.trace.macs <= 500_000 < verify(build(found.beyond or design)).macs
    assert design.edits[0] in found.design.edits


def test_a_cut_that_only_some_widths_have() -> None:
    """At an Add that is there where channels happen to agree."""
    design = parse_spec("mobilenet_v3_small,alpha=0.5+cut:expanded_conv_6_add")
    params = {}
    for number in range(10, 1200, 7):
        with suppress(DesignError):
            params[number] = trace(build(design.having(arguments={"alpha": number / 1000}))).params
    assert 0 < len(params) < len(range(10, 1200, 7))
    for most in (60_000, 200_000):
        found = scale(design, Limits(max_params=most), "alpha")
        assert max(figure for figure in params.values() if figure <= most) <= found.trace.params <= most
        assert found.beyond is None or verify(build(found.beyond)).params > most


def test_a_width_keeps_its_divisor() -> None:
    found = scale(parse_spec("mobilenet_v2+width:0.5,divisor=4"), Limits(max_params=700_000), "width")
    assert format_spec(found.design).endswith(",divisor=4")


def test_where_nothing_fits() -> None:
    with pytest.raises(NothingFitsError, match=r"network, alpha=0.032, has 6,186 parameters, and --max-p"):
        scale(parse_spec("mobilenet_v1"), Limits(max_params=100), "alpha")
    assert scale(parse_spec("mobilenet_v1"), Limits(max_params=6186), "alpha").least == Decimal("0.03125")


def test_a_limit_that_no_width_keeps_is_named() -> None:
    with pytest.raises(NothingFitsError, match="--min-map allows 2"):
        scale(parse_spec("mobilenet_v2@32"), Limits(min_map=2), "alpha")


def test_what_has_no_alpha_says_so() -> None:
    assert own_knob(parse_spec("keras:VGG16@32")) == "width"
    with pytest.raises(DesignError, match="has no alpha; scale its width"):
        scale(parse_spec("keras:VGG16@32"), Limits(max_params=100), "alpha")
