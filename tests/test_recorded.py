"""Recordings are heard instead of the synthesiser; bad ones are named and passed over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.audio.form import duration_ms
from ivr.audio.pcm import from_samples, write_wav
from ivr.speech.prompts import SpeechCache, Voice
from ivr.speech.recorded import LIST, Recordings, read_recordings
from tests.tones import Tones, tone


def record(folder: Path, seconds: float = 3, name: str = "bonjour.wav", rate: int = 8_000) -> Path:
    folder.mkdir(exist_ok=True)
    write_wav(folder / name, from_samples(tone(seconds, 0.01)), rate)
    return folder / name


def listed(folder: Path, text: str) -> Path:
    (folder / LIST).write_text(text, encoding="utf-8")
    return folder


ONE = """\
recordings:
  - text: Ouvert le 1er mai.
    file: bonjour.wav
"""


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """A voice's folder with one recording of three seconds."""
    record(tmp_path / "voice")
    return listed(tmp_path / "voice", ONE)


Speak = Callable[[Recordings], SpeechCache]


@pytest.fixture
def tones() -> Tones:
    return Tones()


@pytest.fixture
def speak(tmp_path: Path, tones: Tones) -> Speak:
    return lambda recordings: SpeechCache(
        tmp_path / "speech", Voice(lambda: tones, lambda language: "", recordings=recordings)
    )


async def test_a_recording_is_heard_however_the_sentence_is_written(
    voice: Path, speak: Speak, tones: Tones
) -> None:
    recordings, faults = read_recordings(voice)
    assert not faults
    cache = speak(recordings)
    for written in ("Ouvert le 1er mai.", "Ouvert le premier mai."):
        assert duration_ms(await cache.clip(written)) == pytest.approx(3000, abs=100)
    assert not tones.asked
    await cache.clip("Ouvert le 2 mai.")
    await cache.clip("Ouvert le 1er mai.", "en")
    assert len(tones.asked) == 2


async def test_slower_is_synthesised(voice: Path, speak: Speak, tones: Tones) -> None:
    await speak(read_recordings(voice)[0]).clip("Ouvert le 1er mai.", pace=0.8)
    assert tones.asked == [("Ouvert le premier mai.", "fr", 0.8)]


async def test_a_new_recording_is_heard_at_once(voice: Path, speak: Speak) -> None:
    cache = speak(read_recordings(voice)[0])
    await cache.clip("Ouvert le 1er mai.")
    record(voice, seconds=1)
    assert duration_ms(await cache.clip("Ouvert le 1er mai.")) == pytest.approx(1000, abs=100)


async def test_a_recording_that_has_gone_is_synthesised(
    voice: Path, speak: Speak, tones: Tones, caplog: pytest.LogCaptureFixture
) -> None:
    recordings, _ = read_recordings(voice)
    (voice / "bonjour.wav").unlink()
    with caplog.at_level(logging.WARNING):
        assert await speak(recordings).clip("Ouvert le 1er mai.")
    assert "bonjour.wav: no such file; synthesised instead" in caplog.text
    assert len(tones.asked) == 1


def test_a_voice_without_recordings(tmp_path: Path) -> None:
    assert read_recordings(tmp_path / "nowhere") == (Recordings(), [])


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (ONE + "  - text: Bonjour.\n    file: x.mp3\n", 4, "x.mp3: not a WAV file (MP3)"),
        (ONE + "  - text: Bonjour.\n    file: none.wav\n", 4, "none.wav: no such file"),
        (ONE + "  - text: Bonjour. Oui.\n    file: bonjour.wav\n", 4, "une seule phrase"),
        (ONE + "  - text: Ouvert le premier mai.\n    file: bonjour.wav\n", 4, "est déjà"),
        (ONE + "  - text: Bonjour.\n", 4, "il manque le champ « file »"),
        (ONE + "  - {text: A, fichier: b}\n", 4, "le champ « fichier » n'existe pas"),
        ("recordings: [", 2, "ponctuation manquante"),
    ],
)
def test_bad_ones_are_named(voice: Path, text: str, line: int, told: str) -> None:
    (voice / "x.mp3").write_bytes(b"ID3\x04 and so on")
    _, faults = read_recordings(listed(voice, text))
    assert any(fault.line == line and told in str(fault) for fault in faults), faults
    assert all(str(voice / LIST) in str(fault) for fault in faults)


async def test_bad_ones_do_not_spoil_the_good_ones(voice: Path) -> None:
    recordings, faults = read_recordings(
        listed(voice, ONE + "  - text: Bonjour.\n    file: none.wav\n")
    )
    assert len(faults) == 1
    assert recordings.find("Ouvert le premier mai.", "fr") == voice / "bonjour.wav"
