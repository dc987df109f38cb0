"""Where an utterance begins and ends, from the probability of speech. It is fed time, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from ivr.audio.form import FRAME_BYTES, FRAME_MS, silence
from ivr.audio.vad import VoiceDetector

LEAD_MS = 300
"""Sound kept from before the first speech: a soft beginning is found late."""


@dataclass(frozen=True)
class Rules:
    """What counts as the beginning and the end of an utterance. All times in ms."""

    begin_ms: int = 100
    """Speech needed to begin, within half as long again."""
    begin_at: float = 0.5
    """Probability from which sound counts as speech while nobody speaks yet."""
    go_on_at: float = 0.35
    """Probability from which it counts as speech once somebody speaks (Silero's hysteresis)."""
    pause_ms: int = 240
    """A pause after which the utterance may well be over."""
    end_ms: int = 550
    """A pause after which it is over."""
    longest_ms: int = 20_000
    """It is cut when it has lasted this long."""


class Signal(Enum):
    """What the endpointer has noticed."""

    BEGUN = auto()
    PAUSED = auto()
    """The pause that may be the end has been reached."""
    RESUMED = auto()
    """The speaker goes on after such a pause."""
    ENDED = auto()
    TOO_LONG = auto()


class Endpointer:
    """Finds one utterance after the other in a stream of probabilities."""

    RESUME_MS = 60
    """Speech needed to end a pause: less is a click or a breath."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._begun = False
        self._age_ms = 0
        self._pause_ms = 0
        self._speech_ms = 0
        self._run_ms = 0
        self._opening: deque[tuple[int, bool]] = deque()

    @property
    def within(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._begun

    @property
    def age_ms(self) -> int:
        """Time since the first speech of the latest utterance, up to its end."""
        return self._age_ms

    @property
    def pause_ms(self) -> int:
        """Time from its last speech, up to its end."""
        return self._pause_ms

    @property
    def speech_ms(self) -> int:
        """How much speech there is in it, pauses left out."""
        return self._speech_ms

    def hear(self, ms: int, probability: float) -> Signal | None:
        """Go on by ``ms``, during which the probability of speech was this."""
        if self._begun:
            return self._within(ms, speech=probability >= self._rules.go_on_at)
        return self._before(ms, speech=probability >= self._rules.begin_at)

    def _before(self, ms: int, *, speech: bool) -> Signal | None:
        opening = self._opening
        opening.append((ms, speech))
        window_ms = sum(one for one, _ in opening)
        while opening and (not opening[0][1] or window_ms > self._rules.begin_ms * 3 // 2):
            window_ms -= opening.popleft()[0]
        speech_ms = sum(one for one, spoken in opening if spoken)
        if speech_ms < self._rules.begin_ms:
            return None
        opening.clear()
        self._begun = True
        self._age_ms, self._speech_ms = window_ms, speech_ms
        self._pause_ms = self._run_ms = 0
        return Signal.BEGUN

    def _within(self, ms: int, *, speech: bool) -> Signal | None:
        rules, paused = self._rules, self._pause_ms >= self._rules.pause_ms
        self._age_ms += ms
        self._pause_ms += ms
        self._run_ms = self._run_ms + ms if speech else 0
        if speech:
            self._speech_ms += ms
        if self._run_ms and (not paused or self._run_ms >= self.RESUME_MS):
            self._pause_ms = 0
        if self._age_ms >= rules.longest_ms:
            self._begun = False
            return Signal.TOO_LONG
        if self._pause_ms >= rules.end_ms:
            self._begun = False
            return Signal.ENDED
        if paused and not self._pause_ms:
            return Signal.RESUMED
        if not paused and self._pause_ms >= rules.pause_ms:
            return Signal.PAUSED
        return None


def utterances(pcm: bytes, rules: Rules) -> Iterator[bytes]:
    """The utterances of a recording (`ivr.audio.pcm`), each with LEAD_MS before it."""
    voice, ear = VoiceDetector(), Endpointer(rules)
    start = 0
    pcm += silence(rules.end_ms + FRAME_MS)
    for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        end = at + FRAME_BYTES
        signal = ear.hear(FRAME_MS, voice.hear(pcm[at:end]))
        if signal is Signal.BEGUN:
            start = max(start, end - (ear.age_ms + LEAD_MS) // FRAME_MS * FRAME_BYTES)
        elif signal in (Signal.ENDED, Signal.TOO_LONG):
            yield pcm[start:end]
            start = end
    if ear.within:
        yield pcm[start:]
