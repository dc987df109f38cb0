"""What a telephone line does to a voice: narrow band, noise, A-law."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ivr.audio.form import SAMPLE_RATE
from ivr.audio.pcm import Samples, from_samples, level, resample, to_samples

LINE_RATE = 8_000
"""Hz: samples a second on a G.711 line."""
BAND_HZ = (300.0, 3_400.0)
"""What a telephone line carries (ITU-T G.712)."""
_ACTIVE_DB = 30.0
_ALAW = 87.6


def telephone_line(
    pcm: bytes, *, snr_db: float | None = None, noise_seed: int = 0, noise: bytes | None = None
) -> bytes:
    """Pass a voice (16 kHz, 16 bit, mono) through a line and back; same length and rate.

    ``snr_db`` is the level of the voice (where there is voice) above that of the noise, in dB;
    None for a quiet line. The noise is ``noise``, repeated as needed, or else pink noise.
    """
    voice = resample(to_samples(pcm), SAMPLE_RATE, LINE_RATE)
    if snr_db is not None:
        hiss = (
            pink_noise(voice.size, noise_seed)
            if noise is None
            else np.resize(resample(to_samples(noise), SAMPLE_RATE, LINE_RATE), voice.size)
        )
        wanted = active_level(voice, LINE_RATE) - snr_db
        voice = voice + hiss * np.float32(10 ** ((wanted - level(hiss)) / 20))
    coded = alaw(_band_pass(voice))
    wide = resample(coded, LINE_RATE, SAMPLE_RATE)
    return from_samples(np.resize(np.pad(wide, (0, 64)), len(pcm) // 2))


def active_level(samples: Samples, rate: int) -> float:
    """Level in dBFS of the parts within 30 dB of the loudest 20 ms: the voice without pauses."""
    size = rate // 50
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    if not blocks.size:
        return level(samples)
    power = (blocks.astype(np.float64) ** 2).mean(axis=1)
    return level(blocks[power >= power.max() * 10 ** (-_ACTIVE_DB / 10)].reshape(-1))


def pink_noise(samples: int, seed: int = 0) -> Samples:
    """Noise with equal power in each octave, like that of rooms and streets, peak 1.0."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(max(samples, 2)))
    spectrum /= np.sqrt(np.arange(spectrum.size) + 1)
    noise: Samples = np.fft.irfft(spectrum, max(samples, 2))[:samples].astype(np.float32)
    peak = max(float(np.abs(noise).max(initial=0)), 1e-9)
    return noise * np.float32(1 / peak)


def alaw(samples: Samples) -> Samples:
    """Through A-law coding (ITU-T G.711) and back: 8 bits a sample, on a logarithmic scale."""
    size = np.minimum(np.abs(samples), 1)
    straight = size < 1 / _ALAW
    curved = 1 + np.log(np.maximum(size, 1 / _ALAW) * _ALAW)
    coded = np.where(straight, size * _ALAW, curved) / (1 + np.log(_ALAW))
    steps = (np.floor(coded * 127.999) + 0.5) / 128 * (1 + np.log(_ALAW))
    back = np.where(steps < 1, steps, np.exp(np.maximum(steps, 1) - 1)) / _ALAW
    heard: Samples = (np.sign(samples) * back).astype(np.float32)
    return heard


def _band_pass(samples: Samples) -> Samples:
    """Only BAND_HZ, with skirts of 100 Hz below and 200 Hz above, without a shift in time."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(samples.size, 1 / LINE_RATE)
    low, high = BAND_HZ
    rise: npt.NDArray[np.float64] = np.clip((hertz - (low - 100)) / 100, 0, 1)
    fall: npt.NDArray[np.float64] = np.clip(((high + 200) - hertz) / 200, 0, 1)
    passed: Samples = np.fft.irfft(spectrum * rise * fall, samples.size).astype(np.float32)
    return passed
