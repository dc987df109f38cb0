"""Conversions to and from the one audio format used inside (`ivr.audio.form`)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

from ivr.audio.form import PCM, SAMPLE_RATE, wav_header
from ivr.errors import AudioFormatError

SILENT_DBFS = -100.0
"""What `dbfs` gives for digital silence."""

Samples = npt.NDArray[np.float32]
"""Mono samples from -1.0 to 1.0."""

_WANTED = "wanted: an uncompressed (PCM) WAV file, 8 to 32 bits, 1 or 2 channels, 4 to 192 kHz"
_FLOAT, _EXTENSIBLE = 3, 0xFFFE
_FORMAT_NAMES = {
    2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM", 0x50: "MPEG", 0x55: "MP3",
}  # fmt: skip
_OTHER_FILES = {
    b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC",
    b"FORM": "AIFF", b"RIFX": "big-endian RIFF", b"RF64": "RF64", b"#!AMR": "AMR",
}  # fmt: skip


def to_samples(pcm: bytes) -> Samples:
    """Signed 16 bit audio as floats; an odd last byte is dropped."""
    return _scaled(np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2), 2**15)


def from_samples(samples: npt.NDArray[np.floating]) -> bytes:
    """Floats as signed 16 bit audio; what lies beyond full scale is clipped."""
    whole: npt.NDArray[np.int16] = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
    return whole.tobytes()


def dbfs(pcm: bytes) -> float:
    """Root-mean-square level in dB below full scale, SILENT_DBFS to 0.0; silence when empty."""
    return level(to_samples(pcm))


def level(samples: Samples) -> float:
    """Like `dbfs`, for samples."""
    if not samples.size:
        return SILENT_DBFS
    power = float(np.dot(samples, samples)) / samples.size
    return max(SILENT_DBFS, 10 * np.log10(power)) if power > 0 else SILENT_DBFS


def gain(pcm: bytes, db: float) -> bytes:
    """Louder (positive) or softer (negative) by ``db`` decibels; clips at full scale."""
    return from_samples(to_samples(pcm) * 10 ** (db / 20))


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Samples at another rate, with a high-quality anti-aliasing filter."""
    if from_hz == to_hz or not samples.size:
        return samples
    return np.asarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), dtype=np.float32)


def write_wav(path: Path, pcm: bytes, rate: int = SAMPLE_RATE) -> None:
    """Write audio at SAMPLE_RATE as a 16 bit mono WAV file at ``rate`` Hz."""
    data = (
        pcm if rate == SAMPLE_RATE else from_samples(resample(to_samples(pcm), SAMPLE_RATE, rate))
    )
    path.write_bytes(wav_header(len(data), rate) + data)


def read_wav(path: Path) -> bytes:
    """Read a WAV file of any PCM width and rate, mono or stereo, into the inner format.

    Raises AudioFormatError telling what was found and what is wanted.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise AudioFormatError(f"{path}: no such file") from error
    except OSError as error:
        raise AudioFormatError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return _decode(content)
    except _Unusable as error:
        raise AudioFormatError(f"{path}: {error}; {_WANTED}") from error


class _Unusable(Exception):
    """What is wrong with the content of a WAV file."""


class _Form(NamedTuple):
    """A WAV file's ``fmt `` chunk."""

    tag: int
    channels: int
    rate: int
    bits: int


def _decode(content: bytes) -> bytes:
    form, data = _chunks(content)
    if form.tag not in (PCM, _FLOAT):
        name = _FORMAT_NAMES.get(form.tag, f"format 0x{form.tag:04x}")
        raise _Unusable(f"compressed sound ({name})")
    if form.channels not in (1, 2):
        raise _Unusable(f"{form.channels} channels")
    if form.bits not in ((32, 64) if form.tag == _FLOAT else (8, 16, 24, 32)):
        raise _Unusable(f"{form.bits} bits a sample")
    if not 4_000 <= form.rate <= 192_000:
        raise _Unusable(f"{form.rate} samples a second")
    width = form.bits // 8 * form.channels
    data = data[: len(data) // width * width]
    if not data:
        raise _Unusable("no sound in it")
    samples = _samples(form, data)
    if form.channels == 2:
        samples = samples.reshape(-1, 2).mean(axis=1, dtype=np.float32)
    return from_samples(resample(np.nan_to_num(samples), form.rate, SAMPLE_RATE))


def _samples(form: _Form, data: bytes) -> Samples:
    """Interleaved samples of all channels."""
    if form.tag == _FLOAT:
        return np.frombuffer(data, dtype=f"<f{form.bits // 8}").astype(np.float32)
    if form.bits == 8:  # the only unsigned one
        return _scaled(np.frombuffer(data, dtype=np.uint8).astype(np.int16) - 128, 2**7)
    if form.bits == 24:  # widened to 32 bits, with a zero as the lowest byte
        wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
        return _scaled(wide.reshape(-1).view("<i4"), 2**31)
    return _scaled(np.frombuffer(data, dtype=f"<i{form.bits // 8}"), 2 ** (form.bits - 1))


def _scaled(whole: npt.NDArray[np.integer], full_scale: int) -> Samples:
    return whole.astype(np.float32) * np.float32(1 / full_scale)


def _chunks(content: bytes) -> tuple[_Form, bytes]:
    """The format and the sound of a RIFF file."""
    if not content:
        raise _Unusable("empty file")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        known = (name for magic, name in _OTHER_FILES.items() if content.startswith(magic))
        raise _Unusable(f"not a WAV file ({next(known, 'unknown kind')})")
    form: _Form | None = None
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        body = content[at : at + size]
        if name == b"data":
            if form is None:
                raise _Unusable("damaged: sound before its format")
            # Written to a pipe, a file does not know its own length and says "all of it".
            if len(body) < size < 0x7FFF_0000:
                raise _Unusable(f"cut short: {len(body)} of {size} bytes of sound are there")
            return form, body
        if name == b"fmt ":
            if len(body) < 16:
                raise _Unusable("damaged: its format is cut short")
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if tag == _EXTENSIBLE and len(body) >= 26:
                tag = struct.unpack_from("<H", body, 24)[0]
            form = _Form(tag, channels, rate, bits)
        at += size + size % 2
    raise _Unusable("cut short: no sound in it" if form else "damaged: no format in it")
