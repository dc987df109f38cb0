"""Real calls through the dialplan: callers are looked after whatever the application does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from ivr.asterisk.ari import Ari, AriAddress, Connected
from ivr.asterisk.ari_messages import StasisStart
from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.render import ARI_APP, ARI_USER, OFFER, OFFER_EVERY, OPERATORS
from ivr.events import CallerId
from ivr.secrets import Secrets
from ivr.settings import Settings
from ivr.testcaller.caller import Person
from ivr.testcaller.telephones import Telephones
from ivr.waiting.sounds import ENDING
from tests.exchange import pitch, tone

pytestmark = pytest.mark.telephone

TOWN_HALL = "0232001000"
BEEP = b"\x00\x20\x00\xe0" * 8000
"""A second of a loud 4 kHz tone; the line's filters leave enough of it."""


class Application:
    """What the dialplan sees of the application: calls come in, and are sent on."""

    def __init__(self, ari: Ari) -> None:
        self.ari = ari
        self._started: asyncio.Queue[StasisStart] = asyncio.Queue()

    async def listen(self, ready: asyncio.Event) -> None:
        """Take calls until cancelled."""
        async with aclosing(self.ari.listen()) as events:
            async for event in events:
                if isinstance(event, Connected):
                    ready.set()
                elif isinstance(event, StasisStart):
                    self._started.put_nowait(event)

    async def next_call(self) -> StasisStart:
        """The next call that the dialplan hands over."""
        async with asyncio.timeout(20):
            return await self._started.get()

    async def send(
        self, call: StasisStart, queue: str, *, reason: str = "", priority: int = 0
    ) -> None:
        """Send a call to people, as the real one does."""
        await self.ari.set_variable(call.channel.id, "IVR_REASON", reason)
        await self.ari.set_variable(call.channel.id, "QUEUE_PRIO", str(priority))
        await self.ari.resume(call.channel.id, OPERATORS, queue)


@asynccontextmanager
async def running(settings: Settings, secrets: Secrets) -> AsyncIterator[Application]:
    address = AriAddress("127.0.0.1", settings.asterisk.http_port, ARI_USER, secrets.ari)
    ready = asyncio.Event()
    async with Ari(address, ARI_APP) as ari:
        application = Application(ari)
        listening = asyncio.create_task(application.listen(ready))
        try:
            async with asyncio.timeout(30):
                await ready.wait()
            yield application
        finally:
            listening.cancel()
            await asyncio.wait([listening])


@pytest.fixture
async def application(
    settings: Settings, secrets: Secrets, phones: Telephones
) -> AsyncIterator[Application]:
    """An application that takes calls and does nothing with them."""
    async with running(settings, secrets) as application:
        yield application


@pytest.fixture(autouse=True)
async def no_call_left(asterisk: AsteriskProcess) -> AsyncIterator[None]:
    """Each test ends with no channel in the switchboard."""
    yield
    async with asyncio.timeout(30):
        await asterisk.until("core show channels concise", lambda shown: not shown)


@asynccontextmanager
async def limits(asterisk: AsteriskProcess, **seconds: int) -> AsyncIterator[None]:
    """Other values of the dialplan's globals, for a while."""
    shown = (await asterisk.rx("dialplan show globals")).splitlines()
    before = dict(line.strip().split("=", 1) for line in shown if "=" in line)
    for name, value in seconds.items():
        await asterisk.rx(f"dialplan set global {name} {value}")
    try:
        yield
    finally:
        for name in seconds:
            await asterisk.rx(f"dialplan set global {name} {before[name]}")


@asynccontextmanager
async def offered_every(asterisk: AsteriskProcess, seconds: int) -> AsyncIterator[None]:
    """Those who wait hear what they can do that often, for a while."""
    file = asterisk.home.etc / "queues.conf"
    usual = file.read_text(encoding="utf-8")
    often = usual.replace(f"-frequency = {OFFER_EVERY}", f"-frequency = {seconds}")
    assert often != usual
    file.write_text(often, encoding="utf-8")
    await asterisk.rx("module reload app_queue.so")
    try:
        yield
    finally:
        file.write_text(usual, encoding="utf-8")
        await asterisk.rx("module reload app_queue.so")


async def hears(person: Person, other: Person) -> None:
    """The other's voice arrives."""
    person.skip()
    saying = asyncio.create_task(other.say(BEEP))
    await person.until_sound()
    await saying


async def test_without_the_application_an_operator_answers(phones: Telephones) -> None:
    async with phones.call(TOWN_HALL, "0612345678") as caller:
        ringing = await phones.desk_rings("101")
        assert (ringing.presented.number, ringing.presented.name) == ("0612345678", "Accueil")
        await ringing.answer()
        await caller.until_answered()
        await hears(ringing, caller)
        await ringing.hang_up()
        await caller.until_ended()


@pytest.mark.parametrize("dialled", ["0", "100", "+33232001000", "accueil", "*31#", "operators"])
async def test_every_number_of_the_trunk_is_answered(
    dialled: str, application: Application, phones: Telephones
) -> None:
    async with phones.call(dialled):
        assert (await application.next_call()).args == ()


async def test_the_operator_of_the_consoles_choice_reads_and_hears_why_the_caller_calls(
    application: Application, settings: Settings, phones: Telephones
) -> None:
    whisper = settings.sounds / f"0123abcd{ENDING}"
    whisper.parent.mkdir(parents=True, exist_ok=True)
    whisper.write_bytes(tone(1000, 1100))
    async with phones.call(TOWN_HALL, "0612345678", name="Paul") as caller:
        call = await application.next_call()
        await application.ari.set_variable(call.channel.id, "IVR_OPERATOR", "102")
        await application.ari.set_variable(call.channel.id, "IVR_WHISPER", "0123abcd")
        reason = "Renouvellement d'une carte d'identité égarée cet été"
        await application.send(call, "accueil", reason=reason)
        chosen = await phones.desk_rings("102")
        assert chosen.presented.number == "0612345678"
        name = chosen.presented.name.rstrip()
        assert name == "Renouvellement d'une carte d'identité", "no half letter"
        await chosen.answer()
        assert round(pitch((await chosen.listen(400, 5)).pcm)) == 1100
        await hears(chosen, caller)
    whisper.unlink()


async def test_when_the_operator_of_the_consoles_choice_refuses_the_queue_rings(
    application: Application, phones: Telephones
) -> None:
    async with phones.call(TOWN_HALL, "0612345678"):
        call = await application.next_call()
        await application.ari.set_variable(call.channel.id, "IVR_OPERATOR", "102")
        await application.send(call, "accueil")
        await (await phones.desk_rings("102")).refuse()
        await phones.desk_rings("101")


async def test_nobody_picks_up_then_the_overflow_then_back(
    asterisk: AsteriskProcess, application: Application, phones: Telephones
) -> None:
    async with limits(asterisk, WAIT=1), phones.call(TOWN_HALL, name="Paul"):
        await application.send(await application.next_call(), "etat-civil")
        assert (await phones.desk_rings("102")).presented.name == "État civil"
        await phones.desk_rings("101")
        back = await application.next_call()
        assert back.args == ("returned", "TIMEOUT")
        assert back.channel.caller.name == "Paul"
        assert await application.ari.variable(back.channel.id, "CALLERID(dnid)") == TOWN_HALL


async def test_nobody_there_at_all(application: Application, phones: Telephones) -> None:
    async with phones.call(TOWN_HALL):
        await application.send(await application.next_call(), "urbanisme")
        assert (await application.next_call()).args == ("returned", "JOINEMPTY")


async def test_everybody_at_lunch(
    asterisk: AsteriskProcess, application: Application, phones: Telephones
) -> None:
    await asterisk.rx("queue pause member PJSIP/poste-101 queue accueil")
    try:
        async with phones.call(TOWN_HALL):
            await application.send(await application.next_call(), "accueil")
            assert (await application.next_call()).args == ("returned", "JOINEMPTY")
    finally:
        await asterisk.rx("queue unpause member PJSIP/poste-101 queue accueil")


async def test_a_queue_that_does_not_exist(application: Application, phones: Telephones) -> None:
    async with phones.call(TOWN_HALL):
        await application.send(await application.next_call(), "piscine")
        await phones.desk_rings("101")


async def test_urgent_callers_come_first_and_hear_offers_in_their_language(
    asterisk: AsteriskProcess, application: Application, settings: Settings, phones: Telephones
) -> None:
    offers = {"fr": 500, "en": 900}
    for language, hz in offers.items():
        sound = settings.sounds / language / f"{OFFER}{ENDING}"
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(tone(1500, hz))
    async with offered_every(asterisk, 1), phones.call(TOWN_HALL, "0600000001"):
        await application.send(await application.next_call(), "accueil")
        busy = await phones.desk_rings("101")
        await busy.answer()
        async with (
            phones.call(TOWN_HALL, "0600000002") as french,
            phones.call(TOWN_HALL, "0600000003") as english,
        ):
            for _ in range(2):
                call = await application.next_call()
                urgent = call.channel.caller.number == "0600000003"
                language = "en" if urgent else "fr"
                await application.ari.set_variable(call.channel.id, "CHANNEL(language)", language)
                await application.send(call, "accueil", priority=10 if urgent else 0)
            async with asyncio.timeout(30):
                shown = await asterisk.until("queue show accueil", lambda said: "2. PJSIP" in said)
            assert shown.index("prio: 10") < shown.index("prio: 0")
            heard = await asyncio.gather(french.listen(9000, 3), english.listen(9000, 3))
            assert [round(pitch(one.pcm), -1) for one in heard] == list(offers.values())
            await busy.hang_up()
            assert (await phones.desk_rings("101")).presented.number == "0600000003"


async def test_an_application_that_hangs_loses_its_calls(
    asterisk: AsteriskProcess, application: Application, phones: Telephones
) -> None:
    async with limits(asterisk, LONGEST=1, WAIT=1, PAUSE=1), phones.call(TOWN_HALL):
        await application.next_call()
        await phones.desk_rings("101")
        assert (await application.next_call()).args == ("returned", "TIMEOUT")
        await phones.desk_rings("101")


async def test_an_application_that_died_meanwhile(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets, phones: Telephones
) -> None:
    async with limits(asterisk, WAIT=1, PAUSE=1, ROUNDS=1), phones.call(TOWN_HALL) as caller:
        async with running(settings, secrets) as application:
            await application.send(await application.next_call(), "accueil")
            await phones.desk_rings("101")
        await phones.desk_rings("101", 30)
        await caller.until_ended()
        heard = caller.timeline.heard
        assert heard.ends[-1] - caller.timeline.far()[-1].end < 1, "hung up in silence"


async def test_a_call_does_not_go_in_circles(
    asterisk: AsteriskProcess, application: Application, phones: Telephones
) -> None:
    async with limits(asterisk, VISITS=1), phones.call(TOWN_HALL) as caller:
        await application.send(await application.next_call(), "urbanisme")
        caller.skip()
        await application.send(await application.next_call(), "urbanisme")
        await caller.until_sound()
        await caller.until_ended()


@pytest.mark.parametrize(
    ("name", "number", "caller"),
    [
        ("Mme Élodie Martin", "0612345678", CallerId("0612345678", "Mme Élodie Martin")),
        (
            'Paul "le grand" O\'Neil',
            "+33612345678",
            CallerId("+33612345678", "Paul le grand O'Neil"),
        ),
        ("😀 Zoé 🎉", "0612345678", CallerId("0612345678", "😀 Zoé 🎉")),
        ("${SHELL(id)}$[1+1]", "0612345678", CallerId("0612345678", "SHELLid1+1")),
        (
            "x)),Dial(PJSIP/0899@trunk,",
            "0612345678",
            CallerId("0612345678", "xDialPJSIP/0899trunk"),
        ),
        ("\\\\", "0612345678", CallerId("0612345678", "")),
        ("é" * 39, "0612345678", CallerId("0612345678", "é" * 39)),
        ("", "anonymous", CallerId(None)),
    ],
)
async def test_caller_ids_of_all_kinds(
    name: str, number: str, caller: CallerId, application: Application, phones: Telephones
) -> None:
    async with phones.call(TOWN_HALL, number, name=name):
        call = await application.next_call()
        assert call.channel.caller.number == (caller.number or "")
        assert call.channel.caller.name == caller.name
        await application.send(call, "accueil", reason=f'{name}"\r\n<sip:x>')
        presented = (await phones.desk_rings("101")).presented
    assert presented.number == (caller.number or "")
    assert len(presented.name.encode()) <= 40
    assert not set('"\r\n<>\\$') & set(presented.name)
