"""What becomes of callers when the application, its connection or Asterisk breaks in mid-call."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.asterisk.ari import AriAddress
from ivr.asterisk.ari_leg import AriLeg
from ivr.asterisk.process import switchboard
from ivr.asterisk.render import QueueSpec
from ivr.errors import AsteriskError, CallerGone
from ivr.events import KeyPressed
from ivr.secrets import load_or_create
from ivr.testcaller.network import Network, private_settings
from ivr.testcaller.telephones import Telephones, telephones
from tests.exchange import TOWN_HALL, answered, application, ari_address, tone, until

pytestmark = [pytest.mark.telephone, pytest.mark.usefixtures("nothing_left")]


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
            async with asyncio.timeout(5):
                while calls.active != 1:  # noqa: ASYNC110 - the second is let go of in a moment
                    await asyncio.sleep(0.01)
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
            async with asyncio.timeout(10):
                await calls.connected.wait()
            await caller.press("1")
            await caller.until_sound()
            calls.connected.clear()
            line.cut()
            await caller.hang_up()
            await caller.until_ended()
            line.mend()
            async with asyncio.timeout(10):
                assert await gone.get() == "0612345678"


async def test_an_asterisk_that_dies_ends_its_calls_and_is_served_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    settings = private_settings(tmp_path / "var")
    secrets = load_or_create(settings.paths.var)
    started = asyncio.Event()
    ended: asyncio.Queue[Exception] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        started.set()
        try:
            await until(leg, KeyPressed("never"))
        except (AsteriskError, CallerGone) as error:
            ended.put_nowait(error)
            raise

    async with (
        switchboard(settings, secrets, [QueueSpec("accueil", "Accueil")], []) as asterisk,
        Network(tmp_path / "network", settings, secrets) as network,
        telephones(network) as phones,
        application(ari_address(settings, secrets), handle) as calls,
    ):
        async with answered(phones):
            await started.wait()
            await asterisk.kill()
            async with asyncio.timeout(5):
                assert "sound of the call was lost" in str(await ended.get())
        calls.connected.clear()
        await asterisk.start()
        async with asyncio.timeout(20):
            await calls.connected.wait()
        assert calls.active == 0
        started.clear()
        async with answered(phones):
            await started.wait()


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
