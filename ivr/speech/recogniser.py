"""The protocol every speech recogniser follows: one shared engine, one session per utterance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ivr.events import Expecting


@dataclass(frozen=True)
class Hint:
    """What is likely to be said, for engines that can use it; others ignore it."""

    phrases: Sequence[str] = ()
    """A closed list of phrases (Vosk grammar); empty means anything may be said."""
    language: str = "fr"
    """ISO 639-1."""
    expecting: Expecting = "request"


@dataclass(frozen=True)
class Transcript:
    """The final result for one utterance."""

    text: str
    """Empty when nothing intelligible was said."""
    confidence: float
    """0.0 to 1.0."""
    audio_ms: int
    """Length of the audio that was heard, in milliseconds."""
    took_ms: int
    """Time from the request for the final result to having it, in milliseconds."""
    others: Sequence[str] = ()
    """What else may have been said: less likely hypotheses, and those of a second hearing of the
    same sound, where an engine has time for one. Each has faults of its own."""


class UtteranceSession(Protocol):
    """One utterance of one caller. Used by one task; never shared."""

    @property
    def partial(self) -> str:
        """The text so far; may stay empty with engines that do not stream."""

    async def feed(self, pcm: bytes) -> None:
        """Add audio (16 kHz, signed 16 bit, mono). Never blocks the event loop.

        Raises Saturated when the engine cannot keep up, EngineError when it failed.
        """

    async def transcript(self) -> Transcript:
        """Transcribe all that was fed so far.

        May be called more than once: a caller who goes on after a short pause is fed on, and the
        earlier transcript is dropped. Raises Saturated or EngineError.
        """

    async def close(self) -> None:
        """Release what the session holds; pending work is dropped. Safe to call twice."""


class Recogniser(Protocol):
    """A loaded engine, shared by all calls."""

    @property
    def name(self) -> str:
        """Engine and model, for logs and reports, such as ``whisper base int8``."""

    @property
    def streams(self) -> bool:
        """Whether it works while audio is fed, so that a transcript asked early gains nothing."""

    def session(self, hint: Hint | None = None) -> UtteranceSession:
        """A new session. Cheap; does no inference."""

    async def close(self) -> None:
        """Release threads and memory."""
