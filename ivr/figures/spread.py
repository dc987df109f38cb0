"""How times are spread: mean, median, ninth decile, of times counted in steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Spread:
    """Times, by how often each was counted."""

    counted: Mapping[int, int]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Spread:
        """From the counts of a tally, whose keys are text."""
        return cls({int(step): count for step, count in counts.items()})

    @cached_property
    def count(self) -> int:
        """How many."""
        return sum(self.counted.values())

    @cached_property
    def mean(self) -> float | None:
        """Their mean; None when there are none."""
        total = sum(step * count for step, count in self.counted.items())
        return total / self.count if self.count else None

    @property
    def median(self) -> int | None:
        """Half of them are no longer; None when there are none."""
        return self.quantile(0.5)

    @property
    def p90(self) -> int | None:
        """Nine of ten are no longer; None when there are none."""
        return self.quantile(0.9)

    def quantile(self, share: float) -> int | None:
        """The shortest time such that this share of them is no longer (nearest rank)."""
        rank = max(1, math.ceil(share * self.count))
        for step, count in self._sorted:
            rank -= count
            if rank <= 0:
                return step
        return None

    def within(self, limit: float) -> float | None:
        """The share that is no longer than ``limit``; None when there are none."""
        if not self.count:
            return None
        return sum(count for step, count in self.counted.items() if step <= limit) / self.count

    @cached_property
    def _sorted(self) -> Iterable[tuple[int, int]]:
        return sorted(self.counted.items())
