"""Messages left over real calls: Asterisk, the line, the file; callers press keys, play tones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from ivr.asterisk.process import AsteriskProcess
from ivr.audio.form import duration_ms
from ivr.audio.pcm import read_wav
from ivr.call import Parts, handle
from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Callback
from ivr.messages.taker import BEEP_HZ, BEEP_MS
from ivr.secrets import Secrets
from ivr.settings import Settings
from ivr.testcaller.caller import Caller
from ivr.testcaller.telephones import Telephones
from tests.exchange import TOWN_HALL, application, ari_address, pitch, tone, until_empty
from tests.retention_rows import all_of
from tests.test_messages import NUMBER, box, message_of, parts

__all__ = ["box", "parts"]  # fixtures

pytestmark = pytest.mark.telephone

SPOKEN_HZ, SPOKEN_MS = 620, 2500


@pytest.fixture
async def night(
    parts: Parts, settings: Settings, secrets: Secrets, asterisk: AsteriskProcess
) -> AsyncIterator[None]:
    """Calls are taken, at night."""
    async with application(ari_address(settings, secrets), partial(handle, parts=parts)):
        yield
    await until_empty(asterisk)


async def until_beep(caller: Caller) -> None:
    """Where the prompts of these tests are silent, the first sound is the beep; hear it end."""
    heard = await caller.listen(until_silence_ms=300, at_most_s=20)
    assert abs(pitch(heard.pcm) - BEEP_HZ) < 20
    assert abs(heard.segment.seconds * 1000 - BEEP_MS) < 100


async def logged(database: Database) -> Call:
    """The only call, once it is over."""
    async with asyncio.timeout(30):
        while True:
            calls = await all_of(database, Call)
            if calls and calls[0].ended_at is not None:
                return calls[0]


@asynccontextmanager
async def recording(phones: Telephones) -> AsyncIterator[Caller]:
    """A caller whom the machine has begun to record."""
    async with phones.call(TOWN_HALL, "0612345678") as caller:
        await caller.until_answered()
        await caller.press("0")
        await caller.press("3")
        await until_beep(caller)
        yield caller


async def test_a_message_is_left_with_keys(
    night: None, phones: Telephones, database: Database, tmp_path: Path
) -> None:
    async with recording(phones) as caller:
        await caller.say(tone(SPOKEN_MS, SPOKEN_HZ))
        await caller.press("#")
        await caller.press("2")
        again = await caller.listen(at_most_s=6)
        assert abs(pitch(again.pcm) - SPOKEN_HZ) < 20
        assert abs(again.segment.seconds * 1000 - SPOKEN_MS) < 100, "nothing of the beep is left"
        await caller.press("1")
        await until_kept(database)
    message = await message_of(database)
    sound = read_wav(tmp_path / "messages" / message.file)
    assert abs(pitch(sound) - SPOKEN_HZ) < 20
    assert SPOKEN_MS - 100 <= duration_ms(sound) <= SPOKEN_MS + 1500, "until the key"
    (callback,) = await all_of(database, Callback)
    assert (callback.number, callback.origin) == (NUMBER, "message")
    assert (await logged(database)).outcome == "callback"


async def test_a_caller_who_hangs_up_in_mid_message_has_left_it(
    night: None, phones: Telephones, database: Database, tmp_path: Path
) -> None:
    async with recording(phones) as caller:
        talking = asyncio.create_task(caller.say(tone(10_000, SPOKEN_HZ)))
        for _ in range(100):  # two seconds of them
            await caller.until_frame()
        await caller.hang_up()
        await asyncio.gather(talking, return_exceptions=True)
    assert (await logged(database)).outcome == "callback"
    message = await message_of(database)
    sound = read_wav(tmp_path / "messages" / message.file)
    assert abs(pitch(sound) - SPOKEN_HZ) < 20
    said_ms = sum(segment.seconds for segment in caller.timeline.near()) * 1000
    assert said_ms - 300 <= duration_ms(sound) < 5000, "all that was on the wire before"
    assert said_ms > 500
    assert message.state == "kept"


async def until_kept(database: Database) -> None:
    async with asyncio.timeout(30):
        while (await message_of(database)).state != "kept":
            continue
