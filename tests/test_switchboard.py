"""Real calls: a caller on the public network, the whole switchboard, an operator at the desk."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from rapidfuzz import fuzz

from ivr.calllog.tables import Call
from ivr.secrets import load_or_create
from ivr.testcaller.caller import Heard
from ivr.waiting.sounds import ENDING
from tests.console import ADMIN, browsing, console
from tests.exchange import pitch, tone
from tests.redis_server import redis_server
from tests.town import DESK, Town, town

pytestmark = [pytest.mark.telephone, pytest.mark.speech]

NUMBER = "0232001000"
RENEWED = "the new knowledge is in use"
SAID = (
    HOURS := "Bonjour, quels sont les horaires d'ouverture de la mairie ?",
    GOODBYE := "Non merci, au revoir.",
    SOMEBODY := "Je voudrais parler à quelqu'un s'il vous plaît.",
    CERTIFICATE := "Bonjour, je voudrais un acte de naissance.",
)
OPERATOR_HZ = 620
OPERATOR = tone(1000, OPERATOR_HZ)
"""What an operator says."""


@pytest.fixture(scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(tmp_path_factory.mktemp("town")) as hall:
        for words in SAID:  # now rather than while the machine waits
            await hall.speak(words)
        yield hall


def about(phrase: str, heard: str) -> bool:
    """Whether a phrase was said, as far as a recogniser can tell."""
    return fuzz.partial_ratio(phrase.lower(), heard.lower()) >= 75


def joined(heard: Heard) -> bool:
    """Whether this is what the operator says: then the two are talking."""
    return abs(pitch(heard.pcm) - OPERATOR_HZ) < 20


async def closed(hall: Town) -> Call:
    """The last call, once its record is closed and Asterisk has no channel left."""
    async with asyncio.timeout(10):
        while True:
            call = await hall.last_call()
            if call.ended_at is not None and not await hall.asterisk.channels():
                return call


async def test_a_question_is_answered(hall: Town) -> None:
    async with hall.phones.call(NUMBER) as caller:
        await caller.until_answered()
        heard = [await caller.listen()]  # and understood later: the machine does not wait long
        for words in (HOURS, GOODBYE):
            await caller.say(words)
            heard.append(await caller.listen())
        await caller.until_ended()
    greeting, answer, farewell = [(await caller.understand(one)).text for one in heard]
    assert about("mairie de Valmont", greeting)
    assert about("assistant vocal", greeting)
    assert about("n'est pas enregistrée", greeting)
    assert about("le samedi de 9h à midi", answer)
    assert about("avez-vous une autre question", answer)
    assert about("au revoir", farewell)
    call = await closed(hall)
    assert (call.outcome, call.ended_by) == ("answered", "machine")
    requests = [turn for turn in call.turns if turn.heard]
    assert requests[0].entry == "horaires-mairie"
    assert all(turn.response_ms for turn in requests)


async def test_the_caller_interrupts(hall: Town) -> None:
    async with hall.phones.call(NUMBER) as caller:
        await caller.until_answered()
        await caller.until_sound()
        spoken = await caller.say(SOMEBODY)
        seconds = caller.timeline.silence_after(spoken.start)
        assert seconds is not None
        assert seconds < 0.6, "0.25 on a quiet machine"
        await (await hall.phones.desk_rings(DESK)).refuse()
    call = await closed(hall)
    assert call.turns[1].cut_short is not None


async def test_zero_reaches_an_operator_who_sees_who_calls(hall: Town) -> None:
    async with hall.phones.call(NUMBER, "0612345678") as caller:
        await caller.until_answered()
        await caller.until_sound()
        await caller.press("0")
        desk = await hall.phones.desk_rings(DESK)
        assert desk.presented.number == "0612345678"
        async with asyncio.timeout(20):  # a whisper that is not there in time is left out
            while not [*hall.settings.sounds.glob(f"{32 * '?'}{ENDING}")]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await desk.answer()
        assert about("demande un agent", (await desk.hear()).text), (
            "whispered before they are joined"
        )
        caller.skip()
        await desk.say(OPERATOR)
        assert joined(await caller.listen())
        await desk.hang_up()
    call = await closed(hall)
    assert (call.outcome, call.department) == ("transferred", "accueil")


@pytest.mark.parametrize("seed", range(6))
async def test_a_caller_hangs_up_at_any_moment(hall: Town, seed: int) -> None:
    moment = random.Random(seed).uniform(0.0, 6.0)
    async with hall.phones.call(NUMBER) as caller:
        await caller.until_answered()
        talking = asyncio.create_task(caller.say(CERTIFICATE))
        await asyncio.wait([talking], timeout=moment)
        await caller.hang_up()
        await asyncio.gather(talking, return_exceptions=True)
    call = await closed(hall)
    assert call.ended_by == "caller"


async def announce(hall: Town, page: Page, text: str, first: datetime) -> None:
    """Have the greeting say so for a day; returns when calls go by it."""
    renewed = hall.serve.said(RENEWED)
    await page.goto("/reglages/annonces")
    await page.get_by_label("Texte").fill(text)
    await page.get_by_label("Du", exact=True).fill(f"{first:%Y-%m-%dT%H:%M}")
    await page.get_by_label("Jusqu'au").fill(f"{first + timedelta(days=1):%Y-%m-%dT%H:%M}")
    await page.get_by_role("button", name="Ajouter").click()
    await page.get_by_text("C'est enregistré.").wait_for()
    async with asyncio.timeout(20):
        while hall.serve.said(RENEWED) == renewed:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.1)


@pytest.mark.browser
async def test_a_call_hears_what_the_console_announces_is_watched_and_passed_on_from_there(
    hall: Town, browser: Browser, tmp_path: Path
) -> None:
    secrets = load_or_create(hall.settings.paths.var)
    async with (
        redis_server(hall.settings, secrets),
        console(tmp_path, hall.settings) as running,
        browsing(browser, running, ADMIN) as page,
        AsyncExitStack() as calling,
    ):
        page.on("dialog", lambda dialog: dialog.accept())
        today = datetime.now(running.parts.store.current.hours.zone).replace(hour=0, minute=0)
        await announce(hall, page, "La piscine est vidée aujourd'hui.", today - timedelta(days=2))
        await announce(hall, page, "Exceptionnellement, la mairie ferme à 16 heures.", today)
        await page.goto("/direct")
        caller = await calling.enter_async_context(hall.phones.call(NUMBER, "0612345678"))
        await caller.until_answered()
        greeting = await caller.listen()
        await page.get_by_text("06 12 •• •• 78").wait_for()
        await caller.say(CERTIFICATE)
        await page.locator(".heard").wait_for()
        shown_at = datetime.now(UTC)
        (heard,) = [turn for turn in (await hall.last_call()).turns if turn.heard]
        assert (shown_at - heard.at).total_seconds() < 1.5
        await page.get_by_text(f"« {heard.heard} »").wait_for()
        await page.get_by_role("link", name="06 12 •• •• 78").click()
        await page.get_by_label("À qui").select_option(f"poste:{DESK}")
        await page.get_by_role("button", name="Passer l’appel").click()
        await page.get_by_text("C’est fait").wait_for()
        desk = await hall.phones.desk_rings(DESK)
        assert desk.presented.number == "0612345678"
        assert "No Callers" in await hall.asterisk.rx("queue show accueil"), "for them alone"
        await desk.answer()
        await desk.listen(at_most_s=10)  # the whisper; then the two are joined
        await page.get_by_text("Parle avec").wait_for()
        await page.get_by_role("link", name="06 12 •• •• 78").click()
        await page.get_by_role("button", name="Terminer l’appel").click()
        await page.get_by_text("C’est fait").wait_for()
        await caller.until_ended()
        said = (await caller.understand(greeting)).text
        assert about("exceptionnellement la mairie ferme à 16", said)
        assert not about("la piscine est vidée", said)
    call = await closed(hall)
    assert (call.outcome, call.department) == ("transferred", "accueil")
    assert call.turns[-1].happened == "redirected"


async def test_people_take_over_when_the_application_is_killed_and_while_it_is_away(
    hall: Town,
) -> None:
    async with hall.phones.call(NUMBER) as caller:
        await caller.until_answered()
        await caller.until_sound()
        await hall.serve.stop(signal.SIGKILL)
        async with hall.phones.call(NUMBER, "0698765432"):
            desk = await hall.phones.desk_rings(DESK, at_most_s=30)
            assert desk.presented.number == "0698765432"
            await desk.answer()
            await desk.hang_up()
        await hall.serve.start()
        desk = await hall.phones.desk_rings(DESK, at_most_s=30)
        await desk.answer()
        caller.skip()
        await desk.say(OPERATOR)
        assert joined(await caller.listen())
    call = await closed(hall)
    assert (call.outcome, call.ended_by) == ("interrupted", "failure")
    async with hall.phones.call(NUMBER) as caller:
        await caller.until_answered()
        await caller.until_sound()
    assert (await closed(hall)).turns[0].said is not None
