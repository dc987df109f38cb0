"""Real calls on the real Asterisk: sound both ways, barge-in, keys, and hang-ups at any moment."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from ivr.asterisk.ari import AriAddress
from ivr.asterisk.ari_leg import AriLeg
from ivr.asterisk.media import Pacing
from ivr.asterisk.process import AsteriskProcess
from ivr.audio.pcm import FRAME_BYTES, FRAME_MS, silence
from ivr.errors import CallerGone
from ivr.events import CallerId, Frame, Interrupted, KeyPressed, LegEvent, Played, QueueRequest
from ivr.secrets import Secrets
from ivr.settings import Settings
from ivr.testcaller.caller import Caller, Telephones
from tests.exchange import TOWN_HALL, application, ari_address, pitch, tone, until_empty

pytestmark = pytest.mark.telephone


@pytest.fixture
def address(settings: Settings, secrets: Secrets) -> AriAddress:
    """ARI of the switchboard."""
    return ari_address(settings, secrets)


@pytest.fixture(autouse=True)
async def nothing_left(asterisk: AsteriskProcess) -> AsyncIterator[None]:
    """Each test ends with no channel in the switchboard."""
    yield
    await until_empty(asterisk)


async def until(leg: AriLeg, wanted: LegEvent) -> list[LegEvent]:
    """Receive up to this event; returns what else came, frames apart."""
    others: list[LegEvent] = []
    while (event := await leg.receive()) != wanted:
        if not isinstance(event, Frame):
            others.append(event)
    return others


@asynccontextmanager
async def answered(phones: Telephones) -> AsyncIterator[Caller]:
    async with phones.call(TOWN_HALL) as caller:
        await caller.until_answered()
        yield caller


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


async def test_a_handler_that_fails_sends_the_caller_to_the_operators(
    address: AriAddress, phones: Telephones
) -> None:
    async def handle(leg: AriLeg) -> None:
        raise RuntimeError("a fault of ours")

    async with application(address, handle), phones.call(TOWN_HALL) as caller:
        operator = await phones.desk_rings("101")
        await operator.answer()
        await operator.hang_up()
        await caller.until_ended()


async def test_more_calls_than_allowed_go_to_the_operators(
    address: AriAddress, phones: Telephones
) -> None:
    taken = asyncio.Event()

    async def handle(leg: AriLeg) -> None:
        taken.set()
        await until(leg, KeyPressed("never"))

    async with application(address, handle, at_once=1) as calls, answered(phones) as first:
        await taken.wait()
        async with phones.call(TOWN_HALL):
            await phones.desk_rings("101")
            assert calls.active == 1
            assert not first.ended


async def test_stopping_sends_the_callers_to_the_operators(
    address: AriAddress, phones: Telephones
) -> None:
    async def handle(leg: AriLeg) -> None:
        await until(leg, KeyPressed("never"))

    async with phones.call(TOWN_HALL) as caller:
        async with application(address, handle):
            await caller.until_answered()
        await phones.desk_rings("101")
        assert not caller.ended


KILLED = """
import asyncio, sys
from ivr.asterisk.ari import Ari, AriAddress
from ivr.asterisk.calls import Calls

async def handle(leg):
    print("taken", flush=True)
    while True:
        await leg.receive()

async def main():
    address = AriAddress("127.0.0.1", int(sys.argv[1]), sys.argv[2], input())
    async with Ari(address, "allo-mairie") as ari:
        calls = Calls(ari, handle, at_once=10)
        serving = asyncio.create_task(calls.serve())
        await calls.connected.wait()
        print("ready", flush=True)
        await serving

asyncio.run(main())
"""


async def test_a_killed_application_is_followed_by_the_next_which_sends_its_callers_on(
    address: AriAddress, phones: Telephones
) -> None:
    pipe = asyncio.subprocess.PIPE
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(address.port), address.user, stdin=pipe, stdout=pipe
    )
    assert killed.stdin
    assert killed.stdout
    try:
        killed.stdin.write(f"{address.password}\n".encode())
        assert await killed.stdout.readline() == b"ready\n"
        async with answered(phones) as caller:
            assert await killed.stdout.readline() == b"taken\n"
            killed.kill()
            await killed.wait()

            async def handle(leg: AriLeg) -> None:
                raise AssertionError("no new call has come")

            async with application(address, handle):
                await phones.desk_rings("101")
                assert not caller.ended
    finally:
        if killed.returncode is None:
            killed.kill()
            await killed.wait()


async def test_a_call_outlives_a_break_of_the_event_socket(
    address: AriAddress, phones: Telephones
) -> None:
    """The conversation goes on; keys are heard again, and a hang-up meanwhile is found out."""
    started = asyncio.Event()
    gone: asyncio.Queue[str | None] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        started.set()
        try:
            await until(leg, KeyPressed("1"))
            await leg.play(tone(400), "well")
            await until(leg, KeyPressed("never"))
        except CallerGone:
            gone.put_nowait(leg.started.caller.number)
            raise

    async with cuttable(address.port) as line:
        through = AriAddress("127.0.0.1", line.port, address.user, address.password)
        async with application(through, handle) as calls, answered(phones) as caller:
            await started.wait()
            calls.connected.clear()
            line.cut()
            async with phones.call(TOWN_HALL, "0699999999"):
                await phones.desk_rings("101")  # new callers are not kept waiting meanwhile
            line.mend()
            await asyncio.wait_for(calls.connected.wait(), 10)
            await caller.press("1")
            await caller.until_sound()
            calls.connected.clear()
            line.cut()
            await caller.hang_up()
            await caller.until_ended()
            line.mend()
            assert await asyncio.wait_for(gone.get(), 10) == "0612345678"


class Cuttable:
    """A relay before ARI whose event sockets can be cut, and kept from coming back."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._whole = True
        self._events: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break the event sockets, and refuse new ones."""
        self._whole = False
        for writer in self._events:
            writer.transport.abort()

    def mend(self) -> None:
        """Let them come back."""
        self._whole = True

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        first = await reader.readline()
        if b"/ari/events" in first:
            if not self._whole:
                writer.transport.abort()
                return
            self._events.add(writer)
        onward, back = await asyncio.open_connection("127.0.0.1", self._target)
        back.write(first)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(onward, writer))
        finally:
            self._events.discard(writer)

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def cuttable(target: int) -> AsyncIterator[Cuttable]:
    line = Cuttable(target)
    server = await asyncio.start_server(line.relay, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    async with server:
        yield line
