"""What callers can ask of a town, and how often they do."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from ivr.demo.words import MOST_ASKED
from ivr.demo.year import Season, season_of
from ivr.knowledge.base import Knowledge
from ivr.knowledge.entries import Entry


@dataclass
class Town:
    """What callers can ask of a town."""

    knowledge: Knowledge
    popularity: Mapping[str, float]
    """By entry."""
    _weights: dict[date, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, knowledge: Knowledge, seed: int) -> Town:
        """A town whose people ask some questions far more often than others."""
        others = sorted(knowledge.entries.keys() - set(MOST_ASKED))
        random.Random(f"{seed}/questions").shuffle(others)
        entries = [one for one in (*MOST_ASKED, *others) if one in knowledge.entries]
        return cls(knowledge, {one: 1 / (rank + 3) for rank, one in enumerate(entries)})

    @cached_property
    def entries(self) -> list[Entry]:
        """In a fixed order."""
        return [self.knowledge.entries[one] for one in sorted(self.knowledge.entries)]

    def question(self, day: date, chance: random.Random) -> Entry:
        """What a caller asks on a day."""
        if day not in self._weights:
            seasons = season_of(day)
            self._weights[day] = [
                self.popularity[one.id] * _boost(one, seasons) for one in self.entries
            ]
        return chance.choices(self.entries, self._weights[day])[0]

    def operator(self, department: str, chance: random.Random) -> str:
        """The extension of one who takes a department's calls."""
        able = [one for one in self.knowledge.operators if department in one.departments]
        return chance.choice(able or self.knowledge.operators).extension


def _boost(entry: Entry, seasons: list[Season]) -> float:
    value = 1.0
    for season in seasons:
        if entry.department in season.topics or entry.id in season.topics:
            value *= season.boost
    return value
