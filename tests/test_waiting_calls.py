"""Real calls that wait: the caller presses keys, operators answer, are busy, or ignore it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.asterisk.ami import Ami, AmiAddress
from ivr.asterisk.process import AsteriskProcess, switchboard
from ivr.asterisk.render import AMI_USER, ARI_APP
from ivr.call import Mind, Parts, handle
from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import QueueStay
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.talk import Talk
from ivr.knowledge.directory import Operator
from ivr.knowledge.load import load
from ivr.operators.presence import FREE, Presence, follow
from ivr.secrets import Secrets, load_or_create
from ivr.settings import Hearing, Settings
from ivr.speech.listener import Listener
from ivr.testcaller.caller import Caller, Incoming
from ivr.testcaller.network import Network, private_settings
from ivr.testcaller.telephones import Telephones, telephones
from ivr.waiting.desk import OperatorsDesk
from ivr.waiting.missed import missed
from ivr.waiting.record import Recorder
from ivr.waiting.sounds import Sounds
from ivr.waiting.stays import Stays
from tests.conftest import PHONES, QUEUES
from tests.exchange import TOWN_HALL, application, ari_address, pitch, tone, until_empty
from tests.test_call import nothing_said
from tests.test_dialplan import hears, limits
from tests.test_listener import Engine

pytestmark = pytest.mark.telephone

MORNING = datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
KNOWLEDGE = load(Path(__file__).parents[1] / "knowledge")
SPOKEN, WHISPERED = 700, 1100
"""Pitch of all that the machine says, and of what it whispers, in Hz."""


class Voice:
    """A short tone for each sentence; another one for what is whispered."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.speaks = asyncio.Event()

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        self.said.append(sentence)
        self.speaks.set()
        return tone(60, SPOKEN)


class Whisperer(Voice):
    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        return tone(800, WHISPERED)


@dataclass
class Waiting:
    """A switchboard whose operators are 101 (accueil) and 102 (etat-civil)."""

    asterisk: AsteriskProcess
    phones: Telephones
    presence: Presence
    database: Database
    voice: Voice

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until the operators' states say so."""
        changed = asyncio.Event()
        self.presence.subscribe(changed.set)
        async with asyncio.timeout(30):
            while not true():
                changed.clear()
                await changed.wait()

    async def until_said(self, part: str) -> None:
        """Wait until the machine begins to say so."""
        async with asyncio.timeout(15):
            while not any(part in said for said in self.voice.said):
                self.voice.speaks.clear()
                await self.voice.speaks.wait()

    @asynccontextmanager
    async def call(self, number: str, keys: str = "0") -> AsyncIterator[Caller]:
        """A caller who has asked for somebody."""
        async with self.phones.call(TOWN_HALL, number) as caller:
            await caller.until_answered()
            await caller.press(keys)
            yield caller

    async def rings(self, number: str) -> Incoming:
        """The call of this number at the reception's desk."""
        while (incoming := await self.phones.desk_rings("101", 30)).presented.number != number:
            pass
        return incoming

    async def order(self, *numbers: str) -> None:
        """Wait until exactly these callers are in the reception's queue, in this order."""

        def now() -> list[str]:
            found = [one for one in self.presence.callers() if one.queue == "accueil"]
            return [one.number for one in found]

        await self.until(lambda: sorted(now()) == sorted(numbers))
        shown = await self.asterisk.rx("queue show accueil")
        channels = await self.asterisk.rx("core show channels concise")
        by_channel = {line.split("!")[0]: line.split("!")[7] for line in channels.splitlines()}
        places = [by_channel[line.split()[1]] for line in shown.splitlines() if "(wait:" in line]
        assert places == list(numbers)

    async def stays(self) -> list[tuple[str | None, str, str | None]]:
        """Who stayed where, by the order of their coming, and how it ended."""
        rows = await self.database.run(
            lambda session: list(session.scalars(select(QueueStay).order_by(QueueStay.id)))
        )
        return [(row.caller_number, row.outcome, row.operator) for row in rows]


@pytest.fixture
async def waiting(
    settings: Settings,
    secrets: Secrets,
    asterisk: AsteriskProcess,
    phones: Telephones,
    tmp_path: Path,
) -> AsyncIterator[Waiting]:
    async with following(settings, secrets, asterisk, phones, tmp_path) as waiting:
        yield waiting


@asynccontextmanager
async def following(
    settings: Settings,
    secrets: Secrets,
    asterisk: AsteriskProcess,
    phones: Telephones,
    folder: Path,
) -> AsyncIterator[Waiting]:
    """The parts of the application that calls and queues need."""
    ami = Ami(AmiAddress("127.0.0.1", settings.asterisk.ami_port, AMI_USER, secrets.ami))
    operators = (
        Operator(name="Élodie Martin", extension="101", departments=("accueil",)),
        Operator(name="Jean-Noël", extension="102", departments=("etat-civil",)),
    )
    now = partial(datetime.now, UTC)
    presence, stays, voice = Presence(operators, now), Stays(now), Voice()
    database = Database(f"sqlite:///{folder / 'calls.sqlite'}")
    recorder = Recorder(database, stays, ami, now)
    sounds = Sounds(settings.sounds, Whisperer())
    parts = Parts(
        mind=Mind(Dialogue(Talk(KNOWLEDGE)), nothing_said),
        speech=voice,
        listener=partial(Listener, Engine(), Hearing()),
        calllog=CallLog(database),
        callbacks=Callbacks(database),
        now=lambda: MORNING,
        longest_s=600,
        desk=OperatorsDesk(presence.queues, stays, sounds),
    )
    async with application(ari_address(settings, secrets), partial(handle, parts=parts)):
        tasks = [asyncio.create_task(one) for one in (ami.run(), follow(presence, ami))]
        tasks.append(asyncio.create_task(recorder.run()))
        found = Waiting(asterisk, phones, presence, database, voice)
        await found.until(lambda: presence.known)
        yield found
        await until_empty(asterisk)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await sounds.close()
    await database.close()


async def test_free_the_operator_hears_why_and_the_caller_does_not(waiting: Waiting) -> None:
    async with waiting.call("0600000001") as caller:
        ringing = await waiting.rings("0600000001")
        assert ringing.presented.name == "Demande un agent"
        caller.skip()
        await ringing.answer()
        heard = await ringing.listen(400, 5)
        assert round(pitch(heard.pcm)) == WHISPERED
        meanwhile = await caller.listen(10_000, 1)
        assert not meanwhile.pcm or abs(pitch(meanwhile.pcm) - WHISPERED) > 50
        await hears(ringing, caller)
    await waiting.until(lambda: not waiting.presence.callers())
    async with asyncio.timeout(30):
        while await waiting.stays() != [("0600000001", "answered", "101")]:
            continue


async def test_busy_a_key_leads_to_a_callback_and_back_to_the_place(waiting: Waiting) -> None:
    async with waiting.call("0600000001"):
        talking = await waiting.rings("0600000001")
        await talking.answer()
        free = waiting.presence.queues
        await waiting.until(lambda: free()["accueil"].free == 0 and not free()["accueil"].waiting)
        async with waiting.call("0600000002") as second:
            await waiting.until_said("prochain appelant")
            await waiting.order("0600000002")
            async with waiting.call("0600000003"):
                await waiting.until_said("2e position")
                await waiting.order("0600000002", "0600000003")
                await second.press("1")
                await waiting.until_said("gardez votre place")
                await waiting.order("0600000003")
                await second.press("#")
                await waiting.order("0600000002", "0600000003")
        await talking.hang_up()
    async with asyncio.timeout(30):
        while len([one for one in await waiting.stays() if one[1] == "abandoned"]) < 2:
            continue
    assert ("0600000002", "key", None) in await waiting.stays()
    numbers = {one.number for one in await missed(waiting.database, MORNING.replace(year=2020))}
    assert numbers == {"0600000002", "0600000003"}


async def test_ignored_the_caller_comes_back_and_is_called_back(waiting: Waiting) -> None:
    async with limits(waiting.asterisk, WAIT=1), waiting.call("0600000004") as caller:
        await waiting.rings("0600000004")  # and nobody picks up
        await waiting.until_said("Pour qu'on vous rappelle")
        await caller.press("1")
        await waiting.until_said("06 00 00 00 04")
    async with asyncio.timeout(30):
        while [one[1] for one in await waiting.stays()] != ["timeout"]:
            continue


async def test_asterisk_is_killed_while_callers_wait(tmp_path: Path) -> None:
    settings = private_settings(tmp_path / "var")
    secrets = load_or_create(settings.paths.var, [one.extension for one in PHONES])
    async with (
        switchboard(settings, secrets, QUEUES, PHONES) as asterisk,
        Network(tmp_path / "network", settings, secrets, ["101", "102"]) as network,
        telephones(network) as phones,
        following(settings, secrets, asterisk, phones, tmp_path) as waiting,
    ):
        async with waiting.call("0600000001"):
            talking = await waiting.rings("0600000001")
            await talking.answer()
            await waiting.until(lambda: not waiting.presence.callers())
            async with waiting.call("0600000002"):
                await waiting.order("0600000002")
                await asterisk.kill()
                await waiting.until(lambda: not waiting.presence.known)
                await asterisk.start()
                await waiting.until(lambda: waiting.presence.known)
        assert waiting.presence.callers() == ()
        ended = [("0600000001", "answered", "101"), ("0600000002", "unknown", None)]
        found = None
        with suppress(TimeoutError):  # what it was instead is told below
            async with asyncio.timeout(60):
                while (found := await waiting.stays()) != ended:
                    continue
        assert found == ended
        (lost,) = await missed(waiting.database, MORNING.replace(year=2020))
        assert lost.number == "0600000002"
        await waiting.until(
            lambda: [one.state for one in waiting.presence.snapshot()] == 2 * [FREE]
        )
        assert not [one.call_id for one in waiting.presence.snapshot() if one.call_id]
        async with asyncio.timeout(30):
            await asterisk.until("ari show apps", lambda shown: ARI_APP in shown)
        async with waiting.call("0600000003"):
            await waiting.rings("0600000003")
