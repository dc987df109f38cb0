"""Spots the keywords of entries in what was heard, by their sound, whatever their spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from ivr.nlu.features import Floats
from ivr.nlu.normalise import plain
from ivr.nlu.phonetic import sounds

ALIKE = 85
"""Least likeness of sounds, 0 to 100: "déchétris" and "déchetterie" are 93 alike."""
SHORTEST = 5
"""Sounds of the shortest keyword that is looked for: shorter ones are found in everything."""


@dataclass(frozen=True)
class Keyword:
    """A word or group of words that, when heard, points to an id."""

    text: str
    id: str


class Spotter:
    """Finds keywords by sound. A keyword that many examples have weighs less."""

    def __init__(self, keywords: Sequence[Keyword], ids: Sequence[str]) -> None:
        """``ids`` are the columns of what is returned; keywords of other ids are left out."""
        column = {name: n for n, name in enumerate(ids)}
        heard = [(column[one.id], sounds(plain(one.text))) for one in keywords if one.id in column]
        heard = sorted({one for one in heard if len(one[1]) >= SHORTEST})
        self._sounds = [sound for _, sound in heard]
        self._columns, self._starts = np.unique([n for n, _ in heard], return_index=True)
        self._size = len(ids)
        self.names = [f"{sound} {ids[n]}" for n, sound in heard]
        """What each keyword is called, to find its rarity again."""
        self.rarity: Floats = np.ones(len(heard), dtype=np.float32)
        """What each keyword weighs, 0.0 to 1.0: to be kept, and set again."""

    def learn(self, texts: Sequence[str]) -> Floats:
        """Learn from a sample of examples how rare each keyword is; what is spotted in them."""
        alike = self._likeness(texts, workers=-1)
        among = np.count_nonzero(alike, axis=0)
        self.rarity = (1 - np.log(among + 1) / np.log(len(texts) + 1)).astype(np.float32)
        return self._by_id(alike)

    def spot(self, texts: Sequence[str]) -> Floats:
        """How clearly keywords of each id are heard in each text: 0.0 to 1.0."""
        return self._by_id(self._likeness(texts))

    def _by_id(self, alike: Floats) -> Floats:
        found = np.zeros((len(alike), self._size), dtype=np.float32)
        if self._sounds:
            weighed = alike * self.rarity
            found[:, self._columns] = np.maximum.reduceat(weighed, self._starts, axis=1)
        return found

    def _likeness(self, texts: Sequence[str], workers: int = 1) -> Floats:
        """0.0 to 1.0 for each text and keyword. A text shorter than a keyword does not have it."""
        heard = [sounds(plain(text)) for text in texts]
        once = list(dict.fromkeys(heard))  # many hypotheses sound the same
        alike: Floats = process.cdist(
            once, self._sounds, scorer=fuzz.partial_ratio, score_cutoff=ALIKE, dtype=np.float32,
            workers=workers,
        )  # fmt: skip
        alike /= 100
        alike[_lengths(once)[:, None] < _lengths(self._sounds)[None, :] - 1] = 0
        return alike[[once.index(one) for one in heard]]


def _lengths(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.array([len(text) for text in texts])
