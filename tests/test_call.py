"""One call on a line that a test holds, with a call log that is in trouble."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ivr import call as module
from ivr.audio.form import silence
from ivr.call import Mind, Parts, handle
from ivr.callbacks.schedule import Callbacks
from ivr.calllog import writer
from ivr.calllog.database import Database
from ivr.calllog.log import CallEnd, CallLog, TurnRecord
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.state import State
from ivr.dialogue.talk import Talk
from ivr.dialogue.turns import Dismissed, Order, Redirected
from ivr.errors import AsteriskError
from ivr.events import (
    CallerId,
    CallStarted,
    Interrupted,
    KeyPressed,
    LegEvent,
    Played,
    QueueRequest,
)
from ivr.knowledge.load import load
from ivr.nlu.match import Context, Match
from ivr.settings import Hearing
from ivr.speech.listener import Listener
from tests.test_listener import Engine

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)


@dataclass
class Line:
    """A caller who presses keys, on a line that plays at once and carries no sound."""

    call_id: str = "1.1"
    events: asyncio.Queue[LegEvent | Exception] = field(default_factory=asyncio.Queue)
    queued: asyncio.Future[QueueRequest] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    refusal: AsteriskError | None = None
    hung_up: bool = False

    @property
    def started(self) -> CallStarted:
        return CallStarted(self.call_id, CallerId("0612345678"), "0232001000", NOON)

    async def receive(self) -> LegEvent:
        event = await self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    async def play(self, pcm: bytes, mark: str) -> None:
        self.events.put_nowait(Played(mark))

    async def flush(self) -> Interrupted | None:
        return None

    async def send_to_queue(self, request: QueueRequest) -> None:
        if self.refusal:
            raise self.refusal
        self.queued.set_result(request)

    async def hang_up(self) -> None:
        self.hung_up = True


class Voice:
    """Says everything in 20 ms."""

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        return silence(20)


async def nothing_said(text: str, context: Context, at: datetime) -> Match:
    raise AssertionError("callers only press keys here")


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """What the calls share; it is noon."""
    knowledge = load(Path(__file__).parents[1] / "knowledge")
    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    yield Parts(
        mind=Mind(Dialogue(Talk(knowledge)), nothing_said),
        speech=Voice(),
        listener=partial(Listener, Engine(), Hearing()),
        calllog=CallLog(database),
        callbacks=Callbacks(database),
        now=lambda: NOON,
        longest_s=600,
    )
    await database.close()


@pytest.fixture
def held(parts: Parts, tmp_path: Path) -> sqlite3.Connection:
    """Another program's hold on the database, until it is rolled back."""
    other = sqlite3.connect(tmp_path / "calls.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def logged(parts: Parts) -> tuple[str | None, str | None, list[str]]:
    """How the only call ended, and what happened in it."""
    (call,) = await parts.calllog.calls()
    return call.outcome, call.ended_by, [turn.happened for turn in call.turns]


async def test_a_locked_call_log_keeps_nobody_from_the_operators_and_loses_nothing(
    parts: Parts, held: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.01)
    line = Line()
    line.events.put_nowait(KeyPressed("0"))
    await handle(line, parts)
    assert (await line.queued).queue == "accueil"
    held.rollback()
    assert await logged(parts) == ("transferred", "transfer", ["opened", "keyed"])


async def test_a_callback_that_cannot_be_written_down_in_time_is_not_promised(
    parts: Parts, held: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.01)
    monkeypatch.setattr(module, "CALLBACK_PATIENCE", 0.01)
    parts.now = lambda: MIDNIGHT
    line = Line()
    for key in "011##":  # a person; be called back; on this number; no name; as soon as possible
        line.events.put_nowait(KeyPressed(key))
    await handle(line, parts)
    assert line.hung_up
    held.rollback()
    assert (await logged(parts))[2][-1] == "callback-failed"
    assert not await parts.callbacks.open()


@dataclass
class Onlooker:
    """Watches one call, and gives an order as soon as the machine listens."""

    order: Order
    seen: list[tuple[str, object]] = field(default_factory=list)

    def began(self, started: CallStarted, order: Callable[[Order], None]) -> None:
        self.seen.append(("began", started.call_id))
        order(self.order)

    def turned(self, call_id: str, turn: TurnRecord, state: State) -> None:
        self.seen.append((turn.happened, state.phase))

    def ended(self, call_id: str, end: CallEnd) -> None:
        self.seen.append((end.outcome, end.ended_by))


async def test_a_call_passed_on_from_the_console_reaches_that_operator(parts: Parts) -> None:
    parts.observer = onlooker = Onlooker(Redirected("urbanisme", "102"))
    line = Line()
    await handle(line, parts)
    queued = await line.queued
    assert (queued.queue, queued.operator) == ("urbanisme", "102")
    assert await logged(parts) == ("transferred", "transfer", ["opened", "redirected"])
    assert onlooker.seen == [
        ("began", "1.1"),
        ("opened", "request"),
        ("redirected", "queued"),
        ("transferred", "transfer"),
    ]


async def test_a_call_ended_from_the_console_is_logged_as_ended_by_it(parts: Parts) -> None:
    parts.observer = Onlooker(Dismissed())
    line = Line()
    await handle(line, parts)
    assert line.hung_up
    assert await logged(parts) == ("gave-up", "admin", ["opened", "dismissed"])


async def test_a_call_that_asterisk_takes_to_its_grave_is_logged_as_interrupted(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(refusal=AsteriskError("Asterisk cannot be reached"))
    line.events.put_nowait(AsteriskError("the sound of the call was lost"))
    with caplog.at_level(logging.ERROR), pytest.raises(AsteriskError, match="reached"):
        await handle(line, parts)
    assert (await logged(parts))[:2] == ("interrupted", "failure")
    (told,) = caplog.records
    assert "sound of the call was lost" in told.getMessage()
    assert told.exc_info is None, "a stack trace for what is no fault of ours"
