"""Makes any voice fit for a telephone line: no silence around it, one loudness, never clipped."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
import pyloudnorm  # type: ignore[import-untyped]
from scipy.ndimage import minimum_filter1d, uniform_filter1d  # type: ignore[import-untyped]

from ivr.audio.form import SAMPLE_RATE, TELEPHONE_LUFS
from ivr.audio.pcm import Samples, from_samples, resample

CEILING_DBTP = -1.5
"""True peaks stay below this, in dB: the next filter or codec on the way still has room."""
LEAD_MS, TAIL_MS = 40, 80
"""Silence left before and after the voice, in ms."""
_AUDIBLE_DB = -38.0
_BLOCK_S = 0.4
_LOOK_AHEAD_MS = 5
_OVERSAMPLED = 4


def for_telephone(samples: Samples, rate: int, lufs: float = TELEPHONE_LUFS) -> bytes:
    """A voice at ``rate`` Hz as 16 kHz 16 bit mono, trimmed, at ``lufs``, peaks limited.

    Silence gives nothing.
    """
    voice = trim(resample(samples, rate, SAMPLE_RATE))
    return from_samples(limit(at_loudness(voice, lufs))) if voice.size else b""


def trim(voice: Samples) -> Samples:
    """Without the silence around it, but for LEAD_MS and TAIL_MS; faded at both ends."""
    block = SAMPLE_RATE // 100
    blocks = voice[: voice.size // block * block].reshape(-1, block)
    levels = np.sqrt((blocks**2).mean(axis=1)) if blocks.size else np.zeros(0)
    loudest = levels.max(initial=0.0)
    if not loudest:
        return voice[:0]
    audible = np.flatnonzero(levels > loudest * 10 ** (_AUDIBLE_DB / 20))
    start = max(0, audible[0] * block - LEAD_MS * SAMPLE_RATE // 1000)
    end = (audible[-1] + 1) * block + TAIL_MS * SAMPLE_RATE // 1000
    kept = voice[start:end].copy()
    fade = np.linspace(0, 1, min(block, kept.size), dtype=np.float32)
    kept[: fade.size] *= fade
    kept[kept.size - fade.size :] *= fade[::-1]
    return kept


def at_loudness(voice: Samples, lufs: float) -> Samples:
    """The voice at an integrated loudness; peaks may pass full scale."""
    # A word shorter than a block of the meter is measured as if it were said over and over.
    measured = np.resize(voice, max(voice.size, int(_BLOCK_S * SAMPLE_RATE) + 1))
    with warnings.catch_warnings():  # it warns of peaks, which `limit` takes care of
        warnings.simplefilter("ignore")
        loudness = pyloudnorm.Meter(SAMPLE_RATE, block_size=_BLOCK_S).integrated_loudness(measured)
    if not np.isfinite(loudness):
        return voice
    return cast(Samples, voice * np.float32(10 ** ((lufs - loudness) / 20)))


def limit(voice: Samples, ceiling_db: float = CEILING_DBTP) -> Samples:
    """True peaks (between the samples, too) kept under a ceiling by a gain that moves smoothly."""
    ceiling = 10 ** (ceiling_db / 20)
    peaks = true_peaks(voice)
    if peaks.max(initial=0.0) <= ceiling:
        return voice
    allowed = ceiling / np.maximum(peaks, ceiling)
    size = 2 * (_LOOK_AHEAD_MS * SAMPLE_RATE // 1000) + 1
    # The least gain within reach, then its moving average over the same reach: never above what
    # each sample allows, and without a corner that could be heard.
    smooth = uniform_filter1d(minimum_filter1d(allowed, size), size)
    return cast(Samples, (voice * smooth).astype(np.float32))


def true_peaks(voice: Samples) -> Samples:
    """For each sample, the highest peak in it and until the next, at four times the rate."""
    fine = np.abs(resample(voice, SAMPLE_RATE, SAMPLE_RATE * _OVERSAMPLED))
    fine = np.resize(np.pad(fine, (0, _OVERSAMPLED)), voice.size * _OVERSAMPLED)
    return cast(Samples, np.maximum(fine.reshape(-1, _OVERSAMPLED).max(axis=1), np.abs(voice)))
