"""What a person sends down the line: its noise without end, with words over it."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np

from ivr.audio.form import FRAME_BYTES, FRAME_MS, SAMPLE_RATE
from ivr.testcaller.timeline import FRAME_S, QUIETEST, Segment, level

SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
"""In a frame."""
AUDIBLE = -50.0
"""dBFS; quieter beginnings and ends of what is said do not count as said."""
_NOISE = np.random.default_rng(112).standard_normal(SAMPLES * 150)


class Utterance:
    """Something to say, frame by frame, and when each frame had left."""

    def __init__(self, pcm: bytes) -> None:
        pcm += bytes(-len(pcm) % FRAME_BYTES)
        self.frames = [pcm[n : n + FRAME_BYTES] for n in range(0, len(pcm), FRAME_BYTES)]
        self.taken = 0
        self.ends: list[float] = []
        self.done = asyncio.Event()

    def left(self, now: float) -> None:
        """One more frame has left."""
        self.ends.append(now)
        if len(self.ends) == len(self.frames):
            self.done.set()

    def on_the_wire(self) -> Segment:
        """From its first to its last audible frame."""
        audible = [n for n, frame in enumerate(self.frames) if level(frame) > AUDIBLE]
        first, last = (audible[0], audible[-1]) if audible else (0, len(self.ends) - 1)
        return Segment(self.ends[first] - FRAME_S, self.ends[last])


class Mouth:
    """Gives frame after frame, and is told when each has left."""

    def __init__(self) -> None:
        self._words: deque[Utterance] = deque()
        self._under_way: deque[tuple[bytes, Utterance | None]] = deque()
        self._count = 0

    def add(self, utterance: Utterance) -> None:
        """Say this after what is being said."""
        self._words.append(utterance)

    def stop(self, utterance: Utterance) -> None:
        """Do not say the rest of it."""
        if utterance in self._words:
            self._words.remove(utterance)

    def next_frame(self, noise_dbfs: float) -> tuple[str, bytes]:
        """The next frame to send, with a name for it."""
        start = self._count * SAMPLES % len(_NOISE)
        self._count += 1
        sound = _NOISE[start : start + SAMPLES] * 32768 * 10 ** (noise_dbfs / 20)
        if noise_dbfs <= QUIETEST:
            sound = np.zeros(SAMPLES)
        utterance = self._words[0] if self._words else None
        if utterance:
            sound = sound + np.frombuffer(utterance.frames[utterance.taken], dtype="<i2")
            utterance.taken += 1
            if utterance.taken == len(utterance.frames):
                self._words.popleft()
        frame = np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
        self._under_way.append((frame, utterance))
        return str(self._count), frame

    def has_left(self, now: float) -> bytes:
        """The oldest frame sent has left."""
        frame, utterance = self._under_way.popleft()
        if utterance:
            utterance.left(now)
        return frame
