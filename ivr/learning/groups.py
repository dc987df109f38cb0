"""Groups what callers said by likeness, and proposes the entry that each group belongs to."""

from __future__ import annotations

import base64
import hashlib
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.cluster import AgglomerativeClustering  # type: ignore[import-untyped]

from ivr.knowledge.base import Knowledge
from ivr.knowledge.check import examples
from ivr.knowledge.entries import RESERVED_IDS
from ivr.learning.gather import Missed
from ivr.learning.group import Because, Group, Proposal, Utterance
from ivr.nlu.features import Encoder, Floats
from ivr.nlu.match import DIALOGUE_IDS, Context, Match
from ivr.nlu.matcher import Matcher
from ivr.nlu.normalise import core, stem

log = logging.getLogger(__name__)

FARTHEST = 0.5
"""Largest distance of meaning (1 - cosine) within a group. Of 800 unseen utterances with 60
meanings, 62 % come into groups of two and more, 84 % of these with the others of their meaning."""
MOST = 3000
"""Texts that are grouped at a time, the most frequent first: their distances take 70 MB."""
LIKELY = 0.2
"""From this score of the matcher on, averaged over the group, its candidate is proposed."""
_RARE_WORDS = 2
_SHORTEST_WORD = 3


Encode = Callable[[Sequence[str]], Floats]
"""Meanings of sentences; an Encoder."""
Understand = Callable[[str, Context], Match]
"""What a sentence means; a Matcher's ``match``."""


@dataclass(frozen=True)
class Cluster:
    """What was missed and belongs together, before an entry is proposed for it."""

    language: str
    missed: tuple[Missed, ...]

    @cached_property
    def utterances(self) -> tuple[Utterance, ...]:
        """The most frequent first, each text once."""
        counts = Counter(one.text for one in self.missed)
        return tuple(Utterance(text, n) for text, n in counts.most_common())

    @property
    def reference(self) -> str:
        """A name for exactly these utterances in this order: five letters and digits."""
        joined = "\n".join((self.language, *(one.text for one in self.utterances)))
        name = hashlib.blake2b(joined.encode(), digest_size=5).digest()
        return base64.b32encode(name).decode()[:5]


def clusters(missed: Iterable[Missed], encode: Encode) -> list[Cluster]:
    """What was missed, by likeness, the largest first. The same input gives the same clusters."""
    said: dict[tuple[str, str], list[Missed]] = defaultdict(list)
    for one in missed:
        said[one.language, one.text].append(one)
    listed = sorted(said.items(), key=lambda item: (-len(item[1]), item[0]))
    if len(listed) > MOST:
        log.warning("%d texts are left for later: said least often", len(listed) - MOST)
    found = []
    for language in sorted({language for language, _ in said}):
        own = [some for (name, _), some in listed[:MOST] if name == language]
        for members in _clusters(own, encode):
            some = tuple(one for number in members for one in own[number])
            found.append(Cluster(language, some))
    return sorted(found, key=lambda one: (-len(one.missed), one.reference))


class Proposals:
    """Proposes entries for clusters, of one version of the knowledge."""

    def __init__(self, knowledge: Knowledge, match: Understand) -> None:
        self._knowledge = knowledge
        self._match = match
        self._words: dict[str, _Words] = {}

    def group(self, cluster: Cluster) -> Group:
        """A cluster with its proposal: some milliseconds for each of its texts."""
        language, some, knowledge = cluster.language, cluster.missed, self._knowledge
        if language not in self._words:
            self._words[language] = _Words(knowledge, language)
        proposal = self._proposal(cluster)
        known = knowledge.entries.get(proposal.entry)
        reached = Counter(one.department for one in some if one.department).most_common(1)
        return Group(
            language,
            cluster.utterances,
            cluster.reference,
            proposal,
            known.department if known else next((name for name, _ in reached), None),
            len({one.call_id for one in some if one.callback}),
        )

    def _proposal(self, cluster: Cluster) -> Proposal:
        some, knowledge = cluster.missed, self._knowledge
        entry = _voted(some)
        if entry is not None and entry in knowledge.entries:
            votes = [one.entry for one in some if one.entry]
            return Proposal(entry, Because.CALLERS, votes.count(entry) / len(votes))
        entry, share = self._likeliest(cluster, {one.refused for one in some})
        if entry and share >= LIKELY:
            return Proposal(entry, Because.LIKENESS, round(share, 2))
        taken = RESERVED_IDS | knowledge.entries.keys() | knowledge.topics.keys()
        counts = {one.text: one.count for one in cluster.utterances}
        return Proposal(self._words[cluster.language].new_id(counts, taken), Because.NEW, 0.0)

    def _likeliest(
        self, cluster: Cluster, refused: Collection[str | None]
    ) -> tuple[str | None, float]:
        """The matcher's best entry for all utterances together, and its mean score."""
        scores: dict[str, float] = defaultdict(float)
        for one in cluster.utterances:
            for candidate in self._match(one.text, Context(language=cluster.language)).candidates:
                if candidate.entry not in DIALOGUE_IDS and candidate.entry not in refused:
                    scores[candidate.entry] += one.count * candidate.score
        if not scores:
            return None, 0.0
        best = max(scores, key=lambda entry: (scores[entry], entry))
        return best, scores[best] / len(cluster.missed)


def groups(
    missed: Iterable[Missed], knowledge: Knowledge, matcher: Matcher, encoder: Encoder
) -> list[Group]:
    """The groups of what was missed, the largest first. The same input gives the same groups."""
    proposals = Proposals(knowledge, matcher.match)
    return [proposals.group(one) for one in clusters(missed, encoder)]


def _clusters(said: Sequence[Sequence[Missed]], encode: Encode) -> list[list[int]]:
    """The numbers of the texts that belong together.

    Linkage is complete: a group that is taken or dismissed as a whole leaves the others as they
    were. Texts whose callers went on to different entries never come together.
    """
    if len(said) < 2:
        return [[number] for number in range(len(said))]
    meaning = encode([core(some[0].text) for some in said])
    distances = 1 - meaning @ meaning.T
    entries = np.array([_voted(some) or "" for some in said])
    known = entries != ""
    distances[np.outer(known, known) & (entries[:, None] != entries[None, :])] = 2
    labels = AgglomerativeClustering(
        n_clusters=None, distance_threshold=FARTHEST, metric="precomputed", linkage="complete"
    ).fit_predict(distances)
    found: dict[int, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        found[label].append(number)
    return list(found.values())


def _voted(some: Sequence[Missed]) -> str | None:
    """The entry that more than half of those who went on to one went on to."""
    votes = Counter(one.entry for one in some if one.entry)
    for entry, count in votes.most_common(1):
        if count * 2 > votes.total():
            return entry
    return None


class _Words:
    """How rare words are among the examples of a language."""

    def __init__(self, knowledge: Knowledge, language: str) -> None:
        texts = [one.text for one in examples(knowledge) if one.language == language]
        self._among = Counter(stem for text in texts for stem in _stems(text))
        self._size = len(texts)

    def new_id(self, texts: Mapping[str, int], taken: Collection[str]) -> str:
        """An id of the rare words that most of the texts have; none of those taken."""
        weights: dict[str, float] = defaultdict(float)
        shown: dict[str, str] = {}
        for text, count in texts.items():
            for one, word in _stems(text).items():
                shown.setdefault(one, word)
                weights[one] += count * math.log((1 + self._size) / (1 + self._among[one]))
        best = sorted(weights, key=lambda one: (-weights[one], one))[:_RARE_WORDS]
        name = "-".join(shown[one] for one in best)[:36].strip("-") or "nouvelle-question"
        others = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        return next(one for one in (name, *others) if one not in taken)


def _stems(text: str) -> dict[str, str]:
    """The words of a text that may tell something, by their stems."""
    words = core(text).split()
    return {stem(word): word for word in words if len(word) >= _SHORTEST_WORD and word.isalpha()}
