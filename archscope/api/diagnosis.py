"""What `Network.diagnose` found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archscope.design import Edit
from archscope.diagnose.facts import Facts
from archscope.diagnose.findings import Diagnosis as Examined
from archscope.diagnose.findings import Finding
from archscope.diagnose.remedies import Remedy
from archscope.graph import Trace
from archscope.report.diagnosis import clean_bill, fact_lines, finding_line, remedy_table
from archscope.report.notebook import diagnosis_card

TEXT_WIDTH = 120
"""Columns of the tables in `str()`."""


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """Findings with their evidence, remedies with their exact prices, and the facts that are neither good nor bad.

    `str()` is what `archscope diagnose` prints, and a notebook shows it as a card. `Network.apply` does a remedy.
    """

    title: str
    trace: Trace
    examined: Examined
    facts: Facts

    @property
    def healthy(self) -> bool:
        return not self.examined.findings

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The most serious first."""
        return self.examined.findings

    @property
    def remedies(self) -> Sequence[Remedy]:
        """In the order of their numbers, from 1 on."""
        return tuple(self.examined.remedies)

    def edits(self, number: int) -> tuple[Edit, ...]:
        """The edits of the remedy of that number, from 1 on. Raises IndexError for none."""
        if not 1 <= number <= len(self.remedies):
            raise IndexError(f"there is no remedy {number}; the remedies are 1 to {len(self.remedies)}")
        return self.remedies[number - 1].edits

    @property
    def sentences(self) -> list[str]:
        """The findings in words; of a healthy network, that it is."""
        return [finding_line(finding) for finding in self.findings] or [clean_bill(self.trace)]

    def __repr__(self) -> str:
        return f"<Diagnosis of {self.title}: {len(self.findings)} findings, {len(self.remedies)} remedies>"

    def __str__(self) -> str:
        lines = [*self.sentences, *fact_lines(self.facts, self.trace)]
        if self.remedies:
            lines += ["", *(line.plain for line in remedy_table(self.examined, self.trace).render(TEXT_WIDTH))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        table = remedy_table(self.examined, self.trace) if self.remedies else None
        return diagnosis_card(self.title, self.sentences, fact_lines(self.facts, self.trace), table)
