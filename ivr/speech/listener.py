"""Listens to one caller: finds utterances in the frames of the line, and has them recognised."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ivr.audio.endpointing import LEAD_MS, Endpointer, Rules, Signal
from ivr.audio.form import FRAME_MS
from ivr.audio.vad import VoiceDetector
from ivr.errors import EngineError, Saturated
from ivr.events import Expecting
from ivr.settings import Hearing
from ivr.speech.recogniser import Hint, Recogniser, Transcript, UtteranceSession

log = logging.getLogger(__name__)

BARGE_IN_MS = 200
"""Speech needed to interrupt the machine: a cough or a click is shorter, or no speech to Silero."""
BARGE_IN_AT = 0.6
"""Probability of speech it needs: echoes of the machine's own voice are judged lower."""
DIGITS_PAUSE_MS = 1_200
"""People breathe between the pairs of a telephone number."""
TELEPHONE_DIGITS = 10
"""Digits of a French telephone number: after them nobody goes on."""
SHORT_NOISE_MS = 400
"""While the machine waits, a shorter sound without words is no answer: a cough, a door."""
_KEPT_FRAMES = (BARGE_IN_MS * 3 // 2 + LEAD_MS) // FRAME_MS


@dataclass(frozen=True)
class SpeechStarted:
    """The caller has begun to speak, surely enough to stop the machine."""


@dataclass(frozen=True)
class Transcribed:
    """The caller has said something."""

    transcript: Transcript
    """Its text is not empty."""
    ended_ms: int
    """How long ago the caller's speech ended, in ms of sound heard."""
    too_long: bool
    """The caller was cut short at ``hearing.longest_utterance``."""


@dataclass(frozen=True)
class Nothing:
    """The caller made a sound without words."""


@dataclass(frozen=True)
class Silence:
    """Nothing was heard for as long as the caller was given."""


@dataclass(frozen=True)
class Overloaded:
    """The recogniser is saturated, or failed."""


ListenerEvent = SpeechStarted | Transcribed | Nothing | Silence | Overloaded


class Listener:
    """The ear of one call. It reads no clock: time is the number of frames heard.

    After each `start` it emits SpeechStarted at most once, then exactly one of the other events,
    unless stopped before.
    """

    def __init__(
        self, recogniser: Recogniser, hearing: Hearing, emit: Callable[[ListenerEvent], None]
    ) -> None:
        """emit: called from the event loop; must not block."""
        self._recogniser = recogniser
        self._hearing = hearing
        self._emit = emit
        self._voice = VoiceDetector()
        self._kept: deque[bytes] = deque(maxlen=_KEPT_FRAMES)
        self._wait: _Wait | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, expecting: Expecting, *, speaking: bool, patience: float, language: str
    ) -> None:
        """Listen for one answer, dropping what was being listened for.

        expecting: as in Hint. speaking: the machine is being heard, so that only sustained speech
        counts until `prompt_ended`. patience: multiplies the silence allowed.
        """
        self.stop()
        self._wait = _Wait(
            hint=Hint(language=language, expecting=expecting),
            rules=rules(expecting, self._hearing),
            silence_ms=round(self._hearing.silence * 1000 * patience),
            speaking=speaking,
        )

    def prompt_ended(self) -> None:
        """The machine is no longer heard: the silence counts from now on."""
        if self._wait is not None:
            self._wait.prompt_ended()

    def stop(self) -> None:
        """Listen no more; nothing is emitted after this."""
        if self._wait is not None and self._wait.utterance is not None:
            self._wait.utterance.drop()
        self._wait = None

    async def close(self) -> None:
        """Stop, and wait until the recogniser has let go."""
        self.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def hear(self, pcm: bytes) -> float:
        """One more frame of the line (`ivr.audio.pcm`), listened for or not.

        Returns the probability that somebody speaks, for who else wants to know.
        """
        probability = self._voice.hear(pcm)
        self._kept.append(pcm)
        if self._wait is not None:
            self._listen(self._wait, pcm, probability)
        return probability

    def _listen(self, wait: _Wait, pcm: bytes, probability: float) -> None:
        utterance = wait.utterance
        if utterance is not None and utterance.ended:  # being recognised
            utterance.waited_ms += FRAME_MS
            return
        signal = wait.ear.hear(FRAME_MS, probability)
        if signal is Signal.BEGUN:
            self._begin(wait)
        elif utterance is not None:
            utterance.add(pcm)
            if signal is Signal.PAUSED and not self._recogniser.streams:
                utterance.pause()
            elif signal is Signal.RESUMED:
                utterance.resume()
            elif signal is not None and signal is not Signal.PAUSED:
                utterance.end(wait.ear.pause_ms, too_long=signal is Signal.TOO_LONG)
            elif self._complete(wait, utterance):
                utterance.end(wait.ear.pause_ms)
        elif not wait.speaking:
            wait.quiet_ms += FRAME_MS
            if wait.quiet_ms >= wait.silence_ms:
                self._finish(Silence())

    def _begin(self, wait: _Wait) -> None:
        frames = (wait.ear.age_ms + LEAD_MS) // FRAME_MS
        before = b"".join(list(self._kept)[-frames:])
        wait.utterance = _Utterance(self._recogniser.session(wait.hint), before)
        task = asyncio.create_task(self._recognise(wait, wait.utterance))
        wait.utterance.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not wait.announced:
            wait.announced = True
            wait.interrupted = wait.speaking
            self._emit(SpeechStarted())

    def _complete(self, wait: _Wait, utterance: _Utterance) -> bool:
        """A whole telephone number was said: there is no need to wait for more."""
        return (
            wait.hint.expecting == "digits"
            and wait.ear.pause_ms >= self._hearing.end_of_speech
            and sum(map(str.isdigit, utterance.text)) >= TELEPHONE_DIGITS
        )

    async def _recognise(self, wait: _Wait, utterance: _Utterance) -> None:
        try:
            transcript = await utterance.recognise()
        except EngineError as error:
            log.warning("%s: %s", self._recogniser.name, error)
            self._finish(Overloaded())
            return
        if transcript.text:
            ended_ms = utterance.pause_ms + utterance.waited_ms
            self._finish(Transcribed(transcript, ended_ms, utterance.too_long))
        elif wait.interrupted or wait.ear.speech_ms >= SHORT_NOISE_MS:
            self._finish(Nothing())
        else:
            wait.listen_on()

    def _finish(self, event: ListenerEvent) -> None:
        self.stop()
        self._emit(event)


def rules(expecting: Expecting, hearing: Hearing) -> Rules:
    """How the end of an answer of this kind is recognised."""
    usual = Rules(
        end_ms=hearing.end_of_speech,
        pause_ms=min(Rules.pause_ms, hearing.end_of_speech),
        longest_ms=round(hearing.longest_utterance * 1000),
    )
    if expecting == "digits":
        return replace(usual, end_ms=max(DIGITS_PAUSE_MS, hearing.end_of_speech))
    return usual


class _Wait:
    """Waiting for one answer."""

    def __init__(self, hint: Hint, rules: Rules, silence_ms: int, *, speaking: bool) -> None:
        self.hint = hint
        self.silence_ms = silence_ms
        self.speaking = speaking
        self.quiet_ms = 0
        """How long nobody has spoken, the machine and the caller."""
        self.announced = False
        """SpeechStarted was emitted."""
        self.interrupted = False
        """It interrupted the machine."""
        self.utterance: _Utterance | None = None
        self._rules = rules
        barge_in = replace(rules, begin_ms=BARGE_IN_MS, begin_at=BARGE_IN_AT)
        self.ear = Endpointer(barge_in if speaking else rules)

    def prompt_ended(self) -> None:
        self.speaking = False
        if self.utterance is None:
            self.ear = Endpointer(self._rules)

    def listen_on(self) -> None:
        """What was heard was nothing."""
        self.utterance = None
        self.ear = Endpointer(self._rules)


class _Utterance:
    """One utterance on its way through the recogniser.

    Its transcript is begun in a pause that may be the end; a caller who goes on makes it void.
    """

    def __init__(self, session: UtteranceSession, before: bytes) -> None:
        self.task: asyncio.Task[None] | None = None
        self.ended = False
        self.too_long = False
        self.pause_ms = 0
        """From the last speech to the end."""
        self.waited_ms = 0
        """From the end on."""
        self.text = ""
        """What is known of it in a pause."""
        self._session = session
        self._unfed = bytearray(before)
        self._pauses = 0
        self._paused = False
        self._news = asyncio.Event()
        self._news.set()

    def add(self, pcm: bytes) -> None:
        self._unfed += pcm
        self._news.set()

    def pause(self) -> None:
        self._paused = True
        self._pauses += 1
        self._news.set()

    def resume(self) -> None:
        self._paused = False
        self.text = ""
        self._news.set()

    def end(self, pause_ms: int, *, too_long: bool = False) -> None:
        self.ended = True
        self.pause_ms, self.too_long = pause_ms, too_long
        self._news.set()

    def drop(self) -> None:
        """It is no longer wanted."""
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()

    async def recognise(self) -> Transcript:
        """Feed the recogniser until the end; what it heard. Raises EngineError."""
        try:
            while not self.ended:
                await self._something_new()
                await self._feed()
                if self._paused and (transcript := await self._in_pause()) is not None:
                    return transcript
            await self._feed()
            return await self._session.transcript()
        finally:
            await self._session.close()

    async def _in_pause(self) -> Transcript | None:
        """The transcript, if this pause turns out to be the end."""
        this = self._pauses
        early = asyncio.create_task(self._early())
        try:
            while self._paused and self._pauses == this and not self.ended:
                await self._something_new()
            return await early if self._paused and self._pauses == this else None
        finally:
            early.cancel()
            await asyncio.wait([early])

    async def _early(self) -> Transcript | None:
        """None when there was no room for it: it is asked for again at the end."""
        try:
            transcript = await self._session.transcript()
        except Saturated:
            return None
        self.text = transcript.text
        return transcript

    async def _feed(self) -> None:
        if self._unfed:
            pcm = bytes(self._unfed)
            self._unfed.clear()
            await self._session.feed(pcm)

    async def _something_new(self) -> None:
        await self._news.wait()
        self._news.clear()
