"""A synthesiser for tests: real sound, made in no time, and a record of what it was asked."""

from __future__ import annotations

import threading

import numpy as np

from ivr.audio.form import SAMPLE_RATE
from ivr.audio.pcm import Samples
from ivr.errors import EngineError


class Tones:
    """Says each text as a tone of 10 ms a letter; refuses a text with "xxx" in it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float]] = []
        self.started = threading.Event()
        """Set when a synthesis begins."""
        self.may_go_on = threading.Event()
        """Cleared by a test that wants to look at a synthesis under way."""
        self.may_go_on.set()

    def synthesise(self, text: str, language: str, pace: float) -> tuple[Samples, int]:
        """See Synthesiser."""
        self.asked.append((text, language, pace))
        self.started.set()
        self.may_go_on.wait()
        if "xxx" in text:
            raise EngineError(f"cannot say {text}")
        seconds = len(text) / 100 / pace
        return tone(seconds), SAMPLE_RATE


def tone(seconds: float, level: float = 0.1, rate: int = SAMPLE_RATE) -> Samples:
    """A sine of 440 Hz with a peak of ``level``."""
    at = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
