"""Learns from examples which label a sentence has: a kernel machine over all views at once.

Kernel ridge regression has a closed form, so it learns thousands of examples in a second, and its
leave-one-out scores come with it for nothing: scores are calibrated on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from ivr.nlu.features import Floats, Seen

RIDGE = 0.2
SHARPNESS = 2.0
"""Likeness of meaning is exp(SHARPNESS · (cosine − 1))."""


def likeness(some: Seen, others: Seen) -> Floats:
    """How alike sentences are, in words and in meaning together: 0.0 to 2.0, a row for each."""
    alike: Floats = np.exp(SHARPNESS * (some.meaning @ others.meaning.T - 1))
    alike += (some.lexical @ others.lexical.T).toarray()
    return alike


@dataclass(frozen=True)
class Learnt:
    """What was learnt: a weight of every example for every label."""

    weights: Floats
    """Examples × labels."""
    calibration: Floats
    """Coefficients of ``evidence``, the constant last."""

    def certainty(self, scores: Floats) -> Floats:
        """How probably the best label of each row of scores (of ids) is right."""
        logits = evidence(scores) @ self.calibration[:-1] + self.calibration[-1]
        found: Floats = 1 / (1 + np.exp(-logits))
        return found


def evidence(scores: Floats) -> Floats:
    """What tells whether the best id of a row is right: its score, and the next one's."""
    ordered = np.sort(scores, axis=1)
    best, second = ordered[:, -1], ordered[:, -2]
    return np.stack([best, best - second, np.square(best - second)], axis=1)


def learn(seen: Seen, labels: np.ndarray[Any, Any], ids: np.ndarray[Any, Any]) -> Learnt:
    """Learn the examples; ``labels`` is each one's label, ``ids`` each label's id (numbers)."""
    kernel = likeness(seen, seen)
    kernel[np.diag_indices_from(kernel)] += RIDGE
    wanted = np.eye(len(ids), dtype=np.float32)[labels]
    inverse = linalg.inv(kernel, overwrite_a=True, check_finite=False)
    weights = inverse @ wanted
    left_out = by_id(wanted - weights / np.diag(inverse)[:, None], ids)
    right = left_out.argmax(axis=1) == ids[labels]
    calibration = np.array([0, 0, 0, 1], dtype=np.float32)
    if right.any() and not right.all():
        fitted = LogisticRegression(C=100).fit(evidence(left_out), right)
        calibration = np.append(fitted.coef_[0], fitted.intercept_).astype(np.float32)
    return Learnt(weights, calibration)


def by_id(scores: Floats, ids: np.ndarray[Any, Any]) -> Floats:
    """Scores of labels added up to scores of ids: several labels may be kinds of one id."""
    return scores @ np.eye(int(ids.max()) + 1, dtype=np.float32)[ids]
