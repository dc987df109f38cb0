"""A search over the FAQ and the directory, for whoever has a caller on the line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from ivr.knowledge.base import Knowledge
from ivr.knowledge.text import fold

MOST = 8
"""Results that are shown."""
FAR = 24
"""What ranks so far below the best is not shown: it would only be in the way."""
LEAST = 60
"""Out of 100: below, a text has nothing to do with what is searched."""
NAMED, OFTEN = 15, 20
"""Added when a name or title fits, and when all examples of an entry do."""


@dataclass(frozen=True)
class Found:
    """One entry, department, person or place."""

    kind: str
    title: str
    detail: str
    """The answer, or where and how to reach them."""


class Search:
    """What can be found in one version of the knowledge."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self._found = list(_all(knowledge))
        self._texts = [fold(text) for _, text, _ in self._found]
        self._number = Counter(found for found, _, _ in self._found)

    def find(self, words: str) -> list[Found]:
        """What fits best, the best first; nothing for empty words."""
        wanted = fold(words[:200])
        if not wanted:
            return []
        scores: dict[Found, list[float]] = {}
        near = process.extract(wanted, self._texts, scorer=_score, limit=None, score_cutoff=LEAST)
        for _, score, place in near:
            found, is_name = self._found[place][0], self._found[place][2]
            scores.setdefault(found, []).append(score + (NAMED if is_name else 0))
        ranks = {found: self._rank(found, its) for found, its in scores.items()}
        least = max(ranks.values(), default=0.0) - FAR
        near_enough = [found for found, rank in ranks.items() if rank >= least]
        return sorted(near_enough, key=lambda found: -ranks[found])[:MOST]

    def _rank(self, found: Found, scores: list[float]) -> float:
        """The best of its texts, and how many of them fit."""
        return max(scores) + OFTEN * len(scores) / self._number[found]


def _score(wanted: str, text: str, **_: object) -> float:
    """Words in any order, the last perhaps not finished; a word that is there counts for more."""
    whole: float = fuzz.token_set_ratio(wanted, text)
    part: float = fuzz.partial_ratio(wanted, text) if len(wanted) >= 3 else 0.0
    return max(whole, part - 5)


def _all(knowledge: Knowledge) -> Iterator[tuple[Found, str, bool]]:
    """What can be found, a text that finds it, and whether that is its name."""
    for entry in knowledge.entries.values():
        found = Found("Question", entry.title, entry.answer)
        yield found, entry.title, True
        for example in entry.examples:
            yield found, example, False
    for department in knowledge.departments.values():
        phone = f"poste {department.extension}"
        detail = ", ".join(
            part for part in (phone, department.phone or "", department.address) if part
        )
        found = Found("Service", department.name, detail)
        for name in (department.name, *department.synonyms):
            yield found, name, True
        for one in department.employees:
            told = ", ".join(p for p in (one.role, department.name, f"poste {one.extension}") if p)
            person = Found("Personne", one.name, told)
            for name in (one.name, one.role, *one.synonyms):
                if name:
                    yield person, name, name == one.name
    for operator in knowledge.operators:
        services = [knowledge.department_name(one) for one in operator.departments]
        told = ", ".join((f"poste {operator.extension}", *services))
        yield Found("Personne", operator.name, told), operator.name, True
    for place in knowledge.places.values():
        told = ", ".join(part for part in (place.address, place.phone or "") if part)
        yield Found("Lieu", place.name, told), place.name, True
