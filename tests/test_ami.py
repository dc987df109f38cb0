"""The manager interface of a real Asterisk: actions, events, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.asterisk import ami_events
from ivr.asterisk.ami import Ami, AmiAddress, Origination
from ivr.asterisk.ami_events import AmiEvent, Connected, Disconnected, HungUp, Member, MemberRemoved
from ivr.asterisk.process import AsteriskProcess, switchboard
from ivr.asterisk.render import AMI_USER
from ivr.errors import AmiRefused, AsteriskError
from ivr.secrets import Secrets, load_or_create
from ivr.settings import Settings
from ivr.testcaller.network import private_settings
from ivr.testcaller.telephones import Telephones
from tests.conftest import PHONES, QUEUES
from tests.exchange import until_on_disk

pytestmark = pytest.mark.telephone

TOWN_HALL = "0232001000"
PHONE = "PJSIP/poste-101"


class News:
    """What AMI has told, to be waited for."""

    def __init__(self, ami: Ami) -> None:
        self.events: list[AmiEvent] = []
        self._more = asyncio.Event()
        ami.subscribe(self._took)

    def _took(self, event: AmiEvent) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, wanted: Callable[[AmiEvent], bool], at_most_s: float = 15) -> AmiEvent:
        async with asyncio.timeout(at_most_s):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                self._more.clear()
                await self._more.wait()

    async def until_kind(self, kind: type, at_most_s: float = 15) -> AmiEvent:
        return await self.until(lambda event: isinstance(event, kind), at_most_s)


@asynccontextmanager
async def connected(settings: Settings, secrets: Secrets) -> AsyncIterator[tuple[Ami, News]]:
    address = AmiAddress("127.0.0.1", settings.asterisk.ami_port, AMI_USER, secrets.ami)
    ami = Ami(address)
    news = News(ami)
    running = asyncio.create_task(ami.run())
    try:
        async with asyncio.timeout(30):
            await ami.connected.wait()
        yield ami, news
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_wrong_password_is_told(asterisk: AsteriskProcess, settings: Settings) -> None:
    ami = Ami(AmiAddress("127.0.0.1", settings.asterisk.ami_port, AMI_USER, "wrong"))
    with pytest.raises(AmiRefused, match="password"):
        async with asyncio.timeout(10):
            await ami.run()


async def test_members_join_pause_and_leave(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets
) -> None:
    async with connected(settings, secrets) as (ami, news):
        await asterisk.rx(f'queue add member {PHONE} to urbanisme penalty 2 as "Élodie Martin"')
        await ami.pause_member(PHONE, paused=True, reason="repas")
        paused = [one for one in await ami.members() if one.queue == "urbanisme"]
        assert [(one.interface, one.name, one.paused, one.pause_reason, one.penalty)
                for one in paused] == [(PHONE, "Élodie Martin", True, "repas", 2)]  # fmt: skip
        await ami.pause_member(PHONE, paused=False)
        await asterisk.rx(f"queue remove member {PHONE} from urbanisme")
        await news.until(lambda event: isinstance(event, MemberRemoved))
        told = [event for event in news.events if isinstance(event, Member)]
        assert [one.paused for one in told if one.queue == "urbanisme"][:3] == [False, True, False]
        with pytest.raises(AsteriskError, match="QueuePause"):
            await ami.pause_member("PJSIP/nobody", paused=True)


async def test_values_outlive_a_kill_once_the_journal_is_gone(tmp_path: Path) -> None:
    settings = private_settings(tmp_path / "var")
    secrets = load_or_create(settings.paths.var, [phone.extension for phone in PHONES])
    process = switchboard(settings, secrets, QUEUES, PHONES)
    await process.start()
    try:
        async with connected(settings, secrets) as (ami, news):
            await ami.remember("callback", "4821", "accepted:101")
            assert await ami.recall("callback", "4821") == "accepted:101"
            assert await ami.recall("callback", "none") is None
            await ami.remember("callback", "4822", "accepted:102")
            journal = process.home.db / "astdb.sqlite3-journal"
            assert journal.exists(), "the dialplan of callbacks takes it to be on disk"
            await until_on_disk(process)
            await process.kill()
            await news.until_kind(Disconnected)
            with pytest.raises(AsteriskError, match="not connected"):
                await ami.members()
            news.events.clear()
            await process.start()
            await news.until_kind(Connected)
            assert await ami.recall("callback", "4821") == "accepted:101"
            assert await ami.recall("callback", "4822") == "accepted:102"
            await ami.forget("callback", "4821")
            await ami.forget("callback", "4821")
            assert await ami.recall("callback", "4821") is None
    finally:
        await process.stop()


async def test_connected_once_all_its_modules_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIRST_RETRY", "LONGEST_RETRY"):  # there before it has started
        monkeypatch.setattr(f"ivr.asterisk.ami.{name}", 0.01)
    settings = private_settings(tmp_path / "var")
    secrets = load_or_create(settings.paths.var, [phone.extension for phone in PHONES])
    async with (
        switchboard(settings, secrets, QUEUES, PHONES) as process,
        connected(settings, secrets) as (ami, news),
    ):
        for _ in range(3):
            await process.kill()
            await news.until_kind(Disconnected)
            news.events.clear()
            starting = asyncio.create_task(process.start())
            await news.until_kind(Connected, 30)
            assert {one.queue for one in await ami.members()} == {"accueil", "etat-civil"}
            await starting


async def test_a_call_is_followed(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets, phones: Telephones
) -> None:
    async with connected(settings, secrets) as (ami, news):
        call = Origination(PHONE, "call-of-a-test", "phones", "102", '"Rappel" <0612345678>', 20)
        await ami.originate(call)
        ringing = await phones.desk_rings("101")
        assert (ringing.presented.name, ringing.presented.number) == ("Rappel", "0612345678")
        assert "call-of-a-test" in await ami.channels()
        await ringing.refuse()
        ended = await news.until(
            lambda event: isinstance(event, HungUp) and event.channel_id == "call-of-a-test"
        )
        assert isinstance(ended, HungUp)
        assert ended.cause == 17
        await ami.hang_up("call-of-a-test")


async def test_callers_in_a_queue_are_followed(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets, phones: Telephones
) -> None:
    async with connected(settings, secrets) as (_, news):
        async with phones.call(TOWN_HALL, "0612345678") as caller:
            ringing = await phones.desk_rings("101")
            joined = await news.until_kind(ami_events.CallerJoined)
            assert isinstance(joined, ami_events.CallerJoined)
            assert (joined.number, joined.queue, joined.position) == ("0612345678", "accueil", 1)
            await ringing.answer()
            await caller.until_answered()
            taken = await news.until_kind(ami_events.AgentConnected)
            assert isinstance(taken, ami_events.AgentConnected)
            assert (taken.call_id, taken.interface) == (joined.call_id, PHONE)
        done = await news.until_kind(ami_events.AgentCompleted)
        assert isinstance(done, ami_events.AgentCompleted)
        assert done.reason == "caller"
        news.events.clear()
        async with phones.call(TOWN_HALL, "0612345678"):
            await phones.desk_rings("101")
        await news.until_kind(ami_events.CallerAbandoned)


@pytest.mark.parametrize("value", ["x\r\nAction: Command", "x\ny", "\x00"])
async def test_no_header_can_be_smuggled_in(
    value: str, asterisk: AsteriskProcess, settings: Settings, secrets: Secrets
) -> None:
    async with connected(settings, secrets) as (ami, _):
        with pytest.raises(ValueError, match="one line"):
            await ami.pause_member(PHONE, paused=True, reason=value)
        with pytest.raises(ValueError, match="one line"):
            await ami.originate(
                Origination(PHONE, "x", "phones", "102", variables={"IVR_REASON": value})
            )
