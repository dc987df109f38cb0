"""The protocol every speech synthesiser follows."""

from __future__ import annotations

from typing import Protocol

from ivr.audio.pcm import Samples


class Synthesiser(Protocol):
    """A loaded engine with its speakers, shared by all calls, and used from one thread at a time.

    It only makes sound: trimming, rate and loudness are the same for all (``loudness.py``), and
    clips are kept by ``prompts.py``.
    """

    def synthesise(self, text: str, language: str, pace: float) -> tuple[Samples, int]:
        """Speak one sentence that has been through ``spoken.py``; blocks while it computes.

        language: ISO 639-1. pace: 1.0 is the speaker's own, 0.8 slower. Returns samples and their
        rate in Hz. Raises EngineError.
        """
