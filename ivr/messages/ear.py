"""When a message is over, and whether anything was said in it: fed with frames, no clock."""

from __future__ import annotations

from ivr.audio.endpointing import Endpointer, Rules, Signal
from ivr.audio.form import FRAME_BYTES, FRAME_MS
from ivr.audio.pcm import dbfs
from ivr.settings import Messages

NOTHING_SAID_MS = 8_000
"""Silence after the beep after which nobody is going to speak."""
LOUD_DBFS, LOUD_MS = -45.0, 400
"""Sound of this level, for so long in all, is something: a faint voice is kept, a bad line not."""
TAIL_MS = 500
"""Of the silence that ended a message, this much is kept."""


class Ear:
    """Hears one message."""

    def __init__(self, settings: Messages) -> None:
        self._longest_ms = round(settings.longest * 1000)
        end_ms = round(settings.silence * 1000)
        rules = Rules(end_ms=end_ms, longest_ms=self._longest_ms + end_ms)
        self._endpointer = Endpointer(rules)
        self._heard_ms = 0
        self._loud_ms = 0
        self._silence_ms = 0
        self._begun = False

    @property
    def said_something(self) -> bool:
        """Whether there is anything to keep."""
        return self._loud_ms >= LOUD_MS

    @property
    def too_long(self) -> bool:
        """Whether the message has lasted as long as one may."""
        return self._heard_ms >= self._longest_ms

    @property
    def sound_bytes(self) -> int:
        """How much of what was heard is worth keeping: all but the silence that ended it."""
        ms = self._heard_ms - max(0, self._silence_ms - TAIL_MS)
        return ms // FRAME_MS * FRAME_BYTES

    def hear(self, pcm: bytes, probability: float) -> bool:
        """One more frame, with the probability of speech in it; True once the message is over."""
        self._heard_ms += FRAME_MS
        self._loud_ms += loud_ms(pcm)
        signal = self._endpointer.hear(FRAME_MS, probability)
        self._begun = self._begun or signal is Signal.BEGUN
        if signal in (Signal.ENDED, Signal.TOO_LONG):
            self._silence_ms = self._endpointer.pause_ms
            return True
        nothing = not self._begun and not self.said_something
        return self.too_long or (nothing and self._heard_ms >= NOTHING_SAID_MS)


def loud_ms(pcm: bytes) -> int:
    """How much of a sound is loud enough to be something, in ms."""
    frames = range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
    return FRAME_MS * sum(dbfs(pcm[at : at + FRAME_BYTES]) >= LOUD_DBFS for at in frames)
