"""The real voice: loud enough, clean at its ends, and understood over a telephone line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyloudnorm  # type: ignore[import-untyped]
import pytest
from faster_whisper import WhisperModel  # type: ignore[import-untyped]
from rapidfuzz import fuzz

from ivr import models
from ivr.audio.form import SAMPLE_RATE, TELEPHONE_LUFS, duration_ms
from ivr.audio.line import telephone_line
from ivr.audio.pcm import read_wav, to_samples
from ivr.errors import EngineError, ModelError
from ivr.settings import Paths, Settings
from ivr.speech.kokoro import Kokoro
from ivr.speech.loudness import for_telephone, true_peaks
from ivr.speech.spoken import spoken
from ivr.speech.voices import say_to_file

pytestmark = pytest.mark.speech

VOICES = Path(__file__).parent.parent / "voices"
MODELS = Settings().paths.models
HOURS = "La mairie est ouverte du lundi au vendredi, de 8 h 30 à 17 h."


@pytest.fixture(scope="module")
def kokoro() -> Kokoro:
    folder = models.require(MODELS, "kokoro")
    return Kokoro(folder, {"fr": "ff_siwis", "en": "af_heart"}, threads=2)


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    folder = models.require(MODELS, "whisper-base")
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=2)


def say(kokoro: Kokoro, text: str, language: str = "fr", pace: float = 1.0) -> bytes:
    return for_telephone(*kokoro.synthesise(spoken(text, language), language, pace))


def read_back(whisper: WhisperModel, pcm: bytes, language: str = "fr") -> str:
    """What is heard over a telephone line, in small letters."""
    found, _ = whisper.transcribe(to_samples(telephone_line(pcm)), language=language, beam_size=5)
    return " ".join(re.findall(r"\w+", " ".join(one.text for one in found).lower()))


@pytest.mark.parametrize("text", [HOURS, "Oui.", "Un instant, s'il vous plaît !"])
def test_one_loudness_and_no_silence_at_the_ends(kokoro: Kokoro, text: str) -> None:
    voice = to_samples(say(kokoro, text))
    measured = np.resize(voice, max(voice.size, SAMPLE_RATE))
    loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(measured)
    assert loudness == pytest.approx(TELEPHONE_LUFS, abs=1)
    assert 20 * np.log10(true_peaks(voice).max()) < -1
    audible = np.flatnonzero(np.abs(voice) > 0.01)
    assert audible[0] <= 0.08 * SAMPLE_RATE
    assert voice.size - audible[-1] <= 0.15 * SAMPLE_RATE


def test_it_is_understood_over_the_telephone(kokoro: Kokoro, whisper: WhisperModel) -> None:
    heard = read_back(whisper, say(kokoro, HOURS))
    assert fuzz.ratio(heard, "la mairie est ouverte du lundi au vendredi de 8h30 à 17h") > 90


def test_slower_is_longer_and_as_clear(kokoro: Kokoro, whisper: WhisperModel) -> None:
    slow = say(kokoro, HOURS, pace=0.8)
    assert duration_ms(slow) / duration_ms(say(kokoro, HOURS)) == pytest.approx(1.25, abs=0.1)
    assert "du lundi au vendredi" in read_back(whisper, slow)


def test_it_speaks_english(kokoro: Kokoro, whisper: WhisperModel) -> None:
    heard = read_back(whisper, say(kokoro, "The town hall opens at 9:30 am.", "en"), "en")
    assert "town hall opens at" in heard


def test_a_text_longer_than_the_model_takes(
    kokoro: Kokoro, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = duration_ms(say(kokoro, HOURS))
    monkeypatch.setattr("ivr.speech.kokoro.MAX_PHONEME_LENGTH", 60)
    assert len(kokoro.phonemes(HOURS, "fr")) > 60
    assert duration_ms(say(kokoro, HOURS)) == pytest.approx(whole, rel=0.4)


@pytest.mark.parametrize(
    ("text", "sounds"),
    [("le week-end", "lə wikˈɛnd"), ("un parking", "œ̃ paʁkˈiŋ"), ("votre fils", "votʁ fˈis")],
)
def test_borrowed_words_are_said_the_french_way(kokoro: Kokoro, text: str, sounds: str) -> None:
    assert kokoro.phonemes(text, "fr") == sounds


def test_what_cannot_be_said_is_an_error(kokoro: Kokoro) -> None:
    with pytest.raises(EngineError, match="pronounce"):
        kokoro.synthesise("...", "xx", 1.0)
    with pytest.raises(EngineError, match="nothing in"):
        kokoro.synthesise("", "fr", 1.0)


def test_a_damaged_model_and_a_missing_speaker(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ivr models kokoro"):
        Kokoro(tmp_path, {"fr": "ff_siwis"}, 1)
    (tmp_path / "kokoro-v1.0.int8.onnx").write_bytes(b"half a model")
    with pytest.raises(ModelError, match="ivr models kokoro"):
        Kokoro(tmp_path, {"fr": "ff_siwis"}, 1)
    with pytest.raises(ModelError, match=r"speakers there: .*ff_siwis"):
        Kokoro(MODELS / "kokoro", {"fr": "nobody"}, 1)


async def test_say_to_a_file(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(var=tmp_path, voices=VOICES, models=MODELS))
    await say_to_file(settings, "Bonjour. Oui.", tmp_path / "a.wav")
    assert duration_ms(read_wav(tmp_path / "a.wav")) > 800
    with pytest.raises(EngineError, match="nothing to say"):
        await say_to_file(settings, "…", tmp_path / "b.wav")
    with pytest.raises(Exception, match="cannot be written"):
        await say_to_file(settings, "Oui.", tmp_path / "no" / "c.wav")
