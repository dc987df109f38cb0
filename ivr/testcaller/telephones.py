"""The telephones of the public network and of the operators' desks: who calls, and what rings."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from ivr.asterisk.ari import Ari, AriAddress, Connected
from ivr.asterisk.ari_messages import StasisStart
from ivr.testcaller.caller import Caller, Incoming, Manner
from ivr.testcaller.network import APP, USER, Network


class Telephones:
    """The telephones of the public network: they call, and they ring on operators' desks."""

    def __init__(self, ari: Ari, endpoint: Callable[[str], str], manner: Manner) -> None:
        self._ari = ari
        self._endpoint = endpoint
        self._manner = manner
        self._callers: dict[str, Caller] = {}
        self._rung: dict[str, asyncio.Queue[Incoming]] = defaultdict(asyncio.Queue)
        self._incoming: list[Incoming] = []

    @asynccontextmanager
    async def call(
        self, to: str, from_: str = "0612345678", *, name: str = "", manner: Manner | None = None
    ) -> AsyncIterator[Caller]:
        """Dial ``to``; the caller hangs up at the end of the block.

        ``name`` may hold anything, for the switchboard must bear it.
        """
        quoted = name.replace("\\", r"\\").replace('"', r"\"")
        async with self._dial(self._endpoint(to), f'"{quoted}" <{from_}>', manner) as caller:
            yield caller

    @asynccontextmanager
    async def desk_calls(self, extension: str, to: str) -> AsyncIterator[Caller]:
        """Dial ``to`` on an operator's telephone."""
        async with self._dial(f"PJSIP/{to}@poste-{extension}", f"<{extension}>") as caller:
            yield caller

    @asynccontextmanager
    async def _dial(
        self, endpoint: str, caller_id: str, manner: Manner | None = None
    ) -> AsyncIterator[Caller]:
        channel_id = f"caller-{uuid.uuid4().hex}"
        caller = Caller(self._ari, channel_id, manner or self._manner)
        self._callers[channel_id] = caller
        try:
            await self._ari.originate(channel_id, endpoint, caller_id)
            yield caller
        finally:
            await caller.close()
            del self._callers[channel_id]

    async def desk_rings(self, extension: str, at_most_s: float = 30) -> Incoming:
        """The next call that rings at an operator's desk; raises TimeoutError."""
        return await self._rings(f"poste-{extension}", at_most_s)

    async def transfer_refused(self, at_most_s: float = 30) -> Incoming:
        """The next call that an operator could not transfer, and has again; raises TimeoutError."""
        again = await self._rings("refused", at_most_s)
        again.connect()
        return again

    async def public_rings(self, number: str, at_most_s: float = 30) -> Incoming:
        """The next call from the town hall to a number outside; raises TimeoutError."""
        return await self._rings(number, at_most_s)

    async def _rings(self, telephone: str, at_most_s: float) -> Incoming:
        async with asyncio.timeout(at_most_s):
            while (incoming := await self._rung[telephone].get()).ended:
                pass  # it has stopped ringing
        return incoming

    async def listen(self, ready: asyncio.Future[None]) -> None:
        """Take what Asterisk tells, for ever."""
        async with aclosing(self._ari.listen()) as events:
            async for event in events:
                if isinstance(event, Connected) and not ready.done():
                    ready.set_result(None)
                elif isinstance(event, StasisStart):
                    self._started(event)

    def _started(self, event: StasisStart) -> None:
        channel = event.channel
        if caller := self._callers.get(channel.id):
            caller.connect()
        elif len(event.args) == 2:
            incoming = Incoming(self._ari, channel.id, self._manner, channel.caller)
            self._incoming.append(incoming)
            self._rung[event.args[1]].put_nowait(incoming)

    async def close(self) -> None:
        """Hang up all that rang at the desks."""
        await asyncio.gather(*(incoming.close() for incoming in self._incoming))


@asynccontextmanager
async def telephones(network: Network, manner: Manner | None = None) -> AsyncIterator[Telephones]:
    """The telephones of a running network: the public's, and those on the operators' desks."""
    address = AriAddress("127.0.0.1", network.ports.http, USER, network.ari_password)
    async with Ari(address, APP) as ari:
        await ari.ping()
        phones = Telephones(ari, network.endpoint, manner or Manner())
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        listening = asyncio.create_task(phones.listen(ready))
        try:
            await asyncio.wait([ready, listening], return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                await listening
            yield phones
        finally:
            await phones.close()
            listening.cancel()
            await asyncio.wait([listening])
