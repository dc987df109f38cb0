"""Who is free, from what AMI tells; and from real telephones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from ivr.asterisk import ami_events as ami
from ivr.asterisk.ami import Ami, AmiAddress
from ivr.asterisk.ari import Ari, AriAddress
from ivr.asterisk.process import AsteriskProcess, switchboard
from ivr.asterisk.render import PENALTY, WRAP_UP
from ivr.knowledge.directory import Operator
from ivr.knowledge.load import load
from ivr.live.messages import Answer
from ivr.live.switch import Switch
from ivr.operators import presence as duty
from ivr.operators.presence import Availability, Presence, follow
from ivr.secrets import Secrets, load_or_create
from ivr.settings import Settings
from ivr.testcaller.network import private_settings
from ivr.testcaller.telephones import Telephones
from tests.conftest import PHONES, QUEUES
from tests.exchange import pitch, tone
from tests.test_ami import connected
from tests.test_dialplan import limits

ROOT = Path(__file__).parents[1]
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
OPERATORS = tuple(
    Operator(name=name, extension=extension, departments=departments)
    for name, extension, departments in (
        ("Martine Dubois", "101", ("accueil", "etat-civil")),
        ("Julien Caron", "102", ("accueil",)),
    )
)


class Town:
    """Two operators, a clock, and what AMI tells."""

    def __init__(self) -> None:
        self.at = START
        self.presence = Presence(OPERATORS, lambda: self.at)
        members = [self.member("101", queue) for queue in ("accueil", "etat-civil")]
        self.presence.learn([*members, self.member("102")], [])

    def member(
        self, extension: str, queue: str = "accueil", state: str = "free", reason: str = ""
    ) -> ami.Member:
        interface = duty.interface_of(extension)
        return ami.Member(queue, interface, "", state, bool(reason), reason, False, 0)

    def tell(self, *events: ami.AmiEvent) -> None:
        for event in events:
            self.presence.took(event)

    def doing(self) -> tuple[str, str | None]:
        """What 101 does, with which call."""
        one = self.presence.snapshot()[0]
        return one.state, one.call_id

    def states(self) -> list[str]:
        return [one.state for one in self.presence.snapshot()]


def test_nothing_is_known_before_asterisk_has_told() -> None:
    presence = Presence(OPERATORS, lambda: START)
    assert presence.department("accueil") is None
    assert presence.snapshot() == ()
    assert presence.queues() == {}


def test_the_states_of_an_operator() -> None:
    town, phone = Town(), "PJSIP/poste-101"
    assert town.states() == ["free", "free"]
    town.tell(town.member("101", state="ringing"), ami.AgentCalled("1.1", "accueil", phone))
    assert town.presence.snapshot()[0].call_id == "1.1"
    assert town.states()[0] == "ringing"
    town.tell(town.member("101", state="in-use"))
    assert town.states()[0] == "talking"
    town.tell(
        ami.UserEvent(WRAP_UP, {"operator": "101", "seconds": "30"}),
        ami.AgentCompleted("1.1", "accueil", phone, 10, 60, "caller"),
    )
    assert town.states()[0] == "wrap-up"
    assert town.presence.snapshot()[0].call_id is None
    town.tell(town.member("101"))
    assert town.states()[0] == "free", "it was over before its time"
    town.tell(town.member("101", state="busy"))
    town.at += timedelta(seconds=30)
    assert town.states()[0] == "talking", "a call of their own"
    town.tell(town.member("101", reason="repas"))
    assert (town.presence.snapshot()[0].state, town.presence.snapshot()[0].reason) == (
        "paused", "repas",
    )  # fmt: skip
    town.tell(town.member("101", reason="absent"))
    assert town.states()[0] == "signed-out"
    town.tell(town.member("101", state="unreachable"))
    assert town.states()[0] == "unreachable"


def test_a_call_for_one_operator_alone_is_known_until_it_is_over() -> None:
    town = Town()

    def rings(call_id: str) -> None:
        fields = {"callid": call_id, "operator": "101"}
        town.tell(ami.UserEvent("DirectCalled", fields), town.member("101", state="ringing"))
        assert town.doing() == ("ringing", call_id)

    def answered(call_id: str) -> None:
        rings(call_id)
        fields = {"callid": call_id, "operator": "101"}
        town.tell(town.member("101", state="in-use"), ami.UserEvent("StayAnswered", fields))
        assert town.doing() == ("talking", call_id)

    rings("1.1")
    town.tell(town.member("101"), ami.CallerJoined("1.1", "0612345678", "accueil", 1, 1))
    assert town.doing() == ("free", None), "they did not answer, and the queue has it"
    rings("2.2")
    town.tell(town.member("101"), ami.HungUp("2.2", "2.2", 16))
    assert town.doing() == ("free", None)
    answered("3.3")
    town.tell(ami.HungUp("3.3", "3.3", 16))
    assert town.doing() == ("talking", None), "until the telephone says otherwise"
    answered("4.4")
    town.tell(town.member("101"))
    assert town.doing() == ("free", None), "passed on: it goes on elsewhere"


@pytest.mark.parametrize(
    ("operator", "state", "answer"),
    [
        (None, "in-use", None), ("101", "free", None), ("101", "in-use", Answer.BUSY),
        ("101", "ringing", Answer.BUSY), ("101", "unreachable", Answer.BUSY),
        ("999", "free", Answer.UNKNOWN),
    ],
)  # fmt: skip
def test_the_console_passes_no_call_to_an_operator_who_is_taken(
    operator: str | None, state: str, answer: Answer | None
) -> None:
    town, knowledge = Town(), load(ROOT / "knowledge")
    lines = Ari(AriAddress("127.0.0.1", 1, "", ""), ""), Ami(AmiAddress("127.0.0.1", 1, "", ""))
    switch = Switch(*lines, lambda: knowledge, town.presence)
    town.tell(town.member("101", state=state))
    assert switch.serves("accueil", operator) is answer
    assert switch.serves("nulle-part", None) is Answer.UNKNOWN


def test_a_conversation_is_over_also_when_the_callers_channel_was_gone_first() -> None:
    town = Town()
    headers = {
        "event": "AgentComplete", "queue": "accueil", "interface": "PJSIP/poste-101",
        "holdtime": "3", "talktime": "60", "reason": "caller",
    }  # fmt: skip
    connected_to = ami.AgentConnected("1.1", "accueil", headers["interface"], 3)
    town.tell(ami.AgentCalled("1.1", "accueil", headers["interface"]), connected_to)
    assert town.presence.snapshot()[0].call_id == "1.1"
    completed = ami.parse(headers)
    assert completed is not None
    town.tell(completed)
    assert town.presence.snapshot()[0].call_id is None


def test_how_long_a_caller_would_wait() -> None:
    town, accueil = Town(), "accueil"
    assert town.presence.department(accueil) == Availability(2, 2, 0, 0.0)
    town.tell(*(town.member(one, state="in-use") for one in ("101", "102")))
    assert town.presence.department(accueil) == Availability(0, 2, 0, duty.TYPICAL_TALK_S / 2)
    town.tell(ami.AgentCompleted("1.1", accueil, "PJSIP/poste-101", 0, 60, "caller"))
    town.tell(ami.CallerJoined("2.1", "0612345678", accueil, 1, 1))
    assert town.presence.department(accueil) == Availability(0, 2, 1, 60.0)
    # Martine alone serves etat-civil, and half of those who wait for the reception are hers.
    assert town.presence.department("etat-civil") == Availability(0, 1, 0, 1.5 * 60)
    town.presence.renew(OPERATORS, 15)
    assert town.presence.department(accueil) == Availability(0, 2, 1, 75.0)
    # A caller of etat-civil is ahead of the next one at the reception too: Martine must take them.
    town.tell(ami.CallerJoined("3.1", "0612345679", "etat-civil", 1, 1))
    assert town.presence.department(accueil) == Availability(0, 2, 1, 3 * 75 / 2)
    town.tell(ami.CallerLeft("3.1", "etat-civil", 0), ami.CallerLeft("2.1", accueil, 0))
    assert town.presence.callers() == ()
    town.tell(*(town.member(one, reason="absent") for one in ("101", "102")))
    found = town.presence.department(accueil)
    assert found is not None
    assert (found.present, found.wait_s) == (0, None)


def test_an_outage_is_forgotten_once_everything_is_told_again() -> None:
    town = Town()
    town.tell(ami.CallerJoined("2.1", "0612345678", "accueil", 1, 1), ami.Disconnected())
    assert town.presence.department("accueil") is None
    town.presence.learn([town.member("102", reason="repas")], [("accueil", "3.1")])
    assert town.states() == ["signed-out", "paused"]
    assert [one.call_id for one in town.presence.callers()] == ["3.1"]


# --- with real telephones -------------------------------------------------------------------------

REAL = (
    Operator(name="Élodie Martin", extension="101", departments=("accueil",)),
    Operator(name="Jean-Noël D'Hervé", extension="102", departments=("etat-civil",)),
)


class Watch:
    """Waits for states."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._changed = asyncio.Event()
        presence.subscribe(self._changed.set)

    async def until_waiting(self, number: str) -> None:
        async with asyncio.timeout(15):
            while number not in [one.number for one in self._presence.callers()]:
                self._changed.clear()
                await self._changed.wait()

    async def until(self, extension: str, state: str, reason: str = "") -> None:
        try:
            async with asyncio.timeout(15):
                while True:
                    self._changed.clear()
                    found = self._presence.operator(extension)
                    if found and (found.state, found.reason) == (state, reason):
                        return
                    await self._changed.wait()
        except TimeoutError:
            pytest.fail(f"{extension} is not {state}: {self._presence.operator(extension)}")


@asynccontextmanager
async def watched(settings: Settings, secrets: Secrets) -> AsyncIterator[tuple[Ami, Watch]]:
    async with connected(settings, secrets) as (client, _):
        presence = Presence(REAL, lambda: datetime.now(UTC))
        watch = Watch(presence)
        following = asyncio.create_task(follow(presence, client))
        try:
            yield client, watch
        finally:
            following.cancel()
            await asyncio.wait([following])


@pytest.mark.telephone
async def test_real_telephones_are_followed(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets, phones: Telephones
) -> None:
    async with limits(asterisk, WRAP_UP=60), watched(settings, secrets) as (client, watch):
        await watch.until("101", "free")
        async with phones.call("0232001000") as caller:
            ringing = await phones.desk_rings("101")
            await watch.until("101", "ringing")
            await ringing.answer()
            await caller.until_answered()
            await watch.until("101", "talking")
        await watch.until("101", "wrap-up")
        async with phones.call("0232001000", "0687654321"):
            await watch.until_waiting("0687654321")
            await watch.until("101", "wrap-up")
            async with phones.desk_calls("101", "*1") as operator:
                await operator.until_answered()
            ringing = await phones.desk_rings("101")
            assert ringing.presented.number == "0687654321"
            await watch.until("101", "ringing")
            await ringing.answer()
            await watch.until("101", "talking")
        await watch.until("101", "wrap-up")
        await duty.resume(client, "101")
        await watch.until("101", "free")


@pytest.mark.telephone
async def test_operators_key_their_pauses(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets, phones: Telephones
) -> None:
    async with watched(settings, secrets) as (client, watch):
        await watch.until("102", "free")
        for code, state, reason in (
            ("*31", "paused", "repas"),
            ("*33", "paused", "réunion"),
            ("*2", "signed-out", ""),
            ("*1", "free", ""),
        ):
            async with phones.desk_calls("102", code) as operator:
                await operator.until_answered()
                await operator.until_sound()
                await watch.until("102", state, reason)
        await duty.pause(client, "102", "formation")
        await watch.until("102", "paused", "formation")
        assert await client.recall(duty.FAMILY, "102") == "formation"
        await duty.resume(client, "102")
        await watch.until("102", "free")
        assert await client.recall(duty.FAMILY, "102") is None


@pytest.mark.telephone
async def test_pauses_outlive_a_restart_without_the_application(tmp_path: Path) -> None:
    own = private_settings(tmp_path / "var")
    passwords = load_or_create(own.paths.var, [one.extension for one in PHONES])
    async with switchboard(own, passwords, QUEUES, PHONES) as asterisk:
        async with connected(own, passwords) as (client, _):
            await duty.pause(client, "101", "réunion")
            await duty.sign_out(client, "102")
        await asterisk.stop()
        await asterisk.start()
        async with asyncio.timeout(30):
            for queue, reason in (("accueil", "réunion"), ("etat-civil", "absent")):
                await asterisk.until(f"queue show {queue}", partial(has, f"paused:{reason}"))


def has(text: str, said: str) -> bool:
    """Whether Asterisk said so."""
    return text in said


@pytest.mark.telephone
async def test_backups_ring_when_the_others_are_taken(
    asterisk: AsteriskProcess, phones: Telephones
) -> None:
    await asterisk.rx(f"queue add member PJSIP/poste-102 to accueil penalty {PENALTY + 1}")
    try:
        async with phones.call("0232001000") as first:
            expert = await phones.desk_rings("101")
            await expert.answer()
            await first.until_answered()
            async with phones.call("0232001000", "0687654321"):
                backup = await phones.desk_rings("102")
                assert backup.presented.number == "0687654321"
    finally:
        await asterisk.rx("queue remove member PJSIP/poste-102 from accueil")


@pytest.mark.telephone
async def test_a_code_is_confirmed_in_our_own_voice(
    asterisk: AsteriskProcess, settings: Settings, phones: Telephones
) -> None:
    sound = settings.sounds / "fr" / "service-1.sln16"
    sound.parent.mkdir(parents=True, exist_ok=True)
    sound.write_bytes(tone(1500, 700))
    try:
        async with phones.desk_calls("101", "*1") as operator:
            await operator.until_answered()
            heard = await operator.listen(300, 10)
    finally:
        sound.unlink()
    assert abs(pitch(heard.pcm) - 700) < 20
