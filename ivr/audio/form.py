"""The one audio format used inside: signed 16 bit, mono, at SAMPLE_RATE."""

from __future__ import annotations

import struct

SAMPLE_RATE = 16_000
"""Hz. Asterisk's slin16; a narrow-band telephone line is upsampled to it by Asterisk."""
FRAME_MS = 20
"""Milliseconds in one frame, as Asterisk sends them."""
FRAME_BYTES = SAMPLE_RATE * FRAME_MS // 1000 * 2
"""Bytes in one frame: 640."""
WAV_HEADER_BYTES = 44
"""Bytes before the sound in the WAV files that we write."""
TELEPHONE_LUFS = -20.0
"""How loud speech is on a line (ITU-R BS.1770): a little above Asterisk's own French prompts (-23
in the median), which are a little faint beside a human voice."""
PCM = 1
"""The tag of uncompressed sound in a WAV file."""


def duration_ms(pcm: bytes) -> int:
    """Length of signed 16 bit mono audio at SAMPLE_RATE, in milliseconds, rounded down."""
    return len(pcm) // 2 * 1000 // SAMPLE_RATE


def silence(ms: int) -> bytes:
    """Digital silence of ``ms`` milliseconds."""
    return bytes(SAMPLE_RATE * ms // 1000 * 2)


def wav_header(data_bytes: int, rate: int = SAMPLE_RATE) -> bytes:
    """What precedes so many bytes of 16 bit mono sound in a WAV file: WAV_HEADER_BYTES."""
    form = struct.pack("<IHHIIHH", 16, PCM, 1, rate, rate * 2, 2, 16)
    riff = struct.pack("<4sI4s4s", b"RIFF", data_bytes + WAV_HEADER_BYTES - 8, b"WAVE", b"fmt ")
    return riff + form + struct.pack("<4sI", b"data", data_bytes)
