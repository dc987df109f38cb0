"""Whatever comes in goes out at one loudness, without silence around it and without clipping."""

import numpy as np
import pyloudnorm  # type: ignore[import-untyped]
import pytest

from ivr.audio.form import SAMPLE_RATE, duration_ms
from ivr.audio.pcm import Samples, to_samples
from ivr.speech.loudness import LEAD_MS, TAIL_MS, for_telephone, limit, true_peaks
from tests.tones import tone


def loudness(voice: Samples) -> float:
    return float(pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(voice))


def bursts(level: float = 0.1) -> Samples:
    """A voice with sharp peaks: 20 dB above what lies between them."""
    voice = tone(2, level / 10)
    for start in range(0, voice.size, 1600):
        voice[start : start + 80] *= 10
    return voice


@pytest.mark.parametrize("level", [0.001, 0.1, 1.0, 4.0])
@pytest.mark.parametrize("lufs", [-26.0, -20.0])
def test_any_level_becomes_the_same(level: float, lufs: float) -> None:
    voice = to_samples(for_telephone(tone(2, level, 24_000), 24_000, lufs))
    assert loudness(voice) == pytest.approx(lufs, abs=0.3)


def test_a_word_shorter_than_the_meter_needs() -> None:
    word, sentence = (to_samples(for_telephone(tone(s), SAMPLE_RATE)) for s in (0.2, 2))
    assert np.abs(word).max() == pytest.approx(np.abs(sentence).max(), rel=0.05)


def test_the_silence_around_is_cut() -> None:
    quiet = np.zeros(SAMPLE_RATE, dtype=np.float32)
    clip = for_telephone(np.concatenate([quiet, tone(1), quiet]), SAMPLE_RATE)
    assert 1000 <= duration_ms(clip) <= 1000 + LEAD_MS + TAIL_MS + 20


@pytest.mark.parametrize("nothing", [0, 10, 16_000])
def test_silence_gives_nothing(nothing: int) -> None:
    assert for_telephone(np.zeros(nothing, dtype=np.float32), SAMPLE_RATE) == b""


def test_peaks_are_limited_and_the_rest_left_alone() -> None:
    voice = to_samples(for_telephone(bursts(), SAMPLE_RATE, -14))
    assert 20 * np.log10(true_peaks(voice).max()) <= -1
    assert loudness(voice) == pytest.approx(-14, abs=3)


def test_what_needs_no_limit_is_the_same() -> None:
    voice = tone(1, 0.5)
    assert limit(voice) is voice


def test_a_limited_sine_stays_a_sine() -> None:
    voice, limited = tone(1, 1.4), limit(tone(1, 1.4))
    middle = slice(1600, -1600)
    scale = float(np.abs(limited[middle]).max() / np.abs(voice[middle]).max())
    assert np.abs(limited[middle] - voice[middle] * scale).max() < 0.01
