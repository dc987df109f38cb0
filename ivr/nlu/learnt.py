"""What is learnt of all the examples of one language: at once, or anew where an edit changed some.

An edit must be live in two seconds, and learning takes longer: what was learnt before is taken
over, and only the changed examples and those that are most like them are learnt again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped]

from ivr.nlu import learner
from ivr.nlu.cache import Arrays, Cache, Rows
from ivr.nlu.digest import digest
from ivr.nlu.examples import Examples, Label, labels_of
from ivr.nlu.features import Encoder, Floats, Rarity, Seen
from ivr.nlu.learner import Numbers
from ivr.nlu.spotter import Spotter

Names = npt.NDArray[Any]
"""Of texts."""

VERSION = "6"
"""To be raised when what is kept would be made in another way."""

KEYWORD = 0.1
"""Added to the score of an id whose keyword is clearly heard."""
SAMPLE = 1000
"""Examples, about, from which the rarity of keywords and certainty are learnt."""
CHANGED = 0.05
"""Share of the examples that may change before all is learnt again, certainty too."""
NEAREST = 1000
"""Examples learnt again with those that have changed."""


def load(name: str, examples: Examples, encoder: Encoder, cache: Cache) -> Arrays:
    """What was learnt of the examples of a language, from the cache where that can be."""
    kept = cache.read(f"learnt-{name}")
    if kept is not None and str(kept.get("version")) != VERSION:
        kept = None
    if kept is not None and str(kept["examples"]) == examples.key:
        return kept
    meanings = cache.rows(f"meaning-{name}")
    adapted = None if kept is None else adapt(kept, examples, encoder, meanings)
    learnt = learn(examples, encoder, meanings) if adapted is None else adapted
    cache.write(f"learnt-{name}", learnt)
    return learnt


def learn(examples: Examples, encoder: Encoder, meanings: Rows) -> Arrays:
    """Everything that is to be kept of the examples, as arrays."""
    requests, texts = examples.requests, examples.texts
    labels, ids = labels_of(requests)
    id_of = ids_of(labels, ids)
    rarity, lexical = Rarity.learn(texts)
    seen = Seen(lexical, meanings.of(texts, encoder))
    own = _numbers(examples, labels)
    learnt = learner.learn(seen.rows(0, len(requests)), own, len(labels))
    some = np.arange(0, len(learnt.sample), max(1, len(learnt.sample) // SAMPLE))
    sample = learnt.sample[some]
    spotter = Spotter(examples.keywords, ids)
    spotted = spotter.learn([texts[n] for n in sample])
    scores = combined(learnt.left_out[some], id_of, spotted)
    right = scores.argmax(axis=1) == id_of[own[sample]]
    points = np.append(learnt.points, np.arange(len(requests), len(texts)))
    return {
        **_described(examples, seen.take(points), spotter),
        "texts": _digests([texts[n] for n in points]),
        "own": own[learnt.points],
        "idf": rarity.idf,
        "weights": learnt.weights,
        "spare": learnt.spare,
        "calibration": learner.calibrate(scores, right),
        "changes": np.array(0),
    }


def adapt(before: Arrays, examples: Examples, encoder: Encoder, meanings: Rows) -> Arrays | None:
    """What ``learn`` would give, nearly, from what it gave for other examples.

    None where too much has changed, or not everything was learnt exactly.
    """
    requests, count = examples.requests, len(examples.requests)
    if not before["spare"].size:
        return None
    same, gone = _compared(before, examples)
    new = np.flatnonzero(same < 0)
    changes = int(before["changes"]) + len(new) + len(gone)
    if changes > CHANGED * count:
        return None
    labels, ids = labels_of(requests)
    own = _numbers(examples, labels)
    seen, idf = _seen_again(before, examples, encoder, meanings)
    weights = _columns(before["weights"], before["labels"], labels)[same]
    weights[new] = 0
    spare = before["spare"][same]
    if len(new) or len(gone):
        known = seen.rows(0, count)
        changed = known.take(new).and_also(seen_of(before).take(gone))
        likest = np.argsort(-learner.kernel(changed, known).max(axis=0))[:NEAREST]
        again = np.union1d(new, likest)
        found = learner.adapt(known, own, weights, again)
        spare[new] = found[np.searchsorted(again, new)]
    spotter = Spotter(examples.keywords, ids)
    rarity = dict(zip(before["keywords"].tolist(), before["rarity"].tolist(), strict=True))
    spotter.rarity = np.array([rarity.get(one, 1.0) for one in spotter.names], dtype=np.float32)
    return {
        **_described(examples, seen, spotter),
        "texts": _digests(examples.texts),
        "own": own,
        "idf": idf,
        "weights": weights,
        "spare": spare,
        "calibration": before["calibration"],
        "changes": np.array(changes),
    }


def seen_of(learnt: Arrays) -> Seen:
    """The examples that are compared with: points, then follow-ups."""
    lexical = sparse.csr_matrix(
        (learnt["data"], learnt["indices"], learnt["indptr"]), shape=learnt["shape"]
    )
    return Seen(lexical, learnt["meaning"])


def ids_of(labels: Sequence[Label], ids: Sequence[str]) -> Numbers:
    """The number of each label's id."""
    number = {name: n for n, name in enumerate(ids)}
    return np.array([number[name] for name, _ in labels])


def combined(kinds: Floats, id_of: Numbers, spotted: Floats) -> Floats:
    """The scores of ids: of all their kinds, with their keywords. ``id_of`` is in order."""
    starts = np.flatnonzero(np.diff(id_of, prepend=-1))
    scores: Floats = np.add.reduceat(kinds, starts, axis=1) + KEYWORD * spotted
    return scores


def _described(examples: Examples, seen: Seen, spotter: Spotter) -> Arrays:
    labels, _ = labels_of(examples.requests)
    return {
        "version": np.array(VERSION),
        "examples": np.array(examples.key),
        "labels": np.array(labels),
        "keywords": np.array(spotter.names),
        "rarity": spotter.rarity,
        "data": seen.lexical.data,
        "indices": seen.lexical.indices,
        "indptr": seen.lexical.indptr,
        "shape": np.array(seen.lexical.shape),
        "meaning": seen.meaning,
    }


def _digests(texts: Sequence[str]) -> Names:
    return np.array([digest(text) for text in texts])


def _numbers(examples: Examples, labels: Sequence[Label]) -> Numbers:
    """The number of each request's label."""
    number = {label: n for n, label in enumerate(labels)}
    return np.array([number[one.id, one.kind] for one in examples.requests])


def _compared(before: Arrays, examples: Examples) -> tuple[Numbers, Numbers]:
    """Where each request was learnt before, -1 for a new one; and those that are there no more."""
    labels = [tuple(one) for one in before["labels"].tolist()]
    learnt_as = [labels[n] for n in before["own"]]
    # Follow-ups come last in "texts", and are not learnt.
    keys = zip(before["texts"].tolist(), learnt_as, strict=False)
    place = {key: n for n, key in enumerate(keys)}
    requests = examples.requests
    same = [place.get((digest(one.text), (one.id, one.kind)), -1) for one in requests]
    return np.array(same), np.setdiff1d(np.arange(len(learnt_as)), same)


def _seen_again(
    before: Arrays, examples: Examples, encoder: Encoder, meanings: Rows
) -> tuple[Seen, Floats]:
    """All the examples, those known before as they were seen; and the rarity of features."""
    place = {name: n for n, name in enumerate(before["texts"].tolist())}
    names = _digests(examples.texts).tolist()
    unknown = {
        name: text for name, text in zip(names, examples.texts, strict=True) if name not in place
    }
    rarity, rows = Rarity(before["idf"]), seen_of(before).lexical
    if unknown:
        rarity = rarity.widened(list(unknown.values()), len(names))
        place |= {name: n for n, name in enumerate(unknown, rows.shape[0])}
        rows = sparse.vstack([rows, rarity.lexical(list(unknown.values()))], format="csr")
    lexical = rows[[place[name] for name in names]]
    return Seen(lexical, meanings.of(examples.texts, encoder)), rarity.idf


def _columns(weights: Floats, former: Names, labels: Sequence[Label]) -> Floats:
    """The weights' columns in another order; zeros for labels that are new."""
    number = {tuple(label): n for n, label in enumerate(former.tolist())}
    padded = np.pad(weights, ((0, 0), (0, 1)))
    found: Floats = padded[:, [number.get(label, -1) for label in labels]]
    return found
