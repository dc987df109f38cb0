"""The one audio format used inside, and conversions to and from it."""

from __future__ import annotations

SAMPLE_RATE = 16_000
"""Hz. Asterisk's slin16; a narrow-band telephone line is upsampled to it by Asterisk."""
FRAME_MS = 20
"""Milliseconds in one frame, as Asterisk sends them."""
FRAME_BYTES = SAMPLE_RATE * FRAME_MS // 1000 * 2
"""Bytes in one frame: 640."""


def duration_ms(pcm: bytes) -> int:
    """Length of signed 16 bit mono audio at SAMPLE_RATE, in milliseconds, rounded down."""
    return len(pcm) // 2 * 1000 // SAMPLE_RATE
