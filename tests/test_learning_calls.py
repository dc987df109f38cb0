"""What real conversations leave in the call log is what learning looks for there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ivr.call import Mind, Parts, handle
from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.errors import CallerGone
from ivr.events import (
    CallerId,
    CallStarted,
    Interrupted,
    KeyPressed,
    LegEvent,
    Played,
    QueueRequest,
)
from ivr.learning.gather import Missed, gather
from ivr.speech.listener import ListenerEvent, Transcribed
from ivr.speech.recogniser import Transcript

pytestmark = pytest.mark.speech
MORNING = datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
"""A Tuesday on which the machine answers first."""
UNCLEAR = 0.2
"""A confidence at which the machine asks whether it has understood."""


@dataclass
class Line:
    """A line on which everything is heard at once, and a caller who says what is in the script."""

    started: CallStarted
    script: list[str | tuple[str, float]]
    """Words, with the recogniser's confidence where it is not 1.0; one sign is a key."""
    events: asyncio.Queue[LegEvent | CallerGone] = field(default_factory=asyncio.Queue)
    queue: QueueRequest | None = None

    async def receive(self) -> LegEvent:
        event = await self.events.get()
        if isinstance(event, CallerGone):
            raise event
        return event

    async def play(self, pcm: bytes, mark: str) -> None:
        self.events.put_nowait(Played(mark))

    async def flush(self) -> Interrupted | None:
        return None

    async def send_to_queue(self, request: QueueRequest) -> None:
        self.queue = request

    async def hang_up(self) -> None:
        pass

    def listener(self, emit: Callable[[ListenerEvent], None]) -> Script:
        """The ear that hears the script; at its end the caller hangs up."""
        return Script(self, emit)


@dataclass
class Script:
    """Says the next line of the script whenever the machine listens."""

    line: Line
    emit: Callable[[ListenerEvent], None]

    def start(self, expecting: str, *, speaking: bool, patience: float, language: str) -> None:
        if not self.line.script:
            self.line.events.put_nowait(CallerGone())
            return
        said = self.line.script.pop(0)
        text, confidence = said if isinstance(said, tuple) else (said, 1.0)
        if len(text) == 1:
            self.line.events.put_nowait(KeyPressed(text))
        else:
            self.emit(Transcribed(Transcript(text, confidence, 1000, 100), 0, False))

    def hear(self, pcm: bytes) -> None: ...

    def prompt_ended(self) -> None: ...

    def stop(self) -> None: ...

    async def close(self) -> None: ...


class Mute:
    """Speech without a sound."""

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        return bytes(640)


async def missed(
    mind: Mind, database: Database, *script: str | tuple[str, float]
) -> Sequence[Missed]:
    """What is gathered after one call."""
    line = Line(CallStarted("1.1", CallerId("0612345678"), "0232001000", MORNING), list(script))
    parts = Parts(
        mind=mind,
        speech=Mute(),
        listener=line.listener,  # type: ignore[arg-type]  # a script is heard in place of a voice
        calllog=CallLog(database),
        callbacks=Callbacks(database),
        now=lambda: MORNING,
        longest_s=600,
    )
    await handle(line, parts)
    return await gather(database, MORNING - timedelta(days=1))


async def test_a_refused_confirmation(mind: Mind, database: Database) -> None:
    (one,) = await missed(
        mind, database, ("le passeport", UNCLEAR), "non pas du tout", "les tarifs de la piscine"
    )
    assert (one.text, one.refused) == ("le passeport", "passeport")
    assert one.entry is not None
    assert one.entry.startswith("piscine")


async def test_a_confirmation_refused_by_key_and_a_transfer(mind: Mind, database: Database) -> None:
    (one,) = await missed(mind, database, ("le passeport", UNCLEAR), "2", "0")
    assert (one.text, one.refused, one.entry) == ("le passeport", "passeport", None)
    assert one.department == "accueil"


async def test_a_wrong_answer(mind: Mind, database: Database) -> None:
    (one,) = await missed(mind, database, "je voudrais refaire mon passeport", "non c'est pas ça")
    assert (one.text, one.refused) == ("je voudrais refaire mon passeport", "passeport")


async def test_what_is_not_understood_at_all(mind: Mind, database: Database) -> None:
    found = await missed(mind, database, "zigomar tralala pouet", "bidule trucmuche", "pouet pouet")
    assert [one.refused for one in found] == [None] * len(found)
    assert "zigomar tralala pouet" in {one.text for one in found}


async def test_what_is_understood_is_not_gathered(mind: Mind, database: Database) -> None:
    said = "je voudrais refaire mon passeport", "et combien ça coûte", "non merci au revoir"
    assert await missed(mind, database, *said) == []
