"""All that can be meant in one language, learnt from examples, and how likely each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.entries import Entry
from ivr.nlu import learner
from ivr.nlu.cache import Arrays, Cache, Rows, digest
from ivr.nlu.features import Encoder, Floats, Rarity, Seen
from ivr.nlu.match import OFF_TOPIC
from ivr.nlu.normalise import plain
from ivr.nlu.spotter import Keyword, Spotter

VERSION = "4"
"""To be raised when what is kept would be made in another way."""

CANDIDATES = 5
SAMPLE = 1000
"""Examples, about, from which the rarity of keywords and certainty are learnt."""
_KEYWORD = 0.1
"""Added to the score of an id whose keyword is clearly heard."""
_FOLLOWS = 0.45
"""Least likeness to an example of a follow-up, 0.0 to 1.0."""
_NEARLY = 0.1
"""A follow-up may be this much less like what was said than the nearest request is."""
_SPREAD = 8.0
"""How fast likelihood falls with the score among those that are not the best."""


@dataclass(frozen=True)
class Example:
    """Something people say, and what it means."""

    text: str
    id: str
    """An entry's id, or a dialogue id."""
    kind: str = ""
    """The detail of a dialogue id; the id of an entry's follow-up."""


_END = Example("", "")


@dataclass(frozen=True)
class Examples:
    """What is said in one language."""

    requests: tuple[Example, ...]
    follow_ups: tuple[Example, ...]
    """What has its meaning only after an entry was answered."""
    keywords: tuple[Keyword, ...]
    entries: dict[str, Entry]

    @property
    def texts(self) -> list[str]:
        """The requests, then the follow-ups."""
        return [one.text for one in (*self.requests, *self.follow_ups)]

    @property
    def key(self) -> str:
        """A name for exactly these examples."""
        words = [Example(one.text, one.id) for one in self.keywords]
        listed = [*self.requests, _END, *self.follow_ups, _END, *words]
        return digest(VERSION, *(part for one in listed for part in (one.text, one.id, one.kind)))


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


def examples_of(knowledge: Knowledge, language: str) -> Examples:
    """Everything that the knowledge gives as said in a language."""
    entries = dict(knowledge.entries_in(language))
    intents = [one for one in knowledge.intents if one.language == language]
    topics = knowledge.topics.values() if language == REFERENCE else ()
    requests = [Example(text, one.id) for one in entries.values() for text in one.examples]
    requests += [
        Example(text, one.id, one.detail or "") for one in intents for text in one.examples
    ]
    requests += [Example(text, OFF_TOPIC, one.id) for one in topics for text in one.examples]
    follow_ups = [
        Example(text, entry.id, one.id)
        for entry in entries.values()
        for one in entry.follow_ups
        for text in one.examples
    ]
    keywords = [Keyword(text, one.id) for one in entries.values() for text in _words(one)]
    keywords += [Keyword(text, one.id) for one in intents for text in one.keywords]
    keywords += [Keyword(text, OFF_TOPIC) for one in topics for text in one.keywords]
    return Examples(tuple(requests), tuple(follow_ups), tuple(keywords), entries)


def _words(entry: Entry) -> list[str]:
    """An entry's keywords and synonyms."""
    synonyms = [text for word, others in entry.synonyms.items() for text in (word, *others)]
    return [*entry.keywords, *synonyms]


class Language:
    """The meanings of one language. Safe to use from many threads."""

    def __init__(self, examples: Examples, encoder: Encoder, learnt: Arrays) -> None:
        """``learnt`` is what ``learn`` returned for these examples."""
        self._examples, self._encoder = examples, encoder
        self._labels, self._ids = _labels(examples.requests)
        self._id_of = np.array([self._ids.index(name) for name, _ in self._labels])
        self._rarity = Rarity(learnt["idf"])
        self._spotter = Spotter(examples.keywords, self._ids)
        self._spotter.rarity = learnt["keywords"]
        lexical = sparse.csr_matrix(
            (learnt["data"], learnt["indices"], learnt["indptr"]), shape=learnt["shape"]
        )
        self._seen = Seen(lexical, learnt["meaning"])
        self._weights, self._calibration = learnt["weights"], learnt["calibration"]

    @classmethod
    def load(cls, name: str, examples: Examples, encoder: Encoder, cache: Cache) -> Language:
        """Learn the examples, or take what was learnt of exactly these from the cache."""
        learnt = cache.read(f"learnt-{name}", examples.key)
        if learnt is None:
            learnt = learn(examples, encoder, cache.rows(f"meaning-{name}"))
            cache.write(f"learnt-{name}", examples.key, learnt)
        return cls(examples, encoder, learnt)

    def score(
        self,
        texts: Sequence[str],
        *,
        hints: Mapping[str, float],
        last_entry: str | None = None,
        day: date | None = None,
    ) -> list[Scored]:
        """How likely each meaning of each text is; nothing for a text without a word.

        ``hints`` is added to the scores of ids: what the conversation makes more likely.
        ``last_entry`` is the entry whose follow-ups may be asked.
        """
        said = Seen(self._rarity.lexical(texts), self._encoder(texts))
        form, meaning = learner.likeness(said, self._seen)
        alike = form + meaning
        kinds = alike[:, : len(self._examples.requests)] @ self._weights
        spotted = self._spotter.spot(texts)
        ids = _combined(kinds, self._id_of, spotted, self._ids)
        ids += [hints.get(one, 0.0) for one in self._ids]
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
                follow_up=self._follow_up(alike[row], last_entry),
                explain={
                    "form": self._part(form[row], own),
                    "meaning": self._part(meaning[row], own),
                    "keywords": _KEYWORD * float(spotted[row, order[0]]),
                },
            )
            found.append(ranked if plain(text) else Scored((), ()))
        return found

    def _part(self, alike: Floats, own: learner.Numbers) -> float:
        """What one way of being alike adds to the score of labels."""
        return float(alike[: len(self._weights)] @ self._weights[:, own].sum(axis=1))

    def _follow_up(self, alike: Floats, last_entry: str | None) -> str | None:
        """The follow-up that is meant: about as near to its examples as to any request's."""
        first = len(self._examples.requests)
        own = [n for n, one in enumerate(self._examples.follow_ups, first) if one.id == last_entry]
        if not own:
            return None
        best = own[int(alike[own].argmax())]
        nearest = alike[:first].max()
        if alike[best] / 2 < _FOLLOWS or alike[best] < nearest - 2 * _NEARLY:
            return None
        return self._examples.follow_ups[best - first].kind

    def _valid(self, name: str, day: date | None) -> bool:
        entry = self._examples.entries.get(name)
        return entry is None or day is None or entry.valid_on(day)


def learn(examples: Examples, encoder: Encoder, meanings: Rows) -> Arrays:
    """Everything that is to be kept of the examples, as arrays."""
    requests, texts = examples.requests, examples.texts
    labels, ids = _labels(requests)
    number = {label: n for n, label in enumerate(labels)}
    id_of = np.array([ids.index(name) for name, _ in labels])
    rarity, lexical = Rarity.learn(texts)
    seen = Seen(lexical, meanings.of(texts, encoder))
    wanted = np.array([number[one.id, one.kind] for one in requests])
    weights, left_out = learner.learn(seen.rows(0, len(requests)), wanted, len(labels))
    sample = np.arange(0, len(requests), max(1, len(requests) // SAMPLE))
    sampled = [texts[n] for n in sample]
    spotter = Spotter(examples.keywords, ids)
    scores = _combined(left_out[sample], id_of, spotter.learn(sampled), ids)
    right = scores.argmax(axis=1) == id_of[wanted[sample]]
    return {
        "idf": rarity.idf,
        "keywords": spotter.rarity,
        "data": seen.lexical.data,
        "indices": seen.lexical.indices,
        "indptr": seen.lexical.indptr,
        "shape": np.array(seen.lexical.shape),
        "meaning": seen.meaning,
        "weights": weights,
        "calibration": learner.calibrate(scores, right),
    }


def _labels(requests: Sequence[Example]) -> tuple[list[tuple[str, str]], list[str]]:
    """The labels learnt (an id and a kind), and the ids."""
    return sorted({(one.id, one.kind) for one in requests}), sorted({one.id for one in requests})


def _shares(certain: float, scores: Floats) -> tuple[float, ...]:
    """The certainty of the best, and what it leaves to the next ones by their scores."""
    share = np.exp(_SPREAD * (scores[1:] - scores[0]))
    rest = np.minimum((1 - certain) * share / max(1.0, share.sum()), certain)
    return (certain, *map(float, rest))


def _combined(kinds: Floats, id_of: learner.Numbers, spotted: Floats, ids: Sequence[str]) -> Floats:
    """The scores of ids: of all their kinds, with their keywords."""
    scores: Floats = kinds @ np.eye(len(ids), dtype=np.float32)[id_of] + _KEYWORD * spotted
    return scores
