"""Sentences reach the line one after the other, and what was heard of them is known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.asterisk.leg import Leg
from ivr.audio.form import duration_ms, silence
from ivr.errors import EngineError
from ivr.events import CallerId, CallStarted, Interrupted, LegEvent, QueueRequest
from ivr.speech.sentences import PAUSE_MS
from ivr.speech.speaker import LONGEST_SLOW, Heard, Speaker, Text


@dataclass
class Line:
    """A line that keeps what it was given, and is flushed at a moment the test chooses."""

    played: list[tuple[int, str]] = field(default_factory=list)
    """Milliseconds and mark."""
    heard: Interrupted | None = None
    """What the next flush reports."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def started(self) -> CallStarted:
        return CallStarted("1", CallerId(None), "", datetime.now(UTC))

    async def receive(self) -> LegEvent:
        raise NotImplementedError

    async def play(self, pcm: bytes, mark: str) -> None:
        self.played.append((duration_ms(pcm), mark))
        self.changed.set()

    async def flush(self) -> Interrupted | None:
        return self.heard

    async def send_to_queue(self, request: QueueRequest) -> None:
        raise NotImplementedError

    async def hang_up(self) -> None:
        raise NotImplementedError

    async def has_played(self, clips: int) -> None:
        while len(self.played) < clips:
            self.changed.clear()
            await self.changed.wait()


@dataclass
class Voice:
    """Says 10 ms a letter; fails on "Xxx", never ends on "Zzz"."""

    asked: list[tuple[str, str, float]] = field(default_factory=list)

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        self.asked.append((sentence, language, pace))
        if "Zzz" in sentence:
            await asyncio.Event().wait()
        if "Xxx" in sentence:
            raise EngineError("no voice")
        return silence(10 * len(sentence))


@dataclass
class Said:
    """A speaker on a line."""

    line: Line = field(default_factory=Line)
    voice: Voice = field(default_factory=Voice)

    def __post_init__(self) -> None:
        leg: Leg = self.line
        self.failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self.speaker = Speaker(leg, self.voice, self.failed.set_result)

    async def say(self, *texts: str, clips: int, **how: Any) -> None:
        self.speaker.say([Text(text, about=text[:4], **how) for text in texts])
        await self.line.has_played(clips)


@pytest.fixture
async def said() -> Said:
    return Said()


async def test_sentence_by_sentence_with_a_pause_between(said: Said) -> None:
    await said.say("Bonjour. Je vous écoute.", clips=2)
    assert [one for one, *_ in said.voice.asked] == ["Bonjour.", "Je vous écoute."]
    assert [ms for ms, _ in said.line.played] == [80, 150 + PAUSE_MS]
    assert said.speaker.speaking
    for _, mark in said.line.played:
        said.speaker.played(mark)
    assert not said.speaker.speaking


async def test_the_last_mark_stands_for_those_before_it(said: Said) -> None:
    await said.say("Un. Deux. Trois.", clips=3)
    said.speaker.played(said.line.played[1][1])
    assert said.speaker.speaking
    said.speaker.played("of something else")
    said.speaker.played(said.line.played[2][1])
    assert not said.speaker.speaking


async def test_what_is_said_later_waits_its_turn(said: Said) -> None:
    said.speaker.say([Text("Un. Deux.", "first")])
    await said.say("Trois.", clips=3)
    assert [one for one, *_ in said.voice.asked] == ["Un.", "Deux.", "Trois."]


async def test_how_much_was_heard(said: Said) -> None:
    await said.say("Un deux trois quatre.", "Cinq six sept.", clips=2)
    said.speaker.played(said.line.played[0][1])
    said.line.heard = Interrupted(said.line.played[1][1], (140 + PAUSE_MS) // 2)
    assert await said.speaker.interrupt() == Heard("Cinq", 0.5)
    assert not said.speaker.speaking


async def test_an_interruption_stops_what_is_being_made(said: Said) -> None:
    await said.say("Bonjour. Zzz. Merci.", clips=1)
    said.line.heard = Interrupted(said.line.played[0][1], 40)
    heard = await said.speaker.interrupt()
    assert heard is not None
    assert 0 < heard.share < 0.5
    assert [one for one, *_ in said.voice.asked][-1] != "Merci."
    assert not said.failed.done()


async def test_an_interruption_of_silence(said: Said) -> None:
    assert await said.speaker.interrupt() is None


async def test_a_failure_is_told(said: Said) -> None:
    await said.say("Bonjour. Xxx. Merci.", clips=1)
    assert str(await said.failed) == "no voice"
    assert len(said.line.played) == 1


async def test_language_and_pace_go_along(said: Said) -> None:
    await said.say("Hello.", clips=1, language="en", pace=0.8)
    assert said.voice.asked == [("Hello.", "en", 0.8)]


async def test_slow_speech_comes_in_shorter_pieces(said: Said) -> None:
    text = "Pour une carte d'identité, il faut une photo récente, " * 4
    await said.say(text, clips=1)
    await said.say(text, clips=2, pace=0.8)
    lengths = [len(one) for one, *_ in said.voice.asked]
    assert lengths[0] > LONGEST_SLOW >= lengths[1]


async def test_the_first_sound_is_told_once(said: Said) -> None:
    sounds: list[int] = []
    said.speaker.say([Text("Un. Deux.", "x")], lambda: sounds.append(len(said.line.played)))
    await said.line.has_played(2)
    assert sounds == [1]
