"""The test caller: what it hears, says and measures, alone and on the real Asterisk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.asterisk.ari import AriAddress
from ivr.asterisk.ari_leg import AriLeg
from ivr.asterisk.process import AsteriskProcess
from ivr.audio.form import FRAME_BYTES, duration_ms, silence
from ivr.errors import AsteriskError, CallerGone
from ivr.events import Frame, KeyPressed, Played
from ivr.secrets import Secrets
from ivr.settings import Settings
from ivr.testcaller import place
from ivr.testcaller.caller import Manner
from ivr.testcaller.mouth import Mouth, Utterance
from ivr.testcaller.network import private_settings
from ivr.testcaller.place import Conversation, Line, place_call
from ivr.testcaller.telephones import Telephones
from ivr.testcaller.timeline import QUIETEST, Segment, Timeline, Track, level
from tests.exchange import TOWN_HALL, application, pitch, tone, until_empty

LOUD, QUIET = tone(20), silence(20)


def track(pattern: str) -> Track:
    """A track of 20 ms frames from time 0: ``#`` is sound, ``.`` silence."""
    made = Track()
    for n, kind in enumerate(pattern, 1):
        made.add(LOUD if kind == "#" else QUIET, n / 50)
    return made


def rounded(*segments: Segment) -> list[tuple[float, float]]:
    return [(round(segment.start, 3), round(segment.end, 3)) for segment in segments]


# --- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", []),
        ("." * 50, []),
        ("..###..", [(0.04, 0.1)]),
        ("..##...", []),  # a click
        ("###" + "." * 10 + "###", [(0.0, 0.32)]),  # a pause between words
        ("###" + "." * 11 + "###", [(0.0, 0.06), (0.28, 0.34)]),
    ],
)
def test_stretches_of_sound(pattern: str, found: list[tuple[float, float]]) -> None:
    assert rounded(*track(pattern).segments()) == found


def test_gaps_and_stops() -> None:
    timeline = Timeline(heard=track("." * 5 + "#" * 10 + "." * 20 + "#" * 10))
    assert timeline.response_gap(0.35) == pytest.approx(0.7 - 0.35)
    assert timeline.response_gap(0.8) is None
    assert timeline.silence_after(0.2) == pytest.approx(0.1)
    assert timeline.silence_after(0.5) is None


def test_the_threshold_rises_with_the_noise_of_the_line() -> None:
    noise, mouth = Track(), Mouth()
    for n in range(100):
        noise.add(mouth.next_frame(noise_dbfs=-50)[1], n / 50)
    assert noise.segments() == []
    assert noise.threshold() == pytest.approx(-40, abs=1)


def test_levels() -> None:
    assert level(QUIET) == level(b"") == QUIETEST
    assert level(tone(1000)) == pytest.approx(-15, abs=0.1)


def test_a_mouth_breathes_between_words() -> None:
    mouth, word = Mouth(), Utterance(QUIET + LOUD + LOUD + QUIET[:100])
    before = [mouth.next_frame(-60)[1]]
    mouth.add(word)
    said = [mouth.next_frame(-60)[1] for _ in range(5)]
    audible = [level(frame) > -20 for frame in before + said]
    assert audible == [False, False, True, True, False, False]
    assert all(len(frame) == FRAME_BYTES for frame in said)
    for n in range(1, 7):
        mouth.has_left(n / 50)
    assert word.done.is_set()
    assert rounded(word.on_the_wire()) == [(0.04, 0.08)]


# --- on the line -------------------------------------------------------------------------------


async def next_key(leg: AriLeg) -> str:
    while not isinstance(event := await leg.receive(), KeyPressed):
        pass
    return event.key


async def parrot(leg: AriLeg) -> None:
    """Greets with a tone, then answers whatever it hears with a higher one; ends at key 0."""
    await leg.play(tone(400, 500), "greeting")
    listening, loud, quiet = False, 0, 0
    while True:
        match await leg.receive():
            case KeyPressed("0"):
                return await leg.hang_up()
            case Played():
                listening, loud, quiet = True, 0, 0
            case Frame(pcm) if listening:
                sound = level(pcm) > -40
                loud, quiet = loud + sound, 0 if sound else quiet + 1
                if loud > 5 and quiet > 10:
                    listening = False
                    await leg.play(tone(600, 900), "answer")
            case _:
                pass


@pytest.mark.telephone
async def test_a_conversation_and_its_times(address: AriAddress, phones: Telephones) -> None:
    async with application(address, parrot), phones.call(TOWN_HALL) as caller:
        await caller.until_answered()
        greeting = await caller.listen(until_silence_ms=400)
        said = await caller.say(silence(200) + tone(500) + silence(100))
        answer = await caller.listen(until_silence_ms=400)
        await caller.press("0")
        await caller.until_ended()
        with pytest.raises(CallerGone):
            await caller.say(tone(1000))
        await caller.hang_up()  # raises nothing
        assert (await caller.listen()).pcm == b""
    assert pitch(greeting.pcm) == pytest.approx(500, abs=15)
    assert pitch(answer.pcm) == pytest.approx(900, abs=15)
    assert said.seconds == pytest.approx(0.5, abs=0.1)
    assert answer.segment.seconds == pytest.approx(0.6, abs=0.1)
    assert greeting.segment.end < said.start < said.end < answer.segment.start
    gap = caller.timeline.response_gap(said.end)
    assert gap == pytest.approx(answer.segment.start - said.end)
    assert caller.cause == "Normal Clearing (16)"


@pytest.mark.telephone
async def test_words_are_spoken_and_understood_by_whatever_is_given(
    address: AriAddress, phones: Telephones
) -> None:
    async def speak(text: str) -> bytes:
        return tone(100 * len(text))

    async def transcribe(pcm: bytes) -> str:
        return f"{round(pitch(pcm), -2):g} Hz"

    manner = Manner(speak, transcribe)
    async with application(address, parrot), phones.call(TOWN_HALL, manner=manner) as caller:
        await caller.until_answered()
        assert (await caller.hear(400)).text == "500 Hz"
        assert (await caller.say("bonjour")).seconds == pytest.approx(0.7, abs=0.1)
        assert (await caller.hear(400)).text == "900 Hz"


@pytest.mark.telephone
async def test_saying_can_be_broken_off(address: AriAddress, phones: Telephones) -> None:
    async with application(address, parrot), phones.call(TOWN_HALL) as caller:
        await caller.until_answered()
        await caller.listen(until_silence_ms=200)
        saying = asyncio.create_task(caller.say(tone(20_000)))
        while not caller.timeline.near():
            await caller.until_frame()
        saying.cancel()
        await asyncio.wait([saying])
        assert (await caller.listen(until_silence_ms=200)).segment.seconds < 2
        assert sum(segment.seconds for segment in caller.timeline.near()) < 2


@pytest.mark.telephone
async def test_a_number_that_the_switchboard_refuses(phones: Telephones) -> None:
    async with phones.call("?") as caller:
        with pytest.raises(AsteriskError, match="the call was not answered"):
            await caller.until_answered()


# --- ivr call ----------------------------------------------------------------------------------


def test_a_conversation_as_people_read_it() -> None:
    told = Conversation(
        (
            Line("town hall", 0.5, 4.25, "Bonjour."),
            Line("caller", 5.8, 7.0, "Les horaires ?"),
            Line("town hall", 7.75, 11.0, "De neuf heures à dix-sept heures."),
        ),
        True,
        "the caller hung up",
    )
    assert str(told) == (
        "  0.50 -   4.25 s  town hall  Bonjour.\n"
        "  5.80 -   7.00 s  caller     Les horaires ?\n"
        "  7.75 -  11.00 s  town hall  De neuf heures à dix-sept heures.\n"
        "answered after 0.75 s\n"
        "the caller hung up"
    )


async def speak(text: str) -> bytes:
    return tone(100 * len(text))


async def transcribe(pcm: bytes) -> str:
    return f"{round(pitch(pcm), -2):g} Hz for {round(duration_ms(pcm), -3)} ms"


@pytest.mark.telephone
async def test_placing_a_call(
    address: AriAddress,
    asterisk: AsteriskProcess,
    settings: Settings,
    secrets: Secrets,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, "PAUSE_MS", 400)
    dialled: list[str] = []

    async def handle(leg: AriLeg) -> None:
        dialled.append(leg.started.dialled)
        await parrot(leg)

    async with application(address, handle):
        told = await place_call(settings, secrets, ["bonjour", "horaires"], speak, transcribe)
        await until_empty(asterisk)
    assert dialled == [place.ANY_NUMBER]
    assert told.answered
    assert told.ended == "the caller hung up"
    assert [(line.who, line.text.split(" for")[0]) for line in told.lines] == [
        ("town hall", "500 Hz"),
        ("caller", "bonjour"),
        ("town hall", "900 Hz"),
        ("caller", "horaires"),
        ("town hall", "900 Hz"),
    ]
    times = [time for line in told.lines for time in (line.start_s, line.end_s)]
    assert times == sorted(times)
    assert times[0] > 0


@pytest.mark.telephone
async def test_placing_a_call_that_gets_no_answer(
    address: AriAddress, settings: Settings, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "PAUSE_MS", 400)
    monkeypatch.setattr(place, "PATIENCE", 0.5)

    async def deaf(leg: AriLeg) -> None:
        await leg.play(tone(400), "greeting")
        await next_key(leg)

    async def abrupt(leg: AriLeg) -> None:
        await leg.hang_up()

    async with application(address, deaf):
        told = await place_call(settings, secrets, ["oui"], speak, transcribe)
    assert not told.answered
    assert told.ended == "no answer came within 0.5 s"
    assert [line.who for line in told.lines] == ["town hall", "caller"]
    async with application(address, abrupt):
        told = await place_call(settings, secrets, ["oui"], speak, transcribe)
    assert not told.answered
    assert told.ended == "the other side ended the call: Normal Clearing (16)"


@pytest.mark.telephone
async def test_placing_a_call_with_a_wrong_password(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets
) -> None:
    class Wrong:
        ari, ami, test_line, phones = secrets.ari, secrets.ami, "wrong-password", secrets.phones

    told = await place_call(settings, Wrong(), ["oui"], speak, transcribe)
    assert not told.answered
    assert told.ended.startswith("the call was not answered: ")
    assert told.lines == ()


async def test_placing_a_call_while_the_switchboard_is_away(
    tmp_path: Path, secrets: Secrets
) -> None:
    settings = private_settings(tmp_path)
    with pytest.raises(AsteriskError, match=r"is not running.*scripts/run"):
        await place_call(settings, secrets, [], speak, transcribe)


async def test_placing_a_call_where_test_calls_are_off(secrets: Secrets) -> None:
    settings = Settings.model_validate({"trunk": {"test_line": False}})
    with pytest.raises(AsteriskError, match=r"trunk.test_line = true"):
        await place_call(settings, secrets, [], speak, transcribe)
