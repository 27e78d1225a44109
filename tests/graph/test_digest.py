"""The digest: the same for the same network under other names, another one for any other network."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_examples import EXAMPLES, ODD
from strategies import graphs

from archscope.graph import Add, BatchNormalization, Conv2D, Graph, Input, Node, Op, ReLU, digest

IMAGE = Node("image", Input(shape=(8, 8, 3)))


def conv(name: str, source: str, kernel: int = 3) -> Node:
    return Node(name, Conv2D(filters=3, kernel=(kernel, kernel)), (source,))


@given(graphs(), st.randoms(use_true_random=False))
def test_names_blocks_and_stages_do_not_matter(graph: Graph, random: object) -> None:
    new = {node.name: f"other_{len(graph.nodes) - number}" for number, node in enumerate(graph.nodes)}
    renamed = [Node(new[n.name], n.op, tuple(new[name] for name in n.inputs), "x", "y") for n in graph.nodes]
    assert digest(Graph(tuple(renamed))) == digest(graph)


def test_the_order_of_independent_branches_does_not_matter() -> None:
    left, right, end = conv("l", "image"), conv("r", "image", 1), Node("sum", Add(), ("l", "r"))
    assert digest(Graph((IMAGE, left, right, end))) == digest(Graph((IMAGE, right, left, end)))


def test_a_shared_branch_is_not_a_branch_that_stands_twice() -> None:
    shared = Graph((IMAGE, conv("a", "image"), Node("sum", Add(), ("a", "a"))))
    twice = Graph((IMAGE, conv("a", "image"), conv("b", "image"), Node("sum", Add(), ("a", "b"))))
    assert digest(shared) != digest(twice)


def test_which_inputs_are_read_matters() -> None:
    first, second, third = conv("a", "image"), conv("b", "a"), conv("c", "b")
    from_a = Graph((IMAGE, first, second, third, Node("sum", Add(), ("a", "c"))))
    from_b = Graph((IMAGE, first, second, third, Node("sum", Add(), ("b", "c"))))
    assert digest(from_a) != digest(from_b)


KINDS = {op: changes for op, (_, changes) in (EXAMPLES | ODD).items()}


def with_op(op: Op) -> Graph:
    return Graph((Node("input", op),) if isinstance(op, Input) else (IMAGE, Node("layer", op, ("image",))))


@pytest.mark.parametrize("op", KINDS, ids=lambda op: type(op).__name__)
def test_every_attribute_matters_but_the_momentum(op: Op) -> None:
    assert {field.name for field in fields(op)} == set(KINDS[op])
    changed = [op, *(replace(op, **{name: value}) for name, value in KINDS[op].items() if name != "momentum")]
    # Not every example can read the image: a digest covers the op and what it reads, not whether they fit.
    assert len({digest(with_op(one)) for one in changed}) == len(changed)


def test_the_examples_have_every_op() -> None:
    def leaves(op: type[Op]) -> set[type[Op]]:
        return set().union(*(leaves(sub) for sub in op.__subclasses__())) if op.__subclasses__() else {op}

    defined = {op for op in leaves(Op) if op.__module__.startswith("archscope.graph.")}
    # A slotted dataclass leaves the class it was made from behind among its base's subclasses.
    bases = {"Elementwise", "GlobalPooling2D", "Merge", "Norm", "Pooling2D", "Windowed"}
    assert {op.__name__ for op in defined} - bases == {type(op).__name__ for op in KINDS}


def test_batchnorm_momentum_is_the_trainers_business() -> None:
    assert digest(with_op(BatchNormalization(momentum=0.9))) == digest(with_op(BatchNormalization(momentum=0.999)))


def test_it_is_twelve_hex_digits_and_stays_what_it_was() -> None:
    # Runs and file names carry digests: a change of this figure orphans them, and is a change of the format.
    assert digest(with_op(ReLU(max_value=6.0))) == "96374572182e"
