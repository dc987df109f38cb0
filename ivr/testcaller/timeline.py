"""What was on the wire and when: frames with their times, cut into stretches of sound."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from ivr.audio.form import FRAME_BYTES, FRAME_MS

FRAME_S = FRAME_MS / 1000
QUIETEST = -96.0
"""dBFS of digital silence."""
ABOVE_NOISE = 10.0
"""dB above the line's own noise at which something is a sound."""
LOWEST_THRESHOLD, HIGHEST_THRESHOLD = -50.0, -35.0
"""dBFS between which the threshold adapts: speech on a telephone is at -30 to -15."""

RECENT = 3000
"""Frames from which the noise is estimated: the last minute."""


@dataclass(frozen=True)
class Segment:
    """A stretch of sound; times are of ``time.monotonic()`` in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass
class Track:
    """One direction of a call: 20 ms frames, the time at which each ended, its level."""

    pcm: bytearray = field(default_factory=bytearray)
    ends: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    """dBFS."""

    def add(self, frame: bytes, end: float) -> None:
        """Append a frame that ended at ``end``."""
        self.pcm += frame
        self.ends.append(end)
        self.levels.append(level(frame))

    def __len__(self) -> int:
        """Frames so far."""
        return len(self.ends)

    def sound(self, first: int, end: int) -> bytes:
        """The sound of a range of frames."""
        return bytes(self.pcm[first * FRAME_BYTES : end * FRAME_BYTES])

    def loud(self, begin: int) -> list[int]:
        """The frames from ``begin`` on that are sound."""
        threshold = self.threshold()
        return [n for n in range(begin, len(self)) if self.levels[n] > threshold]

    def threshold(self) -> float:
        """The level in dBFS above which a frame of this track is sound rather than noise."""
        if not self.levels:
            return LOWEST_THRESHOLD
        noise = float(np.percentile(self.levels[-RECENT:], 20))
        return min(max(noise + ABOVE_NOISE, LOWEST_THRESHOLD), HIGHEST_THRESHOLD)

    def segments(self, *, join_ms: int = 200, least_ms: int = 60) -> list[Segment]:
        """The stretches of sound: pauses up to ``join_ms`` are inside, shorter ones are clicks."""
        threshold = self.threshold()
        loud = [end for end, db in zip(self.ends, self.levels, strict=True) if db > threshold]
        found: list[Segment] = []
        for end in loud:
            if found and end - FRAME_S - found[-1].end <= join_ms / 1000:
                found[-1] = Segment(found[-1].start, end)
            else:
                found.append(Segment(end - FRAME_S, end))
        return [segment for segment in found if segment.seconds >= least_ms / 1000]


@dataclass
class Timeline:
    """Both directions of a call."""

    heard: Track = field(default_factory=Track)
    """From the far end, timed at arrival."""
    said: Track = field(default_factory=Track)
    """To the far end, timed when it had left."""

    def far(self) -> list[Segment]:
        """When the far end made a sound."""
        return self.heard.segments()

    def near(self) -> list[Segment]:
        """When we did."""
        return self.said.segments()

    def response_gap(self, after: float) -> float | None:
        """Seconds from ``after`` to the first sound of the far end that begins later; or None."""
        starts = [segment.start for segment in self.far()]
        index = bisect_left(starts, after)
        return starts[index] - after if index < len(starts) else None

    def silence_after(self, moment: float) -> float | None:
        """Seconds from ``moment`` until the far end, speaking then, stops; None if it was not."""
        for segment in self.heard.segments(join_ms=300):
            if segment.start <= moment < segment.end:
                return segment.end - moment
        return None


def level(frame: bytes) -> float:
    """Level of a frame in dBFS (root mean square)."""
    samples = np.frombuffer(frame, dtype="<i2").astype(np.float64)
    power = float(np.mean(samples**2)) if len(samples) else 0.0
    return max(QUIETEST, 10 * float(np.log10(power / 32768**2))) if power else QUIETEST
