"""Parts of a day: opening hours and periods as they are written, "08:30-12:00"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

_INTERVAL = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True, order=True)
class Interval:
    """A part of a day, in minutes from midnight; ``end`` is not in it, and may be 1440."""

    start: int
    end: int

    @classmethod
    def parse(cls, value: Any) -> Interval:
        """``"08:30-12:00"``. Raises ValueError, in French, when it is not that."""
        found = _INTERVAL.fullmatch(value.strip()) if isinstance(value, str) else None
        if not found:
            raise ValueError(f'« {value} » n\'est pas une plage horaire : écrivez-la "08:30-12:00"')
        h1, m1, h2, m2 = map(int, found.groups())
        start, end = h1 * 60 + m1, h2 * 60 + m2
        if m1 > 59 or m2 > 59 or start >= 1440 or end > 1440:
            raise ValueError(f"« {value} » a une heure qui n'existe pas (de 00:00 à 24:00)")
        return cls(start, end)

    def without(self, other: Interval) -> list[Interval]:
        """What is left of it when ``other`` is taken out."""
        left = [Interval(self.start, min(self.end, other.start))]
        left.append(Interval(max(self.start, other.end), self.end))
        return [part for part in left if part.start < part.end]


WHOLE_DAY = Interval(0, 1440)


def _in_order(value: Any) -> Interval:
    interval = Interval.parse(value)
    if interval.start >= interval.end:
        raise ValueError(f"« {value} » finit avant de commencer ; minuit s'écrit 24:00")
    return interval


_PATTERN = {"type": "string", "pattern": r"^\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}$"}
Opening = Annotated[Interval, PlainValidator(_in_order), WithJsonSchema(_PATTERN)]
"""Part of one day."""
Period = Annotated[Interval, PlainValidator(Interval.parse), WithJsonSchema(_PATTERN)]
"""Part of a day, or of a night when it ends before it starts (``18:00-09:00``)."""
Openings = tuple[Opening, ...]


def in_sequence(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The parts of one day from the first to the last; ValueError when two overlap."""
    ordered = tuple(sorted(intervals))
    for first, second in pairwise(ordered):
        if second.start < first.end:
            raise ValueError("deux plages horaires du même jour se chevauchent : corrigez-les")
    return ordered
