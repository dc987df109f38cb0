"""Learns from examples which label a sentence has: a kernel machine over all views at once.

Kernel ridge regression has a closed form, so thousands of examples are learnt in seconds, and how
each would be scored by a machine that had not seen it comes for nothing: certainty is calibrated
on that. What is too many for memory is learnt with fewer points of comparison (Nyström's method).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ivr.nlu.features import Floats, Seen

RIDGE = 0.2
SHARPNESS = 2.0
"""Likeness of meaning is exp(SHARPNESS · (cosine - 1))."""

BLOCK = 1000
"""Examples compared at a time, which bounds the memory."""
MOST = 160_000_000
"""Numbers, 4 bytes each, that exact learning may fill: 12,000 examples of 1,000 labels."""
POINTS = 4000
"""Examples that the others are compared with, when there are more than can be learnt exactly."""
SAMPLE = 1000
"""Examples, then, whose scores if left out are found."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Learnt:
    """What a sentence is compared with, and what each likeness is worth."""

    points: Numbers
    """The examples that sentences are compared with: all, unless there are too many."""
    weights: Floats
    """A row for each point, a column for each label."""
    sample: Numbers
    """The examples whose scores if left out are known: all, unless there are too many."""
    left_out: Floats
    """A row for each of the sample: how each label would score if it had not been seen."""
    spare: Floats
    """For each example, what its own weights times this take from its scores when it is left out;
    empty when not learnt exactly."""


def likeness(some: Seen, others: Seen) -> tuple[Floats, Floats]:
    """How alike sentences are, in form and in meaning, 0.0 to 1.0 each: a row for each of some."""
    form: Floats = (some.lexical @ others.transposed).toarray()
    meaning: Floats = np.exp(SHARPNESS * (some.meaning @ others.meaning.T - 1))
    return form, meaning


def kernel(some: Seen, others: Seen) -> Floats:
    """How alike sentences are in all: 0.0 to 2.0."""
    form, meaning = likeness(some, others)
    form += meaning
    return form


def learn(seen: Seen, labels: Numbers, count: int) -> Learnt:
    """The weight of every example for every label.

    ``labels`` numbers each example's label; there are ``count`` of them.
    """
    if len(labels) * (len(labels) + count) <= MOST:
        return _exactly(seen, labels, count)
    return _nearly(seen, labels, count)


def _exactly(seen: Seen, labels: Numbers, count: int) -> Learnt:
    alike = _triangle(seen)
    wanted = one_hot(labels, count)
    with threadpool_limits(limits=os.cpu_count(), user_api="blas"):
        upper = linalg.cholesky(alike.T, overwrite_a=True, check_finite=False)
        root, _ = linalg.lapack.strtri(upper, overwrite_c=True)  # root @ root.T inverts the kernel
        weights = root @ (root.T @ wanted)
    spare = 1 / np.einsum("ij,ij->i", root, root)
    everything = np.arange(len(labels))
    return Learnt(everything, weights, everything, wanted - weights * spare[:, None], spare)


def _triangle(seen: Seen) -> Floats:
    """How alike the examples are among each other: the lower triangle, in blocks of rows."""
    count = len(seen.meaning)
    found = np.zeros((count, count), dtype=np.float32)
    for start, stop in _blocks(count):
        before = seen.rows(0, stop)
        found[start:stop, :stop] = kernel(before.rows(start, stop), before)
    found[np.diag_indices_from(found)] += RIDGE
    return found


def _nearly(seen: Seen, labels: Numbers, count: int) -> Learnt:
    """Nyström's method: sentences are seen as their likeness to the points alone."""
    points, sample = _spread(len(labels), POINTS), _spread(len(labels), SAMPLE)
    compared = seen.take(points)
    squares = np.zeros((len(points), len(points)))
    towards = np.zeros((count, len(points)), dtype=np.float32)
    for start, stop in _blocks(len(labels)):
        alike = kernel(seen.rows(start, stop), compared)
        squares += alike.T @ alike
        some, own = np.unique(labels[start:stop], return_inverse=True)
        towards[some] += one_hot(own, len(some)).T @ alike
    among = kernel(compared, compared).astype(np.float64)
    among[np.diag_indices_from(among)] += 1e-4  # points that are the same leave it singular
    whitener = linalg.lapack.dtrtri(linalg.cholesky(among, check_finite=False))[0]
    whitened = whitener.T @ squares @ whitener
    whitened[np.diag_indices_from(whitened)] += RIDGE
    root = whitener @ linalg.lapack.dtrtri(linalg.cholesky(whitened, check_finite=False))[0]
    root = root.astype(np.float32)
    weights = root @ (root.T @ towards.T)
    alike = kernel(seen.take(sample), compared)
    share = np.square(alike @ root).sum(axis=1)[:, None]
    left_out = (alike @ weights - share * one_hot(labels[sample], count)) / (1 - share)
    return Learnt(points, weights, sample, left_out, np.empty(0, dtype=np.float32))


def adapt(seen: Seen, labels: Numbers, weights: Floats, again: Numbers) -> Floats:
    """Learn the rows ``again`` of exactly learnt ``weights`` anew, in place; the others stay.

    Returns what is ``spare`` of these rows, about.
    """
    some = seen.take(again)
    alike = kernel(some, seen)
    weights[again] = 0
    wanted = one_hot(labels[again], weights.shape[1]) - alike @ weights
    among = alike[:, again]
    among[np.diag_indices_from(among)] += RIDGE
    inverse: Floats = linalg.inv(among, overwrite_a=True, check_finite=False)
    weights[again] = inverse @ wanted
    return np.reciprocal(inverse.diagonal())


def one_hot(labels: Numbers, count: int) -> Floats:
    """A row for each label, with a one in its column and else zeros."""
    found = np.zeros((len(labels), count), dtype=np.float32)
    found[np.arange(len(labels)), labels] = 1
    return found


def _spread(count: int, most: int) -> Numbers:
    """At most so many numbers under ``count``, evenly spread: some of every label."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, BLOCK):
        yield start, min(start + BLOCK, count)


def calibrate(scores: Floats, right: npt.NDArray[np.bool_]) -> Floats:
    """Coefficients for ``certainty``, from scores and whether the best of each row is right."""
    if right.all() or not right.any():
        return np.array([0, 0, 0, 1], dtype=np.float32)
    fitted = LogisticRegression(C=100).fit(_evidence(scores), right)
    return np.append(fitted.coef_[0], fitted.intercept_).astype(np.float32)


def certainty(scores: Floats, calibration: Floats) -> Floats:
    """How probably the best of each row of scores is right, 0.0 to 1.0."""
    found: Floats = 1 / (1 + np.exp(-_evidence(scores) @ calibration[:-1] - calibration[-1]))
    return found


def _evidence(scores: Floats) -> npt.NDArray[Any]:
    """What tells whether the best of a row is right: its score, and its lead over the next."""
    ordered = np.sort(np.pad(scores, ((0, 0), (1, 0))), axis=1)  # a second, even to a lone id
    best, second = ordered[:, -1], ordered[:, -2]
    return np.stack([best, best - second, np.square(best - second)], axis=1)
