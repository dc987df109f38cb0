"""Endpointing: rules on written probabilities, and the real detector on real sound."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.audio.endpointing import Endpointer, Rules, Signal, utterances
from ivr.audio.form import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, silence
from ivr.audio.line import pink_noise, telephone_line
from ivr.audio.pcm import dbfs, from_samples, gain
from ivr.audio.vad import NoiseFloor, VoiceDetector

RULES = Rules(begin_ms=100, pause_ms=240, end_ms=560, longest_ms=3_000)
BARGE_IN = Rules(begin_ms=200, begin_at=0.6)


def run(script: str, rules: Rules = RULES) -> list[tuple[int, Signal]]:
    """Signals with their times for "sound 300, quiet 600" …"""
    ear, now, found = Endpointer(rules), 0, []
    for part in script.split(","):
        kind, ms = part.split()
        for _ in range(int(ms) // FRAME_MS):
            now += FRAME_MS
            signal = ear.hear(FRAME_MS, {"sound": 0.9, "quiet": 0.1, "murmur": 0.4}[kind])
            if signal:
                found.append((now, signal))
    return found


def test_an_utterance_begins_pauses_and_ends() -> None:
    assert run("quiet 500, sound 300, quiet 1000") == [
        (600, Signal.BEGUN),
        (1040, Signal.PAUSED),
        (1360, Signal.ENDED),
    ]


def test_who_goes_on_after_a_pause_is_not_cut() -> None:
    assert run("sound 200, quiet 400, sound 200, quiet 600") == [
        (100, Signal.BEGUN),
        (440, Signal.PAUSED),
        (660, Signal.RESUMED),
        (1040, Signal.PAUSED),
        (1360, Signal.ENDED),
    ]


@pytest.mark.parametrize("click", ["sound 20", "sound 40"])
def test_a_click_does_not_end_a_pause(click: str) -> None:
    found = run(f"sound 200, quiet 300, {click}, quiet 600")
    assert [signal for _, signal in found] == [Signal.BEGUN, Signal.PAUSED, Signal.ENDED]
    assert found[-1][0] == 200 + 560


def test_short_noises_are_not_the_beginning_of_speech() -> None:
    assert run("sound 80, quiet 200, sound 80, quiet 200, sound 80, quiet 900") == []


def test_speech_may_begin_with_gaps() -> None:
    assert run("sound 60, quiet 20, sound 60")[0] == (120, Signal.BEGUN)


def test_a_murmur_goes_on_but_does_not_begin() -> None:
    assert run("murmur 2000") == []
    assert run("sound 200, murmur 1000, quiet 600")[-1] == (1200 + 560, Signal.ENDED)


def test_barge_in_needs_twice_as_much() -> None:
    assert run("sound 180, quiet 500", BARGE_IN) == []
    assert run("sound 300", BARGE_IN) == [(200, Signal.BEGUN)]


def test_endless_speech_is_cut_and_found_again() -> None:
    assert run("sound 7000") == [
        (100, Signal.BEGUN),
        (3000, Signal.TOO_LONG),
        (3100, Signal.BEGUN),
        (6000, Signal.TOO_LONG),
        (6100, Signal.BEGUN),
    ]


def test_what_it_knows_of_an_utterance() -> None:
    ear = Endpointer(RULES)
    for probability in [0.9] * 20 + [0.0] * 10 + [0.9] * 5 + [0.0] * 28:
        ear.hear(FRAME_MS, probability)
    assert not ear.within
    assert (ear.age_ms, ear.speech_ms, ear.pause_ms) == (1260, 500, 560)


# --- the noise of the line -----------------------------------------------------------------------


def floor_after(levels: list[float]) -> float:
    noise = NoiseFloor()
    for level in levels:
        noise.hear(level)
    return noise.dbfs


def test_the_noise_floor_follows_the_line_in_three_seconds() -> None:
    assert floor_after([-40.0] * 200) == pytest.approx(-40)
    assert floor_after([-40.0] * 200 + [-55.0] * 10) == pytest.approx(-55)


def test_speech_does_not_raise_the_noise_floor() -> None:
    words = ([-15.0] * 40 + [-50.0] * 6) * 10
    assert floor_after([-50.0] * 50 + words) == pytest.approx(-50)


def test_a_digital_line_has_a_floor_too() -> None:
    assert floor_after([-100.0] * 200) == NoiseFloor.QUIETEST


# --- the real detector on sound ------------------------------------------------------------------


def begins(pcm: bytes, rules: Rules) -> bool:
    voice, ear = VoiceDetector(), Endpointer(rules)
    frames = range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
    return any(ear.hear(FRAME_MS, voice.hear(pcm[at : at + FRAME_BYTES])) for at in frames)


def cough(seed: int) -> bytes:
    """A burst of noise through three formants, sudden at first, dying away."""
    dice = np.random.default_rng(seed)
    size = int(SAMPLE_RATE * dice.uniform(0.12, 0.35))
    spectrum = np.fft.rfft(dice.standard_normal(size))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    formants = ((500, 250), (1500, 400), (2600, 500))
    spectrum *= sum(np.exp(-(((hertz - at) / width) ** 2)) for at, width in formants)
    sound = np.fft.irfft(spectrum, size) * np.exp(-np.arange(size) / size * 3.5)
    return from_samples(sound / np.abs(sound).max() * 0.5)


@pytest.mark.parametrize("level", [-60, -40, -20])
def test_line_noise_is_not_speech(level: int) -> None:
    noise = from_samples(pink_noise(SAMPLE_RATE * 8))
    assert not begins(telephone_line(gain(noise, level - dbfs(noise))), RULES)


def test_noise_that_suddenly_gets_louder_is_not_speech() -> None:
    noise = from_samples(pink_noise(SAMPLE_RATE * 4))
    assert not begins(telephone_line(gain(noise, -30) + noise + gain(noise, -10)), RULES)


@pytest.mark.parametrize("rules", [RULES, BARGE_IN])
def test_a_cough_is_not_speech(rules: Rules) -> None:
    pcm = b"".join(silence(800) + cough(seed) for seed in range(8))
    assert not begins(telephone_line(pcm, snr_db=25), rules)


def test_keys_and_clicks_are_not_speech() -> None:
    time = np.arange(SAMPLE_RATE // 5) / SAMPLE_RATE
    key = from_samples(0.2 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1336 * time)))
    click = from_samples(np.array([0.0, 0.9, -0.9, 0.5]))
    assert not begins(telephone_line(silence(500) + click + silence(500) + key), BARGE_IN)


def test_a_recording_of_silence_has_no_utterances() -> None:
    assert list(utterances(silence(2000), RULES)) == []
    assert list(utterances(b"", RULES)) == []
