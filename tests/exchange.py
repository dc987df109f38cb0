"""An application of a test's own behind the real switchboard, and what its calls leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from ivr.asterisk.ari import Ari, AriAddress
from ivr.asterisk.ari_leg import AriLeg, token_of
from ivr.asterisk.calls import Calls, Handler
from ivr.asterisk.media import Pacing
from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.render import ARI_APP, ARI_USER
from ivr.audio.form import SAMPLE_RATE
from ivr.audio.pcm import Samples, from_samples, to_samples
from ivr.events import Frame, LegEvent
from ivr.secrets import Secrets
from ivr.settings import Settings
from ivr.testcaller.caller import Caller
from ivr.testcaller.telephones import Telephones

TOWN_HALL = "0232001000"


def ari_address(settings: Settings, secrets: Secrets) -> AriAddress:
    """ARI of the switchboard."""
    return AriAddress("127.0.0.1", settings.asterisk.http_port, ARI_USER, secrets.ari)


@asynccontextmanager
async def application(
    address: AriAddress, handle: Handler, *, at_once: int = 100, pacing: Pacing | None = None
) -> AsyncIterator[Calls]:
    """Take the switchboard's calls with ``handle``; its end must leave no bridge and no task."""
    before = asyncio.all_tasks()
    async with Ari(address, ARI_APP) as ari:
        calls = Calls(ari, handle, at_once=at_once, pacing=pacing)
        serving = asyncio.create_task(calls.serve())
        try:
            async with asyncio.timeout(30):
                await calls.connected.wait()
            yield calls
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        async with asyncio.timeout(30):  # a busy Asterisk takes its time
            while any(token_of(ARI_APP, bridge.id) for bridge in await ari.bridges()):
                continue
    left = asyncio.all_tasks() - before
    assert not [task for task in left if "asterisk" in repr(task.get_coro())]


async def until(leg: AriLeg, wanted: LegEvent) -> list[LegEvent]:
    """Receive up to this event; returns what else came, frames apart."""
    others: list[LegEvent] = []
    while (event := await leg.receive()) != wanted:
        if not isinstance(event, Frame):
            others.append(event)
    return others


@asynccontextmanager
async def answered(phones: Telephones) -> AsyncIterator[Caller]:
    """A call to the town hall that has been answered."""
    async with phones.call(TOWN_HALL) as caller:
        await caller.until_answered()
        yield caller


async def until_empty(asterisk: AsteriskProcess) -> None:
    """Wait until no channel is left; raises TimeoutError."""
    async with asyncio.timeout(30):
        while await asterisk.channels():
            pass


async def until_on_disk(asterisk: AsteriskProcess) -> None:
    """Wait until Asterisk has written its own database; raises TimeoutError."""
    journal = asterisk.home.db / "astdb.sqlite3-journal"
    async with asyncio.timeout(30):
        while journal.exists():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)


def tone(ms: int, hz: int = 440) -> bytes:
    """A plain tone at -15 dBFS."""
    at = np.arange(SAMPLE_RATE * ms // 1000) / SAMPLE_RATE
    samples: Samples = (0.25 * np.sin(2 * np.pi * hz * at)).astype(np.float32)
    return from_samples(samples)


def pitch(pcm: bytes) -> float:
    """The strongest frequency in it, in Hz."""
    samples = to_samples(pcm)
    strongest = int(np.argmax(np.abs(np.fft.rfft(samples))))
    return strongest * SAMPLE_RATE / len(samples)
