"""Real calls on the real Asterisk: sound both ways, barge-in, keys, and hang-ups at any moment."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from ivr.asterisk.ari import AriAddress
from ivr.asterisk.ari_leg import AriLeg
from ivr.asterisk.media import Pacing
from ivr.asterisk.process import AsteriskProcess
from ivr.audio.form import FRAME_BYTES, FRAME_MS, silence
from ivr.errors import CallerGone
from ivr.events import CallerId, Frame, Interrupted, KeyPressed, LegEvent, Played, QueueRequest
from ivr.testcaller.telephones import Telephones
from tests.exchange import (
    TOWN_HALL,
    answered,
    application,
    pitch,
    tone,
    until,
    until_empty,
)

pytestmark = [pytest.mark.telephone, pytest.mark.usefixtures("nothing_left")]


# --- sound -------------------------------------------------------------------------------------


async def test_sound_goes_both_ways_in_frames_of_20_ms(
    address: AriAddress, phones: Telephones
) -> None:
    heard = bytearray()
    sizes = set()

    async def handle(leg: AriLeg) -> None:
        await leg.play(tone(600, 800), "tone")
        await until(leg, Played("tone"))
        while True:
            event = await leg.receive()
            if isinstance(event, Frame):
                sizes.add(len(event.pcm))
                heard.extend(event.pcm)

    async with application(address, handle), answered(phones) as caller:
        told = await caller.listen(until_silence_ms=200)
        await caller.say(tone(600, 440) + silence(200))
    assert sizes == {FRAME_BYTES}
    assert pitch(told.pcm) == pytest.approx(800, abs=10)
    assert len(told.pcm) / 32 == pytest.approx(600, abs=2 * 200 + 100)  # with its margins
    assert pitch(bytes(heard)) == pytest.approx(440, abs=10)


async def test_who_calls_and_whom(address: AriAddress, phones: Telephones) -> None:
    legs: asyncio.Queue[AriLeg] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        legs.put_nowait(leg)
        await leg.hang_up()

    nasty = 'L\'été "chez" <Zoé> \\ 😀'
    async with (
        application(address, handle),
        phones.call(TOWN_HALL, "+33612345678", name=nasty) as caller,
    ):
        await caller.until_ended()
        started = (await legs.get()).started
    assert started.dialled == TOWN_HALL
    assert started.returned is None
    assert started.caller == CallerId("+33612345678", "L'été chez Zoé")


async def test_barge_in_stops_the_sound_and_nothing_stale_follows(
    address: AriAddress, phones: Telephones
) -> None:
    cut: list[Interrupted | None] = []
    after: list[LegEvent] = []

    async def handle(leg: AriLeg) -> None:
        await leg.play(tone(400), "first")
        await leg.play(tone(10_000), "long")
        before = await until(leg, KeyPressed("5"))
        assert before == [Played("first")]
        cut.append(await leg.flush())
        assert await leg.flush() is None
        await leg.play(silence(600) + tone(300, 1000), "next")
        after.extend(await until(leg, Played("next")))
        await leg.hang_up()

    async with application(address, handle), answered(phones) as caller:
        await caller.until_sound()
        while len(caller.timeline.heard) < 40:
            await caller.until_frame()
        await caller.press("5")
        await caller.until_ended()
        sounds = caller.timeline.far()
    assert after == []
    (interrupted,) = cut
    assert interrupted is not None
    assert interrupted.mark == "long"
    assert len(sounds) == 2
    on_the_wire = sounds[0].seconds * 1000
    assert abs(on_the_wire - 400 - interrupted.heard_ms) <= 150  # what was heard is known
    assert sounds[1].seconds * 1000 == pytest.approx(300, abs=100)


async def test_a_queue_that_is_full_is_respected_and_can_be_flushed(
    address: AriAddress, phones: Telephones
) -> None:
    """A minute at once, as much ahead as Asterisk allows: XOFF comes, and after it XON."""

    async def handle(leg: AriLeg) -> None:
        await leg.play(tone(60_000), "minute")
        for _ in range(50):
            await leg.receive()
        cut = await leg.flush()
        assert cut is not None
        assert 0 < cut.heard_ms <= 60 * FRAME_MS
        await leg.play(silence(300) + tone(500, 1000), "next")
        assert await until(leg, Played("next")) == []
        await leg.hang_up()

    pacing = Pacing(lead_ms=19_000, chunk_ms=500)
    async with application(address, handle, pacing=pacing), answered(phones) as caller:
        await caller.until_ended()
        sounds = caller.timeline.far()
    assert sounds[-1].seconds * 1000 == pytest.approx(500, abs=100)


async def test_each_key_arrives_once(address: AriAddress, phones: Telephones) -> None:
    keys: list[LegEvent] = []

    async def handle(leg: AriLeg) -> None:
        await leg.play(tone(20_000), "speech")
        keys.extend(await until(leg, KeyPressed("#")))
        await leg.hang_up()

    async with application(address, handle), answered(phones) as caller:
        await caller.press("0122*9#")
        await caller.until_ended()
    assert keys == [KeyPressed(key) for key in "0122*9"]


# --- leaving -----------------------------------------------------------------------------------


async def test_hang_ups_at_any_moment_leave_nothing_behind(
    address: AriAddress, phones: Telephones, asterisk: AsteriskProcess
) -> None:
    """Twenty calls, four at a time; each side ends the call when chance will have it."""

    async def handle(leg: AriLeg) -> None:
        chance = random.Random(leg.started.caller.number)
        for n in range(chance.randrange(6)):
            await leg.play(tone(chance.randrange(500)), f"m{n}")
            for _ in range(chance.randrange(12)):
                await leg.receive()
            if chance.random() < 0.4:
                await leg.flush()
        match chance.randrange(4):
            case 0:
                await leg.hang_up()
            case 1:
                await leg.send_to_queue(QueueRequest("urbanisme"))
            case 2:
                raise RuntimeError("a fault of ours")
            case _:
                await until(leg, KeyPressed("never"))

    async def one_call(seed: int) -> None:
        chance = random.Random(-seed)
        async with phones.call(TOWN_HALL, f"06000000{seed:02}") as caller:
            if chance.random() < 0.3:
                return  # before it was answered
            await caller.until_answered()
            with suppress(CallerGone):
                for _ in range(chance.randrange(40)):
                    await caller.until_frame()

    async with application(address, handle) as calls:
        for begin in range(0, 20, 4):
            await asyncio.gather(*(one_call(seed) for seed in range(begin, begin + 4)))
        await until_empty(asterisk)
        assert calls.active == 0
