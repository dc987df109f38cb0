"""The ARI client against an Asterisk that can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from ivr.asterisk import ari as ari_module
from ivr.asterisk.ari import Ari, AriAddress, Connected
from ivr.asterisk.ari_messages import ChannelDtmfReceived, Event, NotUnderstood, parse_event
from ivr.errors import AriRefused, AsteriskError, CallerGone
from tests.fake_ari import APP, USER, event, fake_ari, until_raised

Happening = Event | Connected
NONSENSE = [
    "",
    "{",
    "null",
    "[1, 2]",
    '"StasisStart"',
    "{}",
    '{"type": 7}',
    '{"type": "StasisStart"}',
    '{"type": "StasisStart", "channel": "c1", "timestamp": "yesterday"}',
    '{"type": "ChannelDtmfReceived", "channel": {"id": "c1"}, "digit": "1"}',
    json.dumps({"type": "\x00" * 1000}),
    "[" * 100_000,
]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits in these tests."""
    monkeypatch.setattr(ari_module, "FIRST_RETRY", 0.001)


@asynccontextmanager
async def listening(address: AriAddress) -> AsyncIterator[tuple[Ari, AsyncIterator[Happening]]]:
    async with Ari(address, APP) as ari, aclosing(ari.listen()) as events:
        yield ari, events


# --- messages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood) as error:
        parse_event(text)
    assert error.value.key


def test_an_event_nobody_uses_is_told_from_a_broken_one() -> None:
    with pytest.raises(NotUnderstood) as error:
        parse_event(event("ChannelVarset", "c1"))
    assert error.value.unused


# --- the connection ----------------------------------------------------------------------------


async def test_events_arrive_in_order_and_nonsense_is_survived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with fake_ari() as fake, listening(fake.address) as (_, events):
        await anext(events)
        socket = await fake.sockets.get()
        for text in NONSENSE * 2:
            await socket.send_str(text)
        await socket.send_bytes(b"\x00\xff")
        for key in "123":
            await socket.send_str(event("ChannelDtmfReceived", "c1", digit=key))
        got = [await anext(events) for _ in range(3)]
    assert [e.digit for e in got if isinstance(e, ChannelDtmfReceived)] == ["1", "2", "3"]
    complaints = [r.message for r in caplog.records if "makes no sense" in r.message]
    assert complaints
    assert len(complaints) == len(set(complaints)) <= len(NONSENSE)


async def test_it_subscribes_to_its_own_application_only() -> None:
    async with fake_ari() as fake, listening(fake.address) as (_, events):
        await anext(events)
        assert fake.requests[0][1] == f"/events?app={APP}&subscribeAll=false"


async def test_it_connects_again_when_the_socket_closes() -> None:
    async with fake_ari() as fake, listening(fake.address) as (_, events):
        for _ in range(3):
            assert await anext(events) == Connected()
            await (await fake.sockets.get()).close()


async def test_it_waits_for_an_asterisk_that_is_not_there_yet() -> None:
    async with fake_ari() as fake:
        port = fake.port
    async with listening(AriAddress("127.0.0.1", port, USER, "x")) as (ari, events):
        first = asyncio.ensure_future(anext(events))
        with pytest.raises(AsteriskError, match="cannot be reached"):
            await ari.ping()
        async with fake_ari(port) as fake:
            fake.password = "x"
            assert await first == Connected()


async def test_a_silent_asterisk_is_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ari_module, "HEARTBEAT", 0.02)
    async with fake_ari() as fake, listening(fake.address) as (_, events):
        fake.answers_pings = False
        assert await anext(events) == Connected()
        assert await anext(events) == Connected()


async def test_a_wrong_password_is_an_error_and_not_a_loop() -> None:
    async with fake_ari() as fake:
        fake.password = "another"
        async with Ari(fake.address, APP) as ari:
            with pytest.raises(AriRefused, match="refused the ARI user 'allo-mairie'") as error:
                await anext(ari.listen())
            assert fake.address.password not in str(error.value)
            with pytest.raises(AriRefused):
                await ari.ping()
        assert fake.refused == 2


async def test_a_second_application_of_the_same_name_is_an_error() -> None:
    async with fake_ari() as fake, listening(fake.address) as (_, events):
        await anext(events)
        socket = await fake.sockets.get()
        await socket.send_str('{"type": "ApplicationReplaced", "application": "another"}')
        await socket.send_str(f'{{"type": "ApplicationReplaced", "application": "{APP}"}}')
        with pytest.raises(AsteriskError, match="another process has taken over"):
            await until_raised(lambda: anext(events))


async def test_watched_events_go_to_their_watcher() -> None:
    async with fake_ari() as fake, listening(fake.address) as (ari, events):
        await anext(events)
        seen: list[Event] = []
        ari.watch("c1", seen.append)
        socket = await fake.sockets.get()
        await socket.send_str(event("ChannelDtmfReceived", "c1", digit="1"))
        await socket.send_str(event("StasisStart", "c1"))
        assert (await anext(events)) != seen[0]
        ari.unwatch("c1", print)
        await socket.send_str(event("ChannelDtmfReceived", "c1", digit="2"))
        ari.unwatch("c1", seen.append)
        await socket.send_str(event("ChannelDtmfReceived", "c1", digit="3"))
        third = await anext(events)
    assert [e.digit for e in seen if isinstance(e, ChannelDtmfReceived)] == ["1"]
    assert isinstance(third, ChannelDtmfReceived)


# --- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 409, 412, 422])
async def test_a_channel_that_has_left_is_a_caller_gone(status: int) -> None:
    async with fake_ari() as fake, Ari(fake.address, APP) as ari:
        gone = (status, '{"message": "Channel not found"}')
        fake.answers = dict.fromkeys(
            ("POST /channels/c/answer", "POST /channels/c/continue", "DELETE /channels/c"), gone
        )
        fake.answers["POST /bridges/b/addChannel"] = (400, '{"message": "Channel not found"}')
        for request in (ari.answer("c"), ari.resume("c"), ari.join("b", "c")):
            with pytest.raises(CallerGone, match="Channel not found"):
                await request
        await ari.hang_up("c")


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, "<html>"), (200, "not json"), (200, '{"a": 1}'), (200, '[{"id": 1}]'), (503, "")],
)
async def test_answers_that_make_no_sense_are_errors_of_asterisk(status: int, body: str) -> None:
    async with fake_ari() as fake, Ari(fake.address, APP) as ari:
        fake.answers["GET /channels"] = (status, body)
        with pytest.raises(AsteriskError, match=r"list its channels|not understood"):
            await ari.channels()


async def test_variables_and_missing_variables() -> None:
    async with fake_ari() as fake, Ari(fake.address, APP) as ari:
        place = "GET /channels/c/variable"
        fake.answers[place] = (200, '{"value": "x"}')
        assert await ari.variable("c", "V") == "x"
        fake.answers[place] = (404, '{"message": "Provided variable was not found"}')
        assert await ari.variable("c", "V") == ""
        fake.answers[place] = (404, '{"message": "Channel not found"}')
        with pytest.raises(CallerGone):
            await ari.variable("c", "V")


async def test_credentials_do_not_show() -> None:
    address = AriAddress("127.0.0.1", 8088, USER, "hidden-word")
    assert "hidden-word" not in f"{address!r} {address} {address.http}"
