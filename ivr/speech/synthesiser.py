"""The protocol every speech synthesiser follows."""

from __future__ import annotations

from typing import Protocol


class Synthesiser(Protocol):
    """A loaded voice, shared by all calls."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would sound different (engine, model, speaker, pace).

        Part of the cache key of rendered speech.
        """

    async def synthesise(self, text: str) -> bytes:
        """Speak one sentence of spoken French (already passed through ``spoken.py``).

        Returns 16 kHz signed 16 bit mono at telephone loudness, without clipping, with at most
        80 ms of silence at either end. Never blocks the event loop. Raises EngineError.
        """

    async def close(self) -> None:
        """Release threads and memory."""
