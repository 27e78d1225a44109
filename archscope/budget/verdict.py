"""One limit held against one figure."""

from __future__ import annotations

from dataclasses import dataclass

NEAR = 0.95
"""From this share of a limit on a figure counts as near it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure, its limit, and the difference."""

    figure: int
    limit: int

    @property
    def holds(self) -> bool:
        return self.figure <= self.limit

    @property
    def share(self) -> float:
        return self.figure / self.limit

    @property
    def margin(self) -> int:
        """What is to spare; negative by how much it is over."""
        return self.limit - self.figure

    @property
    def near(self) -> bool:
        return self.holds and self.share >= NEAR
