"""Gates: what a branch of a layer scales it by, as in squeeze-excite (Hu et al. 2018, arXiv:1709.01507)."""

from __future__ import annotations

from archscope.graph import Multiply, Trace


def gate_branches(trace: Trace) -> frozenset[str]:
    """The layers that make a gate: what one side of a Multiply needs and the other does not.

    Where each side has layers of its own, the gate is the one that the Multiply takes for it.
    """
    if not any(isinstance(row.node.op, Multiply) for row in trace):
        return frozenset()
    needed: dict[str, frozenset[str]] = {}
    gates: set[str] = set()
    for row in trace:
        sides = [needed[name] for name in row.node.inputs]
        needed[row.name] = frozenset({row.name}.union(*sides))
        if isinstance(row.node.op, Multiply) and len(sides) == 2:
            own = sides[0] - sides[1], sides[1] - sides[0]
            gate = row.node.op.gate(row.inputs) or 0
            gates |= own[gate] if all(own) else own[0] | own[1]
    return frozenset(gates)
