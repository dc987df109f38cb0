"""The taking of calls, against an Asterisk that can be told to misbehave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr.asterisk import ari as ari_module
from ivr.asterisk import calls as calls_module
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_leg import AriLeg, bridge_id, clean_caller, clean_text, media_id
from ivr.asterisk.calls import Calls, Handler
from ivr.errors import AriRefused, AsteriskError, CallerGone
from ivr.events import CallerId, KeyPressed, QueueOutcome, QueueRequest
from tests.fake_ari import APP, FakeAri, channel, fake_ari, until_raised


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits in these tests."""
    monkeypatch.setattr(ari_module, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(calls_module, "GRACE", 0.001)


@asynccontextmanager
async def taking(
    fake: FakeAri, handle: Handler, at_once: int = 100
) -> AsyncIterator[tuple[Calls, asyncio.Task[None]]]:
    """An application that takes calls; its end must leave no task behind."""
    before = asyncio.all_tasks()
    async with Ari(fake.address, APP) as ari:
        calls = Calls(ari, handle, at_once=at_once)
        serving = asyncio.create_task(calls.serve())
        try:
            yield calls, serving
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert calls.active == 0
        ours = {t for t in asyncio.all_tasks() - before if "ivr" in repr(t.get_coro())}
        assert not ours


@pytest.mark.parametrize(
    ("number", "name", "cleaned"),
    [
        ("0612345678", "Jeanne Müller", CallerId("0612345678", "Jeanne Müller")),
        ("+33 6 12 34 56 78", "", CallerId("+33612345678", "")),
        ("", "anonymous", CallerId(None, "anonymous")),
        ("0612345678", "0612345678", CallerId("0612345678", "")),
        ("06;DROP TABLE", 'A "B"\r\nVia: x 😀', CallerId(None, "A 'B' Via: x")),
        ("٠٦١٢", "x" * 500, CallerId(None, "x" * 80)),
        ("1" * 40, "\x00\u202e<script>", CallerId(None, "script")),
    ],
)
def test_caller_ids_are_made_safe(number: str, name: str, cleaned: CallerId) -> None:
    assert clean_caller(number, name) == cleaned


def test_a_reason_is_one_line_without_what_sip_dislikes() -> None:
    assert clean_text('Carte d’identité "perdue"\r\nX: 1 😀; 12 €') == (
        "Carte d’identité 'perdue' X: 1 12 €"
    )


async def test_a_call_is_answered_joined_and_cleaned_away() -> None:
    legs: asyncio.Queue[AriLeg] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        legs.put_nowait(leg)
        while not isinstance(await leg.receive(), KeyPressed):
            pass
        await leg.hang_up()

    async with fake_ari() as fake, taking(fake, handle) as (calls, _):
        ringing = channel("c1", state="Ring")
        await fake.tell("StasisStart", "c1", channel=ringing, args=[])
        leg = await legs.get()
        assert (leg.started.call_id, leg.started.dialled) == ("c1", "0232000000")
        assert calls.active == 1
        await fake.tell("ChannelDtmfReceived", "unknown", digit="9")
        await fake.tell("ChannelDtmfReceived", "c1", digit="0")
        media, bridge = media_id(APP, leg.token), f"/bridges/{bridge_id(APP, leg.token)}"
        await fake.until_asked("DELETE", bridge)
        await fake.until_asked("DELETE", f"/channels/{media}")
        asked = [f"{method} {path}" for method, path, _ in fake.requests if method[0] in "PD"]
    assert asked[:-2] == [
        "POST /channels/externalMedia",
        f"POST {bridge}",
        f"POST {bridge}/addChannel",
        f"POST {bridge}/addChannel",
        "POST /channels/c1/answer",
        "DELETE /channels/c1",
    ]
    assert set(asked[-2:]) == {f"DELETE {bridge}", f"DELETE /channels/{media}"}


@pytest.mark.parametrize("fault", [RuntimeError("a fault of ours"), AsteriskError("hm")])
async def test_a_handler_that_fails_sends_the_caller_on(fault: Exception) -> None:
    async def handle(leg: AriLeg) -> None:
        raise fault

    async with fake_ari() as fake, taking(fake, handle):
        await fake.tell("StasisStart", "c1")
        await fake.until_asked("POST", "/channels/c1/continue")
        await fake.tell("StasisEnd", "c1")
        await fake.tell("StasisStart", "c2")  # and the next one is taken
        await fake.until_asked("POST", "/channels/c2/continue")


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("POST /channels/externalMedia", (500, '{"message": "no more channels"}')),
        ("POST /channels/externalMedia", (200, '{"id": "x"}')),
        ("POST /channels/externalMedia", (200, "rubbish")),
        ("POST /channels/c1/answer", (500, "")),
    ],
)
async def test_a_call_that_cannot_be_connected_goes_on(what: str, answer: tuple[int, str]) -> None:
    async def handle(leg: AriLeg) -> None:
        raise AssertionError("the leg was not connected")

    async with fake_ari() as fake, taking(fake, handle):
        fake.answers[what] = answer
        await fake.tell("StasisStart", "c1", channel=channel("c1", state="Ring"))
        await fake.until_asked("POST", "/channels/c1/continue")


@pytest.mark.parametrize(("late", "taken"), [(3, True), (1_000_000, False)])
async def test_a_media_channel_that_enters_the_application_late_is_waited_for(
    late: int, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.asterisk.ari_leg.ENTRY_POLL", 0)
    monkeypatch.setattr("ivr.asterisk.ari_leg.ENTRY_LIMIT", 5 if taken else 0.05)
    legs: list[AriLeg] = []

    async def handle(leg: AriLeg) -> None:
        legs.append(leg)

    async with fake_ari() as fake, taking(fake, handle):
        fake.late_media = late
        await fake.tell("StasisStart", "c1")
        await fake.until_asked("POST", "/channels/c1/continue")
    assert bool(legs) == taken


async def test_sound_that_does_not_start_sends_the_caller_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ivr.asterisk.media.START_TIMEOUT", 0.01)

    async def handle(leg: AriLeg) -> None:
        raise AssertionError("the leg was not connected")

    async with fake_ari() as fake, taking(fake, handle):
        fake.starts_media = False
        await fake.tell("StasisStart", "c1")
        await fake.until_asked("POST", "/channels/c1/continue")


@pytest.mark.parametrize("how", ["StasisEnd", "ChannelDestroyed", "ChannelHangupRequest"])
async def test_a_caller_who_leaves_ends_the_handler(how: str) -> None:
    ended: asyncio.Queue[BaseException] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        try:
            await until_raised(leg.receive)
        except CallerGone as gone:
            ended.put_nowait(gone)
            for again in (leg.receive(), leg.play(b"", "m"), leg.flush()):
                with pytest.raises(CallerGone):
                    await again
            with pytest.raises(CallerGone):
                await leg.send_to_queue(QueueRequest("accueil"))
            await leg.hang_up()  # raises nothing
            raise

    async with fake_ari() as fake, taking(fake, handle):
        await fake.tell("StasisStart", "c1")
        media = await fake.next_media()
        await fake.tell(how, "c1")
        assert isinstance(await ended.get(), CallerGone)
        await media.until_closed()
        assert not any(path.startswith("/channels/c1") for _, path, _ in fake.requests)


async def test_handing_over_to_the_operators() -> None:
    async def handle(leg: AriLeg) -> None:
        with pytest.raises(AsteriskError, match="cannot be the name of a queue"):
            await leg.send_to_queue(QueueRequest("accueil,1)\nexten"))
        asked = QueueRequest("etat-civil", 'Acte "perdu"\n😀', 10, "102", 2, True, "en", "a1b2")
        await leg.send_to_queue(asked)
        with pytest.raises(CallerGone):
            await leg.receive()
        await leg.hang_up()

    async with fake_ari() as fake, taking(fake, handle):
        await fake.tell("StasisStart", "c1")
        media = await fake.next_media()
        await media.until_closed()
        about = [(path, body) for _, path, body in fake.requests if path.startswith("/channels/c1")]
    assert about == [
        ("/channels/c1/variable", {"variable": "IVR_REASON", "value": "Acte 'perdu'"}),
        ("/channels/c1/variable", {"variable": "QUEUE_PRIO", "value": "10"}),
        ("/channels/c1/variable", {"variable": "IVR_OPERATOR", "value": "102"}),
        ("/channels/c1/variable", {"variable": "IVR_PLACE", "value": "2"}),
        ("/channels/c1/variable", {"variable": "IVR_PATIENT", "value": "1"}),
        ("/channels/c1/variable", {"variable": "IVR_WHISPER", "value": "a1b2"}),
        ("/channels/c1/variable", {"variable": "CHANNEL(language)", "value": "en"}),
        (
            "/channels/c1/continue",
            {"context": "operators", "extension": "etat-civil", "priority": 1},
        ),
    ]


async def test_a_call_whose_sound_is_lost_is_handed_over_all_the_same() -> None:
    async def handle(leg: AriLeg) -> None:
        with pytest.raises(AsteriskError, match="sound of the call was lost"):
            await until_raised(leg.receive)
        await leg.send_to_queue(QueueRequest("accueil"))

    async with fake_ari() as fake, taking(fake, handle):
        await fake.tell("StasisStart", "c1")
        await (await fake.next_media()).socket.close()
        await fake.until_asked("POST", "/channels/c1/continue")


@pytest.mark.parametrize(
    ("args", "outcome"),
    [
        ([], None),
        (["returned", "TIMEOUT"], QueueOutcome.TIMEOUT),
        (["returned", "JOINEMPTY"], QueueOutcome.JOIN_EMPTY),
        (["returned", ""], QueueOutcome.UNKNOWN),
        (["returned"], QueueOutcome.UNKNOWN),
        (["returned", "NEW-STATUS"], QueueOutcome.UNKNOWN),
    ],
)
async def test_a_call_that_returns_says_how_the_wait_ended(
    args: list[str], outcome: QueueOutcome | None
) -> None:
    legs: asyncio.Queue[AriLeg] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        legs.put_nowait(leg)

    async with fake_ari() as fake, taking(fake, handle):
        fake.answers["GET /channels/c1/variable"] = (200, '{"value": "0232999999"}')
        await fake.tell("StasisStart", "c1", args=args)
        started = (await legs.get()).started
    assert started.returned == outcome
    assert started.dialled == ("0232000000" if outcome is None else "0232999999")


async def test_no_more_calls_than_allowed_at_once() -> None:
    taken: asyncio.Queue[AriLeg] = asyncio.Queue()
    release = asyncio.Event()

    async def handle(leg: AriLeg) -> None:
        taken.put_nowait(leg)
        await release.wait()

    async with fake_ari() as fake, taking(fake, handle, at_once=2):
        for n in range(5):  # in one burst
            await fake.tell("StasisStart", f"c{n}")
        for n in (2, 3, 4):
            await fake.until_asked("POST", f"/channels/c{n}/continue")
        assert {(await taken.get()).started.call_id for _ in range(2)} == {"c0", "c1"}
        assert taken.empty()
        release.set()
        await fake.until_asked("POST", "/channels/c1/continue")


async def test_stopping_sends_every_caller_on() -> None:
    async def handle(leg: AriLeg) -> None:
        await asyncio.Event().wait()

    async with fake_ari() as fake:
        async with taking(fake, handle):
            for n in range(3):
                await fake.tell("StasisStart", f"c{n}")
                await fake.next_media()
            await fake.tell("StasisStart", "c3")  # perhaps not even begun
            await fake.until_asked("POST", "/channels/externalMedia", times=4)
        for n in range(4):
            await fake.until_asked("POST", f"/channels/c{n}/continue")
        assert fake.count("DELETE", "/bridges/") == 4


async def test_a_wrong_password_ends_the_taking_of_calls() -> None:
    async def handle(leg: AriLeg) -> None: ...

    async with fake_ari() as fake:
        fake.password = "another"
        async with taking(fake, handle) as (_, serving):
            with pytest.raises(AriRefused):
                await serving


async def test_what_happened_while_the_socket_was_closed_is_found_out() -> None:
    """Calls of ours that ended, calls left in our application, and channels without an owner."""
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def handle(leg: AriLeg) -> None:
        try:
            await until_raised(leg.receive)
        finally:
            ended.put_nowait(leg.started.call_id)

    async with fake_ari() as fake, taking(fake, handle):
        for name in ("kept", "left"):
            await fake.tell("StasisStart", name)
            await fake.next_media()
        forgotten, another = media_id(APP, "forgotten"), media_id("network", "another")
        del fake.channels["left"]
        fake.channels |= {name: channel(name) for name in ("stranded", forgotten)}
        for name, where in (("queued", ("Queue", "accueil")), (another, ("Stasis", "network"))):
            place = {"app_name": where[0], "app_data": where[1]}
            fake.channels[name] = channel(name, dialplan=place)
        fake.bridges = [bridge_id(APP, "forgotten"), "another"]
        await fake.drop_events()
        assert await ended.get() == "left"
        await fake.until_asked("POST", "/channels/stranded/continue")
        await fake.until_asked("DELETE", f"/channels/{forgotten}")
        await fake.until_asked("DELETE", f"/bridges/{bridge_id(APP, 'forgotten')}")
        await fake.tell("StasisEnd", "kept")
        assert await ended.get() == "kept"
        for untouched in ("/channels/queued", f"/channels/{another}", "/bridges/another"):
            assert not any(path.startswith(untouched) for _, path, _ in fake.requests)


async def test_comparing_with_an_asterisk_that_talks_nonsense_is_survived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(leg: AriLeg) -> None: ...

    async with fake_ari() as fake:
        fake.answers["GET /channels"] = (200, "rubbish")
        async with taking(fake, handle):
            await fake.until_asked("GET", "/channels")
            await fake.tell("StasisStart", "c1")
            await fake.until_asked("POST", "/channels/c1/continue")
    assert any("could not compare" in record.message for record in caplog.records)


async def test_a_listener_who_does_not_come_costs_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ivr.asterisk.ari_leg.MOST_WAITING", 10)
    overflowed = asyncio.Event()
    received: list[object] = []

    async def handle(leg: AriLeg) -> None:
        async def receive() -> None:
            received.append(await leg.receive())

        await overflowed.wait()
        with pytest.raises(CallerGone):
            await until_raised(receive)

    async with fake_ari() as fake, taking(fake, handle):
        await fake.tell("StasisStart", "c1")
        media = await fake.next_media()
        with caplog.at_level(logging.ERROR):
            for _ in range(50):
                await media.socket.send_bytes(bytes(640))
            await fake.tell("ChannelDtmfReceived", "c1", digit="1")
            await fake.tell("ChannelHangupRequest", "c1")
            await fake.tell("StasisStart", "c2")  # so that all before was taken
            await fake.next_media()
            overflowed.set()
            await media.until_closed()
    assert len(received) == 10
    assert sum("nobody listens" in record.message for record in caplog.records) == 1
