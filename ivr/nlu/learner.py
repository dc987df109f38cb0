"""Learns from examples which label a sentence has: a kernel machine over all views at once.

Kernel ridge regression has a closed form, so thousands of examples are learnt in seconds, and how
each would be scored by a machine that had not seen it comes for nothing: certainty is calibrated
on that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from ivr.nlu.features import Floats, Seen

RIDGE = 0.2
SHARPNESS = 2.0
"""Likeness of meaning is exp(SHARPNESS · (cosine - 1))."""

BLOCK = 1000
"""Examples compared at a time, which bounds the memory."""

Numbers = npt.NDArray[np.int64]


def likeness(some: Seen, others: Seen) -> tuple[Floats, Floats]:
    """How alike sentences are, in form and in meaning, 0.0 to 1.0 each: a row for each of some."""
    form: Floats = (some.lexical @ others.transposed).toarray()
    meaning: Floats = np.exp(SHARPNESS * (some.meaning @ others.meaning.T - 1))
    return form, meaning


def learn(seen: Seen, labels: Numbers, count: int) -> tuple[Floats, Floats]:
    """The weight of every example for every label, and every example's scores if left out.

    ``labels`` numbers each example's label; there are ``count`` of them.
    """
    upper = linalg.cholesky(_kernel(seen).T, overwrite_a=True, check_finite=False)
    root, _ = linalg.lapack.strtri(upper, overwrite_c=True)  # root @ root.T inverts the kernel
    wanted = np.eye(count, dtype=np.float32)[labels]
    weights = root @ (root.T @ wanted)
    left_out = wanted - weights / np.einsum("ij,ij->i", root, root)[:, None]
    return weights, left_out


def _kernel(seen: Seen) -> Floats:
    """How alike the examples are among each other: the lower triangle, in blocks of rows."""
    count = len(seen.meaning)
    kernel = np.zeros((count, count), dtype=np.float32)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        before = seen.rows(0, stop)
        form, meaning = likeness(before.rows(start, stop), before)
        kernel[start:stop, :stop] = form
        kernel[start:stop, :stop] += meaning
    kernel[np.diag_indices_from(kernel)] += RIDGE
    return kernel


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
