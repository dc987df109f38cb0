"""The ear of a call: what it reports, frame by frame, with a recogniser that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from ivr.audio.form import FRAME_BYTES, FRAME_MS
from ivr.errors import EngineError, Saturated
from ivr.events import Expecting
from ivr.settings import Hearing
from ivr.speech import listener as module
from ivr.speech.listener import (
    Listener,
    ListenerEvent,
    Nothing,
    Overloaded,
    Silence,
    SpeechStarted,
    Transcribed,
)
from ivr.speech.recogniser import Hint, Transcript

HEARING = Hearing(end_of_speech=560, silence=4.0, longest_utterance=5.0)
QUIET, VOICE = (bytes([sound]) * FRAME_BYTES for sound in (0, 9))


class Detector:
    """Takes VOICE for speech, and nothing else."""

    def hear(self, frame: bytes) -> float:
        return 0.9 if frame == VOICE else 0.0


class Engine:
    """A recogniser that gives one scripted result after the other, when it is let."""

    name = "scripted"

    def __init__(self, *results: str | Exception, streams: bool = False) -> None:
        self.streams = streams
        self.results: Iterator[str | Exception] = iter(results)
        self.free = asyncio.Event()
        self.free.set()
        self.hints: list[Hint | None] = []
        self.asked_after_ms: list[int] = []
        self.closed = 0

    def session(self, hint: Hint | None = None) -> Session:
        self.hints.append(hint)
        return Session(self)

    async def close(self) -> None:
        pass


class Session:
    partial = ""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ms = 0

    async def feed(self, pcm: bytes) -> None:
        self._ms += len(pcm) // FRAME_BYTES * FRAME_MS

    async def transcript(self) -> Transcript:
        self._engine.asked_after_ms.append(self._ms)
        await self._engine.free.wait()
        result = next(self._engine.results)
        if isinstance(result, Exception):
            raise result
        return Transcript(result, 0.8, self._ms, 1)

    async def close(self) -> None:
        self._engine.closed += 1


class Line:
    """A caller's line into a listener."""

    def __init__(self, engine: Engine) -> None:
        self.events: list[ListenerEvent] = []
        self.listener = Listener(engine, HEARING, self.events.append)

    def ask(
        self, expecting: Expecting = "request", *, speaking: bool = False, patience: float = 1.0
    ) -> None:
        self.listener.start(expecting, speaking=speaking, patience=patience, language="fr")

    async def hear(self, script: str) -> list[ListenerEvent]:
        """Hear "voice 300, quiet 600"; what was reported meanwhile."""
        before = len(self.events)
        for part in script.split(","):
            kind, ms = part.split()
            for _ in range(int(ms) // FRAME_MS):
                self.listener.hear(VOICE if kind == "voice" else QUIET)
                await settle()
        return self.events[before:]


async def settle() -> None:
    """Let the tasks of the listener go as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


LineFactory = Callable[[Engine], Line]


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LineFactory]:
    """Lines whose frames are what they say, rather than what Silero makes of them."""
    monkeypatch.setattr(module, "VoiceDetector", Detector)
    lines: list[Line] = []

    def connect(engine: Engine) -> Line:
        lines.append(Line(engine))
        return lines[-1]

    yield connect
    for line in lines:
        await line.listener.close()


def texts(events: list[ListenerEvent]) -> list[str]:
    return [one.transcript.text for one in events if isinstance(one, Transcribed)]


async def test_an_answer(connect: LineFactory) -> None:
    line = connect(Engine("bonjour"))
    line.ask()
    assert await line.hear("quiet 1000, voice 400") == [SpeechStarted()]
    (event,) = await line.hear("quiet 560")
    assert event == Transcribed(Transcript("bonjour", 0.8, 940, 1), ended_ms=560, too_long=False)
    assert await line.hear("voice 900, quiet 9000") == []  # one answer to one question


async def test_the_transcript_is_ready_when_the_speech_has_ended(connect: LineFactory) -> None:
    engine = Engine("bonjour")
    line = connect(engine)
    line.ask()
    await line.hear("quiet 1000, voice 400, quiet 300")
    assert engine.asked_after_ms == [300 + 400 + 240]
    assert texts(await line.hear("quiet 260")) == ["bonjour"]
    assert engine.asked_after_ms == [300 + 400 + 240]


async def test_who_goes_on_is_heard_to_the_end(connect: LineFactory) -> None:
    engine = Engine("je voudrais", "je voudrais un passeport")
    line = connect(engine)
    line.ask()
    events = await line.hear("quiet 1000, voice 400, quiet 400, voice 800, quiet 560")
    assert texts(events) == ["je voudrais un passeport"]
    assert engine.asked_after_ms == [940, 300 + 400 + 400 + 800 + 240]


async def test_a_transcript_made_void_is_cancelled(connect: LineFactory) -> None:
    engine = Engine("je voudrais un passeport")
    line = connect(engine)
    line.ask()
    engine.free.clear()
    await line.hear("quiet 500, voice 400, quiet 400, voice 800, quiet 300")
    engine.free.set()
    assert texts(await line.hear("quiet 260")) == ["je voudrais un passeport"]


async def test_a_slow_recogniser_tells_how_long_ago_the_speech_ended(connect: LineFactory) -> None:
    engine = Engine("bonjour")
    line = connect(engine)
    line.ask()
    engine.free.clear()
    assert await line.hear("voice 400, quiet 1060") == [SpeechStarted()]
    engine.free.set()
    await settle()
    assert isinstance(event := line.events[-1], Transcribed)
    assert event.ended_ms == 1060


async def test_a_streaming_engine_is_asked_once(connect: LineFactory) -> None:
    engine = Engine("un passeport", streams=True)
    line = connect(engine)
    line.ask()
    events = await line.hear("voice 400, quiet 400, voice 400, quiet 560")
    assert texts(events) == ["un passeport"]
    assert engine.asked_after_ms == [400 + 400 + 400 + 560]


# --- silence and noise ---------------------------------------------------------------------------


async def test_silence_counts_from_the_end_of_the_prompt(connect: LineFactory) -> None:
    line = connect(Engine())
    line.ask(speaking=True)
    assert await line.hear("quiet 9000") == []
    line.listener.prompt_ended()
    assert await line.hear("quiet 3980") == []
    assert await line.hear("quiet 20") == [Silence()]
    assert await line.hear("quiet 9000") == []


async def test_patience_lengthens_the_silence(connect: LineFactory) -> None:
    line = connect(Engine())
    line.ask(patience=2.0)
    assert await line.hear("quiet 7980") == []
    assert await line.hear("quiet 20") == [Silence()]


async def test_a_cough_while_the_machine_waits_is_no_answer(connect: LineFactory) -> None:
    line = connect(Engine("", "bonjour"))
    line.ask()
    assert await line.hear("voice 200, quiet 2000") == [SpeechStarted()]
    assert texts(await line.hear("voice 400, quiet 560")) == ["bonjour"]


async def test_coughs_do_not_put_off_the_silence_for_ever(connect: LineFactory) -> None:
    line = connect(Engine("", "", ""))
    line.ask()
    await line.hear("voice 200, quiet 2000, voice 200, quiet 2000")
    assert await line.hear("quiet 2000") == [Silence()]


async def test_long_sound_without_words_is_nothing(connect: LineFactory) -> None:
    line = connect(Engine(""))
    line.ask()
    assert await line.hear("voice 1000, quiet 600") == [SpeechStarted(), Nothing()]


# --- while the machine speaks --------------------------------------------------------------------


async def test_barge_in(connect: LineFactory) -> None:
    line = connect(Engine("un conseiller"))
    line.ask(speaking=True)
    assert await line.hear("quiet 400, voice 180, quiet 400") == []
    assert await line.hear("voice 200") == [SpeechStarted()]
    line.listener.prompt_ended()
    assert texts(await line.hear("voice 300, quiet 560")) == ["un conseiller"]


async def test_what_stopped_the_machine_is_never_ignored(connect: LineFactory) -> None:
    line = connect(Engine(""))
    line.ask(speaking=True)
    assert await line.hear("voice 220") == [SpeechStarted()]
    line.listener.prompt_ended()
    assert await line.hear("quiet 600") == [Nothing()]


async def test_after_the_prompt_a_short_yes_is_enough(connect: LineFactory) -> None:
    line = connect(Engine("oui"))
    line.ask("yes-no", speaking=True)
    await line.hear("quiet 400")
    line.listener.prompt_ended()
    assert texts(await line.hear("voice 120, quiet 600")) == ["oui"]


# --- what is asked for ---------------------------------------------------------------------------


async def test_pairs_of_digits_may_be_apart(connect: LineFactory) -> None:
    line = connect(Engine("06 12", "06 12 34 56 78"))
    line.ask("digits")
    events = await line.hear("voice 600, quiet 1000, voice 900, quiet 560")
    assert texts(events) == ["06 12 34 56 78"]  # complete: there is no need to wait for more


async def test_too_few_digits_are_waited_for(connect: LineFactory) -> None:
    line = connect(Engine("06 12"))
    line.ask("digits")
    assert await line.hear("voice 600, quiet 1180") == [SpeechStarted()]
    assert texts(await line.hear("quiet 20")) == ["06 12"]


async def test_the_recogniser_knows_what_is_expected(connect: LineFactory) -> None:
    engine = Engine("oui")
    line = connect(engine)
    line.listener.start("yes-no", speaking=False, patience=1.0, language="en")
    await line.hear("voice 200")
    assert engine.hints == [Hint(language="en", expecting="yes-no")]


async def test_endless_speech_is_cut(connect: LineFactory) -> None:
    line = connect(Engine("alors voilà"))
    line.ask()
    assert isinstance((await line.hear("voice 5000"))[-1], Transcribed)
    assert isinstance(event := line.events[-1], Transcribed)
    assert event.too_long
    assert event.ended_ms == 0


# --- when it goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Saturated("full"), EngineError("bad tensor")])
async def test_a_recogniser_that_fails_is_reported(connect: LineFactory, error: Exception) -> None:
    line = connect(Engine(error, error))
    line.ask()
    assert await line.hear("voice 400, quiet 600") == [SpeechStarted(), Overloaded()]
    assert await line.hear("quiet 9000") == []


async def test_no_room_ahead_of_time_is_no_failure(connect: LineFactory) -> None:
    line = connect(Engine(Saturated("full"), "bonjour"))
    line.ask()
    assert texts(await line.hear("voice 400, quiet 600")) == ["bonjour"]


async def test_nothing_is_reported_once_stopped(connect: LineFactory) -> None:
    engine = Engine("bonjour")
    line = connect(engine)
    line.ask()
    engine.free.clear()
    await line.hear("voice 400, quiet 600")
    line.listener.stop()
    engine.free.set()
    assert await line.hear("quiet 5000") == []
    assert engine.closed == 1


async def test_a_new_question_drops_the_old_answer(connect: LineFactory) -> None:
    engine = Engine("bonjour")
    line = connect(engine)
    line.ask()
    engine.free.clear()
    await line.hear("voice 400, quiet 600")
    line.ask()
    engine.free.set()
    assert texts(await line.hear("quiet 500, voice 400, quiet 600")) == ["bonjour"]
    assert engine.closed == 2


async def test_closing_waits_until_the_recogniser_has_let_go(connect: LineFactory) -> None:
    engine = Engine()
    line = connect(engine)
    line.ask()
    await line.hear("voice 400")
    await line.listener.close()
    assert engine.closed == 1
