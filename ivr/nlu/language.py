"""Likelihood of everything that can be meant in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from ivr.knowledge.base import RECEPTION
from ivr.nlu import learner
from ivr.nlu import learnt as learning
from ivr.nlu.cache import Arrays, Cache
from ivr.nlu.examples import Example, Examples, labels_of
from ivr.nlu.features import Encoder, Floats, Rarity, Seen
from ivr.nlu.match import PLACE_QUESTIONS, URGENCY
from ivr.nlu.normalise import plain, spoken_form
from ivr.nlu.spotter import Spotter

CANDIDATES = 5
_FOLLOWS = 0.40
"""Least likeness to an example of a follow-up, 0.0 to 1.0."""
_PLAINLY = 0.7
"""The same where something else is likelier: another request, or a choice."""
_SURELY = 0.7
"""From this certainty on it is one."""
_NEARLY = 0.1
"""A follow-up may be this much less like what was said than the nearest request is."""
_SPREAD = 8.0
"""How fast likelihood falls with the score among those that are not the best."""


@dataclass(frozen=True)
class Scored:
    """How likely each id is, best first."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]
    """0.0 to 1.0; the first is the certainty that the first id is right."""
    detail: str | None = None
    """Which kind of the first id, where it has kinds."""
    follow_up: str | None = None
    """The follow-up of the entry answered last that is meant."""
    explain: dict[str, float] = field(default_factory=dict)
    """What each part adds to the score of the first id."""


class Language:
    """The meanings of one language. Safe to use from many threads."""

    def __init__(self, examples: Examples, encoder: Encoder, learnt: Arrays) -> None:
        """``learnt`` is what ``learnt.load`` returned for these examples."""
        self._examples, self._encoder = examples, encoder
        self._labels, self._ids = labels_of(examples.requests)
        self._id_of = learning.ids_of(self._labels, self._ids)
        self._rarity = Rarity(learnt["idf"])
        self._spotter = Spotter(examples.keywords, self._ids)
        self._spotter.rarity = learnt["rarity"]
        self._seen = learning.seen_of(learnt)
        self._weights, self._calibration = learnt["weights"], learnt["calibration"]
        self._points = len(self._weights)
        self._town_hall = {
            name
            for name, one in examples.entries.items()
            if one.department == one.hours_of == RECEPTION
        }
        self._follow_ups = _by_entry(examples, self._points, self._town_hall)
        self._spare, self._own = learnt["spare"], learnt["own"]

    @classmethod
    def load(cls, name: str, examples: Examples, encoder: Encoder, cache: Cache) -> Language:
        """Learn the examples, or take what was learnt of exactly these from the cache."""
        return cls(examples, encoder, learning.load(name, examples, encoder, cache))

    def score(
        self,
        texts: Sequence[str],
        *,
        hints: Mapping[str, float],
        last_entry: str | None = None,
        choosing: bool = False,
        named: bool = False,
        day: date | None = None,
        others: Sequence[str] = (),
    ) -> list[Scored]:
        """How likely each meaning of each text is; nothing for a text without a word.

        ``hints`` is added to the scores of ids: what else makes them more likely, or less. It at
        most doubles a score.
        ``last_entry`` is the entry whose follow-ups may be asked; ``choosing``: that one of two
        entries be named is likelier than any of them. ``named`` says that the texts name who they
        are about. ``others`` may have been said in the place of the first text.
        """
        heard = [*texts, *(one for one in others if plain(one))]
        spoken = [spoken_form(one) for one in heard]
        once = list(dict.fromkeys(spoken))  # many hypotheses differ in signs alone
        said = Seen(self._rarity.lexical(once), self._encoder(once))
        place = [once.index(one) for one in spoken]
        form, meaning = (seen[place] for seen in learner.likeness(said, self._seen))
        spotted = self._spotter.spot(once)[place]
        alike = form + meaning
        kinds = alike[:, : self._points] @ self._weights
        ids = learning.combined(kinds, self._id_of, spotted)
        first = [0, *range(len(texts), len(heard))]
        ids[0] = (ids[first].mean(axis=0) + ids[first].max(axis=0)) / 2
        for seen in (form, meaning, spotted, alike, kinds):
            seen[0] = seen[first].mean(axis=0)
        ids = ids[: len(texts)]
        ids += np.minimum([hints.get(one, 0.0) for one in self._ids], ids.clip(min=0))
        ids[:, [not self._valid(one, day) for one in self._ids]] = -1.0
        certain = learner.certainty(ids, self._calibration)
        found = []
        for row, text in enumerate(texts):
            order = np.argsort(-ids[row])[:CANDIDATES]
            own = np.flatnonzero(self._id_of == order[0])
            ranked = Scored(
                ids=tuple(self._ids[n] for n in order),
                scores=_shares(float(certain[row]), ids[row, order]),
                detail=self._labels[own[kinds[row, own].argmax()]][1] or None,
                follow_up=self._follow_up(
                    alike[row],
                    last_entry,
                    plainly=choosing or self._elsewhere(ids[row], certain[row], last_entry),
                    unnamed=not named and self._ids[order[0]] in self._town_hall,
                ),
                explain={
                    "form": self._part(form[row], own),
                    "meaning": self._part(meaning[row], own),
                    "keywords": learning.KEYWORD * float(spotted[row, order[0]]),
                },
            )
            found.append(ranked if plain(text) else Scored((), ()))
        return found

    def strays(self, certain: float) -> list[tuple[Example, str]]:
        """The examples that would be taken for another id, which is given, with this certainty or
        more, if they had not been learnt; none when there are too many examples to tell."""
        if not self._spare.size:
            return []
        wanted = learner.one_hot(self._own, len(self._labels))
        left_out = wanted - self._weights * self._spare[:, None]
        ids = learning.combined(left_out, self._id_of, np.zeros(1, dtype=np.float32))
        best = ids.argmax(axis=1)
        wrong = best != self._id_of[self._own]
        sure = learner.certainty(ids, self._calibration) >= certain
        return [
            (self._examples.requests[n], self._ids[best[n]]) for n in np.flatnonzero(wrong & sure)
        ]

    def _part(self, alike: Floats, own: learner.Numbers) -> float:
        """What one way of being alike adds to the score of labels."""
        return float(alike[: self._points] @ self._weights[:, own].sum(axis=1))

    def _elsewhere(self, ids: Floats, certain: float, last_entry: str | None) -> bool:
        """Whether the sentence by itself is surely another request, or likely an emergency."""
        best = self._ids[int(ids.argmax())]
        return best == URGENCY or (certain >= _SURELY and best != last_entry)

    def _follow_up(
        self, alike: Floats, last_entry: str | None, *, plainly: bool, unnamed: bool
    ) -> str | None:
        """The follow-up that is meant: about as near to its examples as to any request's.

        ``unnamed``: by itself it asks about the town hall, without naming it ("vous ouvrez à
        quelle heure ?"). After an answer about the swimming pool it asks about the pool.
        """
        asked = self._follow_ups.get(last_entry or "")
        if asked is None or not asked.size:
            return None
        best = int(asked[alike[asked].argmax()])
        kind = self._examples.follow_ups[best - self._points].kind
        if unnamed and last_entry not in self._town_hall and kind in PLACE_QUESTIONS:
            return kind if alike[best] / 2 >= _FOLLOWS else None
        nearest = alike[: self._points].max()
        least = _PLAINLY if plainly else _FOLLOWS
        if alike[best] / 2 < least or alike[best] < nearest - 2 * _NEARLY:
            return None
        return kind

    def _valid(self, name: str, day: date | None) -> bool:
        entry = self._examples.entries.get(name)
        return entry is None or day is None or entry.valid_on(day)


def _by_entry(examples: Examples, first: int, town_hall: Set[str]) -> dict[str, learner.Numbers]:
    """The numbers, from ``first`` on, of the examples of what may be asked after each entry.

    "Et combien ça coûte ?" is asked in the same words whatever it is about: the examples of all
    follow-ups of one name serve every entry that has one of it. An entry's own come first: of two
    that are equally near, hers is meant.
    """
    numbers = list(enumerate(examples.follow_ups, first))
    # What is asked about the town hall may be asked about every other place; what other entries
    # give under these names is also about the matter: "les sacs, c'est où ?"
    places = {n for n, one in numbers if one.kind in PLACE_QUESTIONS and one.id in town_hall}
    found = {}
    for name, entry in examples.entries.items():
        kinds = {one.id for one in entry.follow_ups}.difference(PLACE_QUESTIONS)
        own = [n for n, one in numbers if one.id == name]
        pooled = (n for n, one in numbers if one.id != name and (one.kind in kinds or n in places))
        found[name] = np.array([*own, *pooled], dtype=np.int64)
    return found


def _shares(certain: float, scores: Floats) -> tuple[float, ...]:
    """The certainty of the best, and what it leaves to the next ones by their scores."""
    share = np.exp(_SPREAD * (scores[1:] - scores[0]))
    rest = np.minimum((1 - certain) * share / max(1.0, share.sum()), certain)
    return (certain, *map(float, rest))
