"""One limit held against one figure."""

from __future__ import annotations

from dataclasses import dataclass

NEAR = 0.95
"""From this share of a limit on a figure counts as near it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure, its limit, and the difference. The limit is the most there may be, or with `least` the least."""

    figure: int
    limit: int
    least: bool = False

    @property
    def holds(self) -> bool:
        return self.margin >= 0

    @property
    def share(self) -> float:
        """Figure / limit. Of a limit of 0 there is no share: ask only where there is one."""
        return self.figure / self.limit

    @property
    def margin(self) -> int:
        """What is to spare; negative by how much it is over (or, of the least there may be, under)."""
        return self.figure - self.limit if self.least else self.limit - self.figure

    @property
    def near(self) -> bool:
        """Whether it holds and could soon not: nothing is near a least, or a limit of 0."""
        return self.holds and not self.least and self.limit > 0 and self.share >= NEAR
