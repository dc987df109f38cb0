"""Sound files in any PCM form come in as one format; others are refused in plain words."""

from __future__ import annotations

import contextlib
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio import line, pcm
from ivr.audio.form import SAMPLE_RATE, duration_ms, silence
from ivr.errors import AudioFormatError


def tone(hertz: float, ms: int, amplitude: float = 0.5, rate: int = SAMPLE_RATE) -> pcm.Samples:
    at = np.arange(rate * ms // 1000) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def riff(tag: int, channels: int, rate: int, bits: int, data: bytes, extra: bytes = b"") -> bytes:
    form = struct.pack(
        "<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits
    )
    chunks = b"fmt " + struct.pack("<I", len(form + extra)) + form + extra
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # odd length: padded
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def encoded(samples: pcm.Samples, bits: int) -> bytes:
    whole = np.rint(samples.astype(np.float64) * (2 ** (bits - 1) - 1)).astype(np.int64)
    if bits == 8:
        return bytes((whole + 128).astype(np.uint8))
    return b"".join(int(v).to_bytes(bits // 8, "little", signed=True) for v in whole)


def likeness(a: bytes, b: bytes) -> float:
    """Correlation of two sounds, 1.0 when they are the same."""
    x, y = pcm.to_samples(a), pcm.to_samples(b)
    n = min(x.size, y.size)
    return float(np.corrcoef(x[:n], y[:n])[0, 1])


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_pcm_form_is_read(tmp_path: Path, bits: int, rate: int, channels: int) -> None:
    sound = np.repeat(tone(440, 300, rate=rate), channels)
    file = tmp_path / "a.wav"
    file.write_bytes(riff(1, channels, rate, bits, encoded(sound, bits)))
    read = pcm.read_wav(file)
    assert abs(duration_ms(read) - 300) <= 1
    assert likeness(read, pcm.from_samples(tone(440, 300))) > 0.99


def test_float_and_extensible_forms_are_read(tmp_path: Path) -> None:
    sound = tone(440, 100)
    file = tmp_path / "a.wav"
    file.write_bytes(riff(3, 1, 16_000, 32, sound.astype("<f4").tobytes()))
    assert likeness(pcm.read_wav(file), pcm.from_samples(sound)) > 0.999
    extension = struct.pack("<HHIH", 22, 16, 0, 1) + bytes(14)
    file.write_bytes(riff(0xFFFE, 1, 16_000, 16, encoded(sound, 16), extension))
    assert likeness(pcm.read_wav(file), pcm.from_samples(sound)) > 0.999


def test_a_file_written_to_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    content = riff(1, 1, 16_000, 16, encoded(tone(440, 100), 16))
    at = content.index(b"data") + 4
    file = tmp_path / "a.wav"
    file.write_bytes(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])
    assert duration_ms(pcm.read_wav(file)) == 100


GOOD = riff(1, 1, 8_000, 16, encoded(tone(440, 100, rate=8_000), 16))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty file"),
        (b"ID3\x04" + bytes(40), "not a WAV file (MP3)"),
        (b"OggS" + bytes(40), "not a WAV file (Ogg)"),
        (b"<html>no such page</html>", "not a WAV file (unknown kind)"),
        (riff(7, 1, 8_000, 8, bytes(80)), "compressed sound (mu-law)"),
        (riff(6, 1, 8_000, 8, bytes(80)), "compressed sound (A-law)"),
        (riff(0x1234, 1, 8_000, 8, bytes(80)), "compressed sound (format 0x1234)"),
        (riff(1, 6, 8_000, 16, bytes(96)), "6 channels"),
        (riff(1, 1, 8_000, 12, bytes(80)), "12 bits a sample"),
        (riff(1, 1, 100, 16, bytes(80)), "100 samples a second"),
        (riff(1, 1, 8_000, 16, b""), "no sound in it"),
        (GOOD[:-200], "cut short: 1400 of 1600 bytes of sound are there"),
        (GOOD[:40], "cut short: no sound in it"),
        (GOOD[:20], "damaged: its format is cut short"),
        (GOOD[:12], "damaged: no format in it"),
    ],
)
def test_other_files_are_refused_in_plain_words(tmp_path: Path, content: bytes, found: str) -> None:
    file = tmp_path / "bad.wav"
    file.write_bytes(content)
    with pytest.raises(AudioFormatError) as error:
        pcm.read_wav(file)
    assert str(error.value).startswith(f"{file}: {found}; wanted: an uncompressed (PCM) WAV")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFormatError, match="no such file"):
        pcm.read_wav(tmp_path / "none.wav")
    with pytest.raises(AudioFormatError, match="cannot be read: Is a directory"):
        pcm.read_wav(tmp_path)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "junk.wav"
    file.write_bytes(GOOD[:at] + junk)
    with contextlib.suppress(AudioFormatError):
        assert len(pcm.read_wav(file)) % 2 == 0


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_what_is_written_is_read_back_by_us_and_by_others(tmp_path: Path, rate: int) -> None:
    sound = pcm.from_samples(tone(700, 500))
    file = tmp_path / "a.wav"
    pcm.write_wav(file, sound, rate)
    assert likeness(pcm.read_wav(file), sound) > 0.999
    with wave.open(str(file)) as other:
        assert (other.getframerate(), other.getnchannels(), other.getsampwidth()) == (rate, 1, 2)
        assert other.getnframes() == rate // 2


def test_levels_are_in_decibels_below_full_scale() -> None:
    sound = pcm.from_samples(tone(1000, 100))
    assert pcm.dbfs(sound) == pytest.approx(-9.03, abs=0.05)
    assert pcm.dbfs(pcm.gain(sound, -20)) == pytest.approx(-29.03, abs=0.05)
    assert pcm.dbfs(silence(20)) == pcm.dbfs(b"") == pcm.SILENT_DBFS


@given(st.binary(max_size=400))
def test_samples_go_there_and_back(raw: bytes) -> None:
    assert pcm.from_samples(pcm.to_samples(raw)) == raw[: len(raw) // 2 * 2]


def test_a_line_carries_the_voice_band_only() -> None:
    def loss(hertz: float) -> float:
        sound = pcm.from_samples(tone(hertz, 1000))
        passed = line.telephone_line(sound)
        assert len(passed) == len(sound)
        return pcm.dbfs(sound) - pcm.dbfs(passed)

    assert abs(loss(1000)) < 0.5
    assert abs(loss(3000)) < 0.5
    assert loss(100) > 30
    assert loss(5000) > 30


@pytest.mark.parametrize("snr", [0, 10, 20])
def test_line_noise_is_at_the_level_asked_for(snr: int) -> None:
    voice = tone(1000, 2001)
    sound = pcm.from_samples(voice)
    clean, noisy = line.telephone_line(sound), line.telephone_line(sound, snr_db=snr)
    hiss = pcm.level(pcm.to_samples(noisy) - pcm.to_samples(clean))
    # Part of pink noise lies below 300 Hz, which the line does not carry.
    assert snr - 1 < pcm.dbfs(clean) - hiss < snr + 6
    assert noisy == line.telephone_line(sound, snr_db=snr)
    assert noisy != line.telephone_line(sound, snr_db=snr, noise_seed=1)


def test_a_law_keeps_about_38_decibels() -> None:
    voice = tone(1000, 500, amplitude=0.3)
    lost = pcm.level(line.alaw(voice) - voice)
    assert 34 < pcm.level(voice) - lost < 42


def test_pauses_do_not_count_in_the_level_of_a_voice() -> None:
    voice = np.concatenate([tone(1000, 500), np.zeros(16_000, np.float32)])
    assert line.active_level(voice, SAMPLE_RATE) == pytest.approx(-9.03, abs=0.05)
    assert line.active_level(np.zeros(10, np.float32), 8_000) == pcm.SILENT_DBFS
